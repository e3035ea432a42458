"""Where two tapes part, in words, both sides shown."""

from collections.abc import Iterator, Sequence
from typing import Final

from feedtape.edit.diff import Diff
from feedtape.edit.diff_align import ALTERED, ONLY_A, ONLY_B, ORDER, TIME, Item
from feedtape.edit.diff_books import BookDiff, BooksDiff
from feedtape.edit.diff_frames import KINDS, Difference, FramesDiff
from feedtape.edit.diff_meaning import Change
from feedtape.edit.diff_side import Side
from feedtape.edit.diff_updates import Parting, Sighting, StreamDiff, UpdatesDiff
from feedtape.replay.times import clock, iso, span
from feedtape.ui.output import printable
from feedtape.ui.summary import count, counted

_VERDICTS: Final = {0: "equal", 3: "equal as far as both go", 5: "DIFFERENT"}
_BY: Final = {"frames": "frame by frame", "updates": "by the venue's numbers", "books": "books at equal sequence numbers"}
_WORDS: Final = {
    ALTERED: "altered",
    TIME: "at another time",
    ORDER: "in another order",
    ONLY_A: "only in a",
    ONLY_B: "only in b",
}
_CHANGES_SHOWN = 10
_BEFORE, _WIDTH = 40, 120


def diff_lines(result: Diff) -> list[str]:
    """Return the lines that `diff` prints."""
    lines = [_side_line(name, side) for name, side in zip("ab", result.sides, strict=True)]
    lines.append(f"compared {_BY[result.by]}")
    if isinstance(result, FramesDiff):
        lines += _frames(result)
    elif isinstance(result, UpdatesDiff):
        lines += _updates(result)
    elif isinstance(result, BooksDiff):
        lines += _books(result)
    return [*lines, f"verdict  {_VERDICTS[result.status]}"]


def reasons(result: Diff) -> list[str]:
    """Return in words why a comparison has the status that it has."""
    short = [f"{name} is cut" for name, side in zip("ab", result.sides, strict=True) if side.cut]
    return ["the tapes differ"] if result.status == 5 else [*short, "they are equal as far as both go"]


def _side_line(name: str, side: Side) -> str:
    read = "" if side.first is None else f"   {iso(side.first)} .. {clock(side.last)}"
    cut = f"   cut ({side.cut})" if side.cut else ""
    holes = f"   {counted(len(side.tape.holes), 'hole')}" if side.tape.holes else ""
    return f"{name}        {printable(side.tape.name)}{read}{printable(cut)}{holes}"


def _value(text: str | None) -> str:
    return "-" if text is None else _short(text)


def _short(text: str) -> str:
    return printable(text if len(text) <= _WIDTH else text[:_WIDTH] + "…")


def _change_lines(changes: Sequence[Change], total: int | None = None) -> Iterator[str]:
    shown = changes[:_CHANGES_SHOWN]
    width = max((len(_short(change.what)) for change in shown), default=0)
    for change in shown:
        yield f"  {_short(change.what):<{width}}  a {_value(change.a)}   b {_value(change.b)}"
    more = (len(changes) if total is None else total) - len(shown)
    if more > 0:
        yield f"  and {count(more)} more; --json lists them"


# -- frame by frame


def _frames(result: FramesDiff) -> Iterator[str]:
    yield f"equal    {counted(result.equal, 'record')}   {count(result.equal_findings)} of the tool's findings"
    yield "differ   " + _counts(result.counts)
    if sum(result.derived.values()):
        yield "tool     says otherwise: " + _counts(result.derived)
    if any(result.uncovered):
        a, b = result.uncovered
        yield f"lacking  {counted(a, 'record')} of a where b is cut, ends, or begins later   {count(b)} of b where a does"
    if result.undecided:
        yield f"note     {counted(result.undecided, 'digest')} that only one of them wrote down"
    for change in result.notes[:_CHANGES_SHOWN]:
        yield f"note     the headers differ: {_short(change.what)}  a {_value(change.a)}   b {_value(change.b)}"
    for difference in result.differences:
        yield ""
        yield from _difference(difference)
    if result.differences:
        if result.differ > len(result.differences):
            yield f"and {count(result.differ - len(result.differences))} more; --all shows them"
        yield ""


def _counts(counts: dict[str, int]) -> str:
    return "   ".join(f"{count(counts[kind])} {_WORDS[kind]}" for kind in KINDS)


def _difference(difference: Difference) -> Iterator[str]:
    kind = difference.kind
    what = "the tool says otherwise" if difference.derived else _WORDS[kind]
    targets = "".join(f"   {printable(target)}" for target in difference.targets[:4])
    yield f"{what}{f', {_WORDS[kind]}' if difference.derived else ''}{targets}"
    if kind == ALTERED:
        yield from _both(difference)
        return
    for name, items in (("a", difference.a), ("b", difference.b)):
        for item in items:
            yield f"  {name}  {_where(item)}"
            if kind != TIME or name == "b":
                yield f"     {_excerpt(item.record.payload, 0)}"
        if not items:
            yield f"  {name}  nothing"


