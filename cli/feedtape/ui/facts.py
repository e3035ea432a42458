"""The facts of a tape, in words."""

from collections.abc import Sequence
from typing import Any, NamedTuple

from feedtape.errors import TapeError
from feedtape.feed.chain import family_of
from feedtape.replay.times import clock, iso, span
from feedtape.ui.book_table import chains_of, worst
from feedtape.ui.columns import Column, table
from feedtape.ui.output import printable
from feedtape.ui.summary import amount, count

_MARKERS_SHOWN = 10


def facts_lines(facts: dict[str, Any], width: int | None = None, *, every: bool = False) -> list[str]:
    """Return the lines that `info` prints.

    Args:
        width: columns that there are; None: as many as are needed.
        every: list each option of a chain.

    Raises:
        TapeError: when what the tape says of itself is not of the shape that it must have.
    """
    try:
        return _lines(facts, width, every=every)
    except (AttributeError, KeyError, TypeError, ValueError) as error:
        raise TapeError(f"{facts['tape']} says of itself what cannot be read: {type(error).__name__}: {error}") from error


def _lines(facts: dict[str, Any], width: int | None, *, every: bool) -> list[str]:
    lines = [f"{name:<13}{text}" for name, text in _head(facts).items() if text]
    return [*lines, "", *_books(facts, width, every=every), *_flows(facts), *_markers(facts)]


def _head(facts: dict[str, Any]) -> dict[str, str]:
    start, end = int(facts["start"]), int(facts["end"])
    ratio = f"   {facts['bytes'] / facts['size']:.1f}x" if facts["size"] else ""
    decoders = " ".join((facts["decoders"] or {}).values())
    note = f"   note: {printable(str(facts['note']))}" if facts["note"] else ""
    segment = f" (segment {facts['segment']})" if facts["segment"] else ""
    meta = "  ".join(f"{printable(str(key))}={printable(str(value))}" for key, value in (facts["meta"] or {}).items())
    blocks = f"{count(facts['blocks'])} blocks, largest {amount(facts['largest_block'])}, {facts['keyframes']} keyframes"
    return {
        "file": f"{printable(facts['tape'])}   {amount(facts['size'])}"
        + (f"   sha256 {facts['sha256']}" if facts["sha256"] else ""),
        "state": _state(facts, end),
        "chain": printable(str(facts["chain"])) if facts["chain"] else "",
        "made by": f"{printable(str(facts['made_by']))}, format {facts['format']}, decoders {printable(decoders) or '-'}",
        "session": f"{printable(str(facts['session']))}{segment}{note}",
        "meta": meta,
        **_origin(facts),
        "time": f"{iso(start)} .. {clock(end)}   {span(end - start)}",
        "frames": f"{count(facts['frames'])}   {amount(facts['bytes'])} raw{ratio}   {blocks}",
        "connections": str(facts["connections"]),
        "events": f"losses {facts['losses']}   resyncs {facts.get('resyncs', '-')}   bad frames {facts['bad_frames']}   "
        f"stalls {facts['stalls']}   dropped here {facts['dropped']}   markers {len(facts.get('markers', []))}",
    }


def _state(facts: dict[str, Any], end: int) -> str:
    if facts["cut"] is not None:
        return f"cut at {clock(end)} ({printable(facts['cut'])}); read in full, since it has no index"
    if facts["holes"]:
        return f"damaged in {facts['holes']} places; feedtape repair heals it"
    return "complete" if facts["indexed"] else "complete; read in full, since it has no index"


def _origin(facts: dict[str, Any]) -> dict[str, str]:
    """Say what the tape was made from, if it was not recorded."""
    source, repaired, merged = facts["source"] or {}, facts["repaired"] or {}, facts["sources"] or []
    lines = {}
    if "cut" in source:
        cut = source["cut"]
        sealed = "".join(f", sealed by {seal['key']}" for seal in (cut.get("sealed") or [])[:1])
        lines["cut from"] = f"{cut['tape']} (session {cut['session']}, chain {str(cut['chain'])[:16]}…{sealed})"
    elif "format" in source:
        files = ", ".join(str(file.get("name")) for file in source.get("files", []))
        lines["imported"] = f"from {source['format']}: {files}"
    if repaired:
        lines["repaired"] = f"from {repaired['tape']}: {repaired['damages']} damages, {count(repaired['bytes'])} bytes"
    if merged:
        lines["merged"] = "from " + ", ".join(" ".join(map(str, one.get("tapes", []))) for one in merged)
    return {name: printable(text)[:200] for name, text in lines.items()}


