"""Arguments and options that several commands share, so that the same flag means the same everywhere."""

import re
from pathlib import Path
from typing import Annotated

import typer

from feedtape.errors import UsageError

_UNITS = {"ns": 1, "us": 1_000, "ms": 1_000_000, "s": 10**9, "m": 60 * 10**9, "h": 3600 * 10**9, "d": 86400 * 10**9}
_DURATION = re.compile(r"(\d+(?:\.\d+)?)\s*(ns|us|ms|s|m|h|d)")


def duration_ns(text: str) -> int:
    """Read a duration such as `90s`, `10m`, `500ms`.

    Raises:
        UsageError: when it has no unit or is none.
    """
    match = _DURATION.fullmatch(text.strip())
    if match is None:
        raise UsageError(f"a duration is a number with a unit, not {text!r}", hint="90s, 10m, 1h, 500ms")
    return int(float(match[1]) * _UNITS[match[2]])


Tape = Annotated[Path, typer.Argument(help="A tape.", metavar="TAPE", show_default=False)]
Targets = Annotated[
    list[str],
    typer.Argument(help="What to connect to, as venue:SYMBOL.", metavar="TARGET", show_default=False),
]
Json = Annotated[bool, typer.Option("--json", help="Print JSON for machines.")]
Quiet = Annotated[bool, typer.Option("-q", "--quiet", help="Say nothing but errors.")]
From = Annotated[str | None, typer.Option("--from", help="Begin at this time.", metavar="TIME")]
To = Annotated[str | None, typer.Option("--to", help="End before this time.", metavar="TIME")]
Only = Annotated[list[str] | None, typer.Option("--only", help="Only this target; may be repeated.", metavar="TARGET")]
Channels = Annotated[
    str,
    typer.Option(help="Comma-separated: book, trades, quotes, derivatives, liquidations, or all.", metavar="LIST"),
]
Url = Annotated[
    str | None,
    typer.Option("--url", help="Address that stands in for the venue's, such as ws://127.0.0.1:9001.", metavar="URL"),
]
Silence = Annotated[
    str | None,
    typer.Option(
        "--silence",
        help="A busy connection that says nothing for so long is stalled, and replaced if it stays silent.",
        metavar="DURATION",
        show_default="the venue's",
    ),
]
Sim = Annotated[bool, typer.Option("--sim", help="Connect to a simulated exchange, started for this command.")]
SimFaults = Annotated[
    list[str] | None,
    typer.Option("--fault", help="Fault of the simulated exchange, as NAME=VALUE; may be repeated.", metavar="FAULT"),
]
SimRate = Annotated[float, typer.Option("--rate", help="Depth updates a second and symbol of the simulated exchange.")]
SimSeed = Annotated[int, typer.Option("--seed", help="Seed of the simulated exchange.")]
Duration = Annotated[str | None, typer.Option("-d", "--duration", help="Stop after this long.", metavar="DURATION")]
Depth = Annotated[int, typer.Option("--depth", help="Levels a side; 0 for all.", min=0)]
