"""The symbols that a venue listed when it was last asked for all: for a shell that completes them without asking again."""

import os
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Final

from feedtape.model.instruments import Instrument

_FOLDER: Final = "symbols"


def cache_folder(environment: Mapping[str, str]) -> Path:
    """Return the folder for what can be fetched again: `$XDG_CACHE_HOME/feedtape`."""
    named = environment.get("XDG_CACHE_HOME", "")
    # The XDG specification has a relative one ignored.
    return (Path(named) if Path(named).is_absolute() else Path.home() / ".cache") / "feedtape"


def remember(venue: str, instruments: Sequence[Instrument], environment: Mapping[str, str]) -> None:
    """Keep the symbols of a whole list that are traded; nothing is kept where the folder cannot be written."""
    file = cache_folder(environment) / _FOLDER / venue
    symbols = sorted({one.symbol for one in instruments if one.trading is not False and one.symbol.isprintable()})
    fresh = file.with_name(f"{venue}.{os.getpid()}")
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        fresh.write_text("".join(f"{symbol}\n" for symbol in symbols), "utf-8")
        fresh.replace(file)
    except OSError:
        # A home that cannot be written is no reason to fail at something else.
        with suppress(OSError):
            fresh.unlink()


def known(venue: str, environment: Mapping[str, str]) -> list[str]:
    """Return the symbols that `remember` kept; `venue` must be the name of one that is installed."""
    try:
        return (cache_folder(environment) / _FOLDER / venue).read_text("utf-8").splitlines()
    except (OSError, ValueError):
        return []