def _both(difference: Difference) -> Iterator[str]:
    offset = difference.offset or 0
    for name, item in (("a", difference.a[0]), ("b", difference.b[0])):
        yield f"  {name}  {_where(item)}"
    yield f"  from byte {count(offset)} of the payload on:"
    for name, item in (("a", difference.a[0]), ("b", difference.b[0])):
        yield f"  {name}  {_excerpt(item.record.payload, offset)}"
    yield from _change_lines(difference.changes)


def _where(item: Item) -> str:
    record = item.record
    place = f"record {count(item.number)}, frame {count(item.frame)}, {iso(record.time)} ({record.time})"
    return f"{place}, connection {record.connection}, {printable(record.kind.decode(errors='replace'))}"


def _excerpt(payload: bytes, offset: int) -> str:
    start = max(offset - _BEFORE, 0)
    end = start + _WIDTH
    text = payload[start:end].decode(errors="replace")
    return ("…" if start else "") + printable(text) + ("…" if end < len(payload) else "")


# -- by the venue's numbers


def _updates(result: UpdatesDiff) -> Iterator[str]:
    for stream in result.streams:
        yield from _stream(stream)
    for name, keys in zip("ab", result.alone, strict=True):
        for key in keys[:_CHANGES_SHOWN]:
            yield f"note     only in {name}: {key.kind} of {printable(key.target)} {printable(key.channel)}".rstrip()
    for parting in result.partings:
        yield ""
        yield from _parting(parting)
    if result.partings:
        yield ""


def _stream(stream: StreamDiff) -> Iterator[str]:
    key, join = stream.key, stream.join
    name = f"{key.kind:<8} {printable(key.target)} {printable(key.channel)}".rstrip()
    common = "nothing in common" if join.common is None else f"{join.common[0]} .. {join.common[1]}"
    yield f"{name}   {common}"
    yield (
        f"         {count(stream.equal)} equal   {count(stream.differ)} differ   {count(join.only[0])} only in a   "
        f"{count(join.only[1])} only in b   {count(join.unmatched)} unmatched   "
        f"outside {count(join.outside[0])} of a, {count(join.outside[1])} of b"
    )
    lags = join.lags
    if lags.median is not None and lags.least is not None and lags.most is not None:
        yield f"         b came later by {_ms(lags.median)} in the middle, {_ms(lags.least)} at least, {_ms(lags.most)} at most"
    if stream.contradicted:
        yield f"         {count(stream.contradicted)} come twice in one of the tapes and differ there"
    strays = sum(one.strays for one in join.streams)
    if strays:
        yield f"         {count(strays)} not compared: their numbers run far backwards"


def _ms(ns: int) -> str:
    return f"{ns / 1e6:.3f} ms" if abs(ns) < 60 * 10**9 else ("-" if ns < 0 else "") + span(abs(ns))


def _parting(parting: Parting) -> Iterator[str]:
    key, place = parting.key, parting.place
    number = f"of {iso(place.last)}" if parting.by_time else f"{place.last}"
    what = {"book": "update", "trades": "trade", "quotes": "quote"}.get(key.kind, key.kind)
    yield f"{_WORDS[parting.kind]}: {what} {number}   {printable(key.target)} {printable(key.channel)}".rstrip()
    before, after = parting.beside
    for name, sightings in (("a", parting.a), ("b", parting.b)):
        for sighting in sightings:
            yield f"  {name}  {_sighting(sighting)}"
        if not sightings:
            since, until = "its start" if before is None else before, "its end" if after is None else after
            yield f"  {name}  nothing between {since} and {until}"
    yield from _change_lines(parting.changes)


def _sighting(sighting: Sighting) -> str:
    where = f"record {count(sighting.number)}, frame {count(sighting.frame)}, {iso(sighting.time)} ({sighting.time})"
    event = sighting.event.as_json()
    said = "  ".join(f"{name} {event[name]}" for name in event if name not in ("type", "target", "recv", "snapshot", "channel"))
    return f"{where}, connection {sighting.connection}\n     {_short(said)}"


# -- books


def _books(result: BooksDiff) -> Iterator[str]:
    for book in result.books:
        yield from _book(book)
    for name, targets in zip("ab", result.alone, strict=True):
        for target in targets[:_CHANGES_SHOWN]:
            yield f"note     only in {name}: {printable(target)}"


def _book(book: BookDiff) -> Iterator[str]:
    numbers = "" if book.first is None else f"   {book.first} .. {book.last}"
    yield f"book     {printable(book.name)}   {counted(book.compared, 'state')} compared, {count(book.differ)} differ{numbers}"
    if book.windowed:
        yield "         prices beyond the snapshots that the venue cut off were left out"
    if book.back:
        yield f"         {counted(book.back, 'state')} not compared: their numbers had been reached before"
    if book.parted is None:
        return
    agreed = "at none before" if book.agreed is None else f"the last time before at {book.agreed}"
    times = " and ".join(f"{name} {iso(time)} ({time})" for name, time in zip("ab", book.times, strict=True) if time is not None)
    yield f"         they part at {book.parted}, {times}; equal {agreed}"
    if book.again is not None:
        yield f"         equal again at {book.again}"
    yield from _change_lines(book.changes, book.levels)
