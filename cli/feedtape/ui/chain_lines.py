"""Option chains as lines: for a pipe, or a person who wants no picture. A line an option when it changed."""

from collections.abc import Iterator
from typing import Any, Final

from feedtape.replay.times import clock
from feedtape.ui.chain import FACTS, ChainPicture, ExpiryPicture, OptionPicture
from feedtape.ui.draw.chain_rows import per_cent, tab
from feedtape.ui.output import printable

_GREEKS: Final = ("delta", "gamma", "vega", "theta", "rho")
Seen = dict[str, tuple[str | None, ...]]
"""What was printed last of each option."""


def news(picture: ChainPicture, seen: Seen) -> Iterator[tuple[ExpiryPicture, OptionPicture]]:
    """Return the options that say something else than when they were `seen` last, and note it there."""
    for of in picture.expiries:
        for strike in of.strikes:
            for option in (strike.call, strike.put):
                if option is not None and seen.get(option.target) != (said := _said(option)):
                    seen[option.target] = said
                    yield of, option


def _said(option: OptionPicture) -> tuple[str | None, ...]:
    prices = option.bid, option.bid_size, option.ask, option.ask_size, option.source
    # For how long a book is stale is no news, and options are quiet most of the time.
    state = "stale" if option.state.startswith("stale") else option.state.partition(", quiet")[0]
    return (*prices, *(getattr(option, name) for name in FACTS), state)


def plain_line(picture: ChainPicture, of: ExpiryPicture, option: OptionPicture) -> str:
    """Return one option as a line of text."""
    volatilities = " ".join(_percent(value) for value in (option.bid_iv, option.mark_iv, option.ask_iv))
    greeks = " ".join(f"{name} {_or_dash(getattr(option, name))}" for name in _GREEKS)
    whose = f" by {option.source}" if option.source else ""
    state = f" {option.state}" if option.state else ""
    return printable(
        f"{clock(picture.time)} {option.target} {tab(of.expiry)} {option.strike} {option.option}{state} "
        f"bid {_sided(option.bid, option.bid_size)} ask {_sided(option.ask, option.ask_size)}{whose} "
        f"mark {_or_dash(option.mark)} iv {volatilities} {greeks} "
        f"oi {_or_dash(option.open_interest)} volume {_or_dash(option.volume)} underlying {_or_dash(of.underlying)}"
    )


def json_line(picture: ChainPicture, of: ExpiryPicture, option: OptionPicture) -> dict[str, Any]:
    """Return one option as a JSON value: all fields in the venue's own texts, null where nothing is told."""
    fields: dict[str, Any] = {
        "time": str(picture.time),
        "chain": picture.name,
        "target": option.target,
        "expiry": str(of.expiry),
        "strike": option.strike,
        "option": option.option,
        "state": option.state or None,
        "source": option.source or None,
        "received": str(option.recv) if option.recv else None,
        "underlying": of.underlying,
        "underlying_name": of.underlying_name or None,
    }
    return fields | {name: getattr(option, name) for name in ("bid", "bid_size", "ask", "ask_size", *FACTS)}


def _or_dash(text: str | None) -> str:
    return "-" if text is None else text


def _percent(volatility: str | None) -> str:
    return "-" if volatility is None else f"{per_cent(volatility)}%"


def _sided(price: str | None, size: str | None) -> str:
    return "-" if price is None else f"{price} × {_or_dash(size)}"