class _Row(NamedTuple):
    """A row of the table of books; the columns in their order."""

    name: str
    frames: int | None
    bytes: int
    rate: str
    updates: int
    gaps: int
    resyncs: int
    levels: str
    grade: str
    proof: str


def _books(facts: dict[str, Any], width: int | None, *, every: bool) -> list[str]:
    books, traffic = facts["books"], facts.get("traffic", {})
    if not books:
        return ["no book"]
    rows = {name: _row(name, one, traffic.get(name.partition("@")[0], {})) for name, one in books.items()}
    for name, options in ({} if every else chains_of(rows)).items():
        each = [rows[target] for target in options]
        chain = [_chain(name, each), *(row._replace(name=f"  {row.name}") for row in each if row.gaps)]
        # It stands where the first of its options stood.
        rows = _in_place(rows, options, {row.name: row for row in chain})
    return _table(list(rows.values()), sum(one["bytes"] for one in traffic.values()) or 1, width)


def _in_place(rows: dict[str, _Row], options: Sequence[str], others: dict[str, _Row]) -> dict[str, _Row]:
    found: dict[str, _Row] = {}
    for name, row in rows.items():
        if name == options[0]:
            found |= others
        elif name not in options:
            found[name] = row
    return found


def _row(name: str, one: dict[str, Any], sent: dict[str, Any]) -> _Row:
    proof = one["proof"] + (f" (top {one['checksums']['covers']})" if one["proof"] == "checksum" else "")
    proof += f" ({one['reason']})" if one["state"] != "live" else ""
    levels = f"{one['levels'][0]}/{one['levels'][1]}"
    counts = one["updates"], one["gaps"], one["resyncs"]
    return _Row(name, sent.get("frames"), sent.get("bytes", 0), _rate(sent), *counts, levels, one["proof"], proof)


def _chain(name: str, rows: Sequence[_Row]) -> _Row:
    frames = [row.frames for row in rows if row.frames is not None]
    updates, gaps, resyncs, size = (
        sum(numbers) for numbers in zip(*((row.updates, row.gaps, row.resyncs, row.bytes) for row in rows), strict=True)
    )
    told = f"{name}, {len(rows)} books"
    grades = [row.grade for row in rows]
    return _Row(told, sum(frames) if frames else None, size, "-", updates, gaps, resyncs, "-", worst(grades)[0], worst(grades)[1])


def _table(rows: Sequence[_Row], total: int, width: int | None) -> list[str]:
    shares = ["-" if row.frames is None else f"{row.bytes / total:.0%}" for row in rows]
    columns = [
        Column("book", [printable(row.name) for row in rows], is_text=True),
        Column("frames", ["-" if row.frames is None else count(row.frames) for row in rows], 5),
        Column("share", shares, 3),
        Column("rate min..max", [row.rate for row in rows], 2),
        Column("updates", [count(row.updates) for row in rows], 4),
        Column("gaps", [str(row.gaps) for row in rows]),
        Column("resyncs", [str(row.resyncs) for row in rows], 6),
        Column("levels", [row.levels for row in rows], 1),
    ]
    return table(columns, Column("proof", [printable(row.proof) for row in rows]), width).lines


def _rate(sent: dict[str, Any]) -> str:
    if not sent or sent["slowest_hz"] is None:
        return "-"
    return f"{sent['slowest_hz']:.1f}..{sent['fastest_hz']:.1f} Hz"


def _flows(facts: dict[str, Any]) -> list[str]:
    flows = facts["flows"]
    lines = [
        f"{printable(name)}  trades {count(one['trades'])}, quotes {count(one['quotes'])}"
        for name, one in flows.items()
        if one["trades"] or one["quotes"]
    ]
    silent = [name for name, one in flows.items() if not one["trades"] and not one["quotes"]]
    options = sum(family_of(name.partition(":")[2]) is not None for name in silent)
    told = [
        f"{count(number)} {what}" for number, what in ((options, "options"), (len(silent) - options, "other symbols")) if number
    ]
    return [*lines, f"{' and '.join(told)} told of without trades or quotes"] if told else lines


def _markers(facts: dict[str, Any]) -> list[str]:
    markers = facts.get("markers", [])
    lines = [f"marker {number}  {iso(int(time))}  {printable(text)}" for number, (time, text) in enumerate(markers, 1)]
    more = len(lines) - _MARKERS_SHOWN
    return lines[:_MARKERS_SHOWN] + ([f"and {more} markers more; --json lists them"] if more > 0 else [])
