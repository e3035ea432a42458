"""The facts of a tape, in words."""

from typing import Any

from feedtape.errors import TapeError
from feedtape.feed.chain import family_of
from feedtape.replay.times import clock, iso, span
from feedtape.ui.output import printable
from feedtape.ui.summary import amount, count

_MARKERS_SHOWN = 10


def facts_lines(facts: dict[str, Any]) -> list[str]:
    """Return the lines that `info` prints.

    Raises:
        TapeError: when what the tape says of itself is not of the shape that it must have.
    """
    try:
        return _lines(facts)
    except (AttributeError, KeyError, TypeError, ValueError) as error:
        raise TapeError(f"{facts['tape']} says of itself what cannot be read: {type(error).__name__}: {error}") from error


def _lines(facts: dict[str, Any]) -> list[str]:
    lines = [f"{name:<13}{text}" for name, text in _head(facts).items() if text]
    return [*lines, "", *_books(facts), *_flows(facts), *_markers(facts)]


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


def _books(facts: dict[str, Any]) -> list[str]:
    books, traffic = facts["books"], facts.get("traffic", {})
    total = sum(one["bytes"] for one in traffic.values()) or 1
    width = max([4, *(len(printable(name)) for name in books)])
    columns = f"{'frames':>9} {'share':>6}  {'rate min..max':>16}  {'updates':>9} {'gaps':>5} {'resyncs':>7} {'levels':>11}"
    lines = [f"{'book':<{width}}  {columns}  proof"]
    for name, one in books.items():
        sent = traffic.get(name.partition("@")[0], {})
        frames, share = (count(sent["frames"]), f"{sent['bytes'] / total:.0%}") if sent else ("-", "-")
        levels = f"{one['levels'][0]}/{one['levels'][1]}"
        covers = one["checksums"]["covers"]
        proof = one["proof"] + (f" (top {covers})" if one["proof"] == "checksum" else "")
        proof += f" ({printable(one['reason'])})" if one["state"] != "live" else ""
        lines.append(
            f"{printable(name):<{width}}  {frames:>9} {share:>6}  {_rate(sent):>16}  {count(one['updates']):>9} "
            f"{one['gaps']:>5} {one['resyncs']:>7} {levels:>11}  {proof}"
        )
    return lines


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
