"""The facts of a tape, in words."""

from typing import Any

from feedtape.replay.times import clock, iso, span
from feedtape.ui.output import printable
from feedtape.ui.summary import amount, count


def facts_lines(facts: dict[str, Any]) -> list[str]:
    """Return the lines that `info` prints."""
    start, end = int(facts["start"]), int(facts["end"])
    ratio = f"   {facts['bytes'] / facts['size']:.1f}x" if facts["size"] else ""
    state = "complete" if facts["cut"] is None else f"cut at {clock(end)} ({facts['cut']}); read in full, since it has no index"
    decoders = " ".join((facts["decoders"] or {}).values())
    lines = [
        f"file         {printable(facts['tape'])}   {amount(facts['size'])}   sha256 {facts['sha256'][:16]}..",
        f"state        {state}",
        f"made by      {printable(str(facts['made_by']))}, format {facts['format']}, decoders {printable(decoders) or '-'}",
        f"session      {printable(str(facts['session']))}" + (f"   note: {printable(facts['note'])}" if facts["note"] else ""),
        f"time         {iso(start)} .. {clock(end)}   {span(end - start)}",
        f"frames       {count(facts['frames'])}   {amount(facts['bytes'])} raw{ratio}   "
        f"{facts['blocks']} blocks, {facts['keyframes']} keyframes",
        f"connections  {facts['connections']}",
        f"events       losses {facts['losses']}   bad frames {facts['bad_frames']}   stalls {facts['stalls']}   "
        f"dropped here {facts['dropped']}",
        "",
    ]
    width = max([4, *(len(printable(name)) for name in facts["books"])])
    lines.append(f"{'book':<{width}}  {'updates':>9}  {'gaps':>5}  {'resyncs':>7}  {'levels':>11}  proof")
    for name, one in facts["books"].items():
        levels = f"{one['levels'][0]}/{one['levels'][1]}"
        numbers = f"{count(one['updates']):>9}  {one['gaps']:>5}  {one['resyncs']:>7}  {levels:>11}"
        lines.append(f"{printable(name):<{width}}  {numbers}  {one['proof']}")
    for name, one in facts["flows"].items():
        lines.append(f"{printable(name):<{width}}  trades {count(one['trades'])}, quotes {count(one['quotes'])}")
    return lines
