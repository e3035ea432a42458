"""Option chains: which options of a venue's list are those on one underlying, and how much of them is asked for."""

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal
from functools import lru_cache
from typing import Final

from feedtape.errors import UsageError
from feedtape.feed.symbols import fitting, is_pattern
from feedtape.model.instruments import Instrument
from feedtape.model.spelling import code, unified
from feedtape.model.targets import Target
from feedtape.venues.contract import Venue

CHANNELS: Final = ("book", "options")
"""What is asked for of a chain unless channels are named: what the venue says of each option, and the books behind it."""
_NAME: Final = re.compile(r"(.+?)-(?:\d{6}|\d{1,2}[A-Z]{3}\d{2})-\d[0-9.d]*-[CP](-[A-Z]+)?", re.ASCII)
_SHOWN: Final = 6


@dataclass(frozen=True)
class Chain:
    """How much of a chain is wanted: the `expiries` that are nearest; 0 means all."""

    expiries: int = 4


@lru_cache(maxsize=8192)
def family_of(symbol: str) -> str | None:
    """Return what an option's name says besides its terms, `BTC-USD` or `BTC-USDT`: the same for all that make up one chain."""
    match = _NAME.fullmatch(symbol)
    return None if match is None else match[1] + (match[2] or "")


def check_options(venue: Venue) -> None:
    """Refuse a venue without options.

    Raises:
        UsageError: when it has none.
    """
    if "options" not in venue.channels:
        from feedtape.venues import registry

        having = ", ".join(name for name in registry.names() if "options" in registry.venue(name).channels)
        raise UsageError(f"{venue.name} has no options", hint=f"these do: {having}")


def book_of(venue: Venue) -> str:
    """Return the book stream that suits hundreds of options, empty for the default: one that needs no snapshot by request."""
    if venue.integrity("").snapshot != "rest":
        return ""
    return next((name for name in venue.books if venue.integrity(name).snapshot != "rest"), "")


def options_of(
    venue: Venue, targets: Sequence[Target], instruments: Sequence[Instrument], chain: Chain, now: int, say: Callable[[str], None]
) -> list[Target]:
    """Return the options on what targets of one venue name, each once, by expiry and strike.

    An underlying is named as the venue's options are (`BTC-USD`), as a pair (`BTC/USDT`, `BTC/USD:BTC`), or as the coin alone; a
    pattern means the options that fit it. `now` is ns since 1970; `say` is told what was left out.

    Raises:
        UsageError: when a target names nothing that has options.
    """
    listed = [one for one in instruments if _is_traded(one, now)]
    found: list[Target] = []
    for target in targets:
        of = fitting(target.symbol, listed) if is_pattern(target.symbol) else _family(target, listed, say)
        if not of:
            raise UsageError(f"{target.venue} has no options on {target.symbol!r}", hint=_hint(target.venue, listed))
        of = _nearest(target, sorted(of, key=_order), chain, say)
        book = target.channel or book_of(venue)
        found += [target._replace(symbol=one.symbol, channel=book) for one in of]
    return list(dict.fromkeys(found))


def _is_traded(one: Instrument, now: int) -> bool:
    is_whole = one.kind == "option" and one.strike is not None and one.expiry is not None and one.option is not None
    return is_whole and one.trading is not False and (one.expiry or 0) > now


def _order(one: Instrument) -> tuple[int, Decimal, str]:
    return one.expiry or 0, Decimal(one.strike or 0), one.option or ""


def _family(target: Target, listed: Sequence[Instrument], say: Callable[[str], None]) -> list[Instrument]:
    """Return the options of the family that a target means; of several the largest, and the others are named."""
    wanted = target.symbol.upper()
    for names in (_prefix, _pairs, _base):
        families: dict[str, list[Instrument]] = {}
        for one in listed:
            if wanted in names(one):
                families.setdefault(_contract(one), []).append(one)
        if families:
            chosen, *others = sorted(families, key=lambda name: (-len(families[name]), name))
            if others:
                also = ", ".join(f"{name} ({len(families[name])})" for name in others)
                say(f"{target.venue}: {target.symbol} is {chosen} ({len(families[chosen])} options); there are also {also}")
            return families[chosen]
    return []


def _prefix(one: Instrument) -> tuple[str, ...]:
    match = _NAME.fullmatch(one.symbol)
    return () if match is None else (match[1].upper(),)


def _pairs(one: Instrument) -> tuple[str, ...]:
    base, quote = code(one.base or ""), code(one.quote or "")
    return (_contract(one).upper(), family_of(one.symbol) or "", *(f"{base}{between}{quote}" for between in ("/", "-", "_", "")))


def _base(one: Instrument) -> tuple[str, ...]:
    return (code(one.base or ""),)


def _contract(one: Instrument) -> str:
    """Return the family in the unified spelling, as far as it has one."""
    name = unified(one)
    return family_of(one.symbol) or one.symbol if name is None else name.rsplit("-", 3)[0]


def _nearest(target: Target, of: list[Instrument], chain: Chain, say: Callable[[str], None]) -> list[Instrument]:
    expiries = list(dict.fromkeys(one.expiry for one in of))
    kept = expiries[: chain.expiries] if chain.expiries else expiries
    options = [one for one in of if one.expiry in kept]
    days = ", ".join(f"{datetime.fromtimestamp((end or 0) // 10**9, UTC):%d %b %y}" for end in kept[:_SHOWN])
    days += "" if len(kept) <= _SHOWN else f" and {len(kept) - _SHOWN} more"
    what = f"{len(of)} options, expiring {days}"
    if len(options) < len(of):
        nearest = f"the {'' if len(kept) == 1 else f'{len(kept)} '}nearest of {len(expiries)} expiries ({days})"
        what = f"{len(options)} of {len(of)} options, {nearest}; --expiries 0 for all"
    say(f"{target.venue}: {target.symbol}: {what}")
    return options


def _hint(venue: str, listed: Sequence[Instrument]) -> str:
    known = list(dict.fromkeys(_contract(one) for one in listed))
    if not known:
        return f"feedtape symbols {venue}"
    more = len(known) - _SHOWN
    return "there are options on " + ", ".join(known[:_SHOWN]) + (f" and {more} more" if more > 0 else "")
