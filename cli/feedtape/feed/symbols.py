"""Targets against the venue's own list of instruments: patterns, the right spelling, or the near ones."""

import difflib
from collections.abc import Callable, Sequence
from fnmatch import fnmatchcase
from typing import Final

from feedtape.errors import UsageError
from feedtape.model.instruments import Instrument
from feedtape.model.spelling import code, unified
from feedtape.model.targets import Target

_NEAR: Final = 3
_SHOWN: Final = 6
_WILD: Final = frozenset("*?[")


def is_pattern(symbol: str) -> bool:
    """Tell whether a symbol stands for all that fit it."""
    return not _WILD.isdisjoint(symbol)


def fitting(pattern: str, instruments: Sequence[Instrument]) -> list[Instrument]:
    """Return the instruments whose symbol or unified spelling fits a pattern (`*-USDT-SWAP`), whatever the case."""
    wanted = pattern.upper()
    return [one for one in instruments if any(fnmatchcase(name.upper(), wanted) for name in (one.symbol, unified(one) or ""))]


def resolved(targets: Sequence[Target], instruments: Sequence[Instrument], say: Callable[[str], None]) -> list[Target]:
    """Return targets of one venue in the venue's spelling, each once; a pattern becomes all that are traded and fit it.

    The venue's own symbols come first, in any case; then the unified spelling, where it means one of them. `say` is told
    of a symbol whose data comes under another one.

    Raises:
        UsageError: when a symbol means none, or could mean several; the candidates are in the hint.
    """
    by_symbol = {one.symbol: one for one in instruments}
    by_case: dict[str, Instrument] = {}
    for one in instruments:
        by_case.setdefault(one.symbol.upper(), one)
    found: list[Target] = []
    for target in targets:
        if is_pattern(target.symbol) and target.symbol not in by_symbol:
            chosen = [one for one in fitting(target.symbol, instruments) if one.trading is not False]
            if not chosen:
                raise UsageError(f"{target.venue} trades nothing that fits {target.symbol!r}", hint=_listing(target.venue))
        else:
            known = by_symbol.get(target.symbol) or by_case.get(target.symbol.upper())
            chosen = [known or _by_unified(target, instruments, by_case)]
        for one in chosen:
            if one.alias is not None and one.alias != one.symbol:
                say(f"{target.venue}: {one.symbol} is another name of {one.alias}, and comes under that")
            found.append(target._replace(symbol=one.alias or one.symbol))
    return list(dict.fromkeys(found))


def _by_unified(target: Target, instruments: Sequence[Instrument], by_case: dict[str, Instrument]) -> Instrument:
    wanted = target.symbol.upper()
    same = [one for one in instruments if unified(one) == wanted]
    traded = [one for one in same if one.trading is not False]
    if len(same) == 1 or len(traded) == 1:
        return (traded or same)[0]
    if same:
        raise UsageError(f"{target.symbol!r} could be any of several on {target.venue}", hint=_candidates(traded or same))
    pair = wanted.partition(":")[0]
    kin = [one for one in instruments if "/" in pair and _pair(one) == pair and one.trading is not False]
    if kin:
        raise UsageError(f"{target.venue} has no {target.symbol!r}", hint=_candidates(kin))
    near = difflib.get_close_matches(wanted, by_case, n=_NEAR, cutoff=0.6)
    names = " or ".join(by_case[key].symbol for key in near)
    hint = f"did you mean {names}?" if near else _listing(target.venue)
    raise UsageError(f"{target.venue} has no symbol {target.symbol!r}", hint=hint)


def _pair(one: Instrument) -> str:
    return f"{code(one.base or '')}/{code(one.quote or '')}"


def _candidates(instruments: Sequence[Instrument]) -> str:
    some = [f"{one.symbol} ({unified(one) or one.kind})" for one in instruments[:_SHOWN]]
    more = len(instruments) - len(some)
    return "there are " + ", ".join(some) + (f" and {more} more" if more > 0 else "")


def _listing(venue: str) -> str:
    return f"feedtape symbols {venue}"
