"""Targets against the venue's own list of instruments: the right spelling, or the near ones."""

import difflib
from collections.abc import Iterable, Sequence

from feedtape.errors import UsageError
from feedtape.model.targets import Target

_NEAR = 3


def corrected(targets: Sequence[Target], symbols: Iterable[str]) -> list[Target]:
    """Return targets of one venue in the venue's spelling, each once.

    Raises:
        UsageError: when the venue has no such symbol in any case; the hint names the near ones.
    """
    spelled: dict[str, str] = {}
    exact = set()
    for symbol in symbols:
        spelled.setdefault(symbol.upper(), symbol)
        exact.add(symbol)
    found = []
    for target in targets:
        spelling = target.symbol if target.symbol in exact else spelled.get(target.symbol.upper())
        if spelling is None:
            raise _unknown(target, spelled)
        found.append(target._replace(symbol=spelling))
    return list(dict.fromkeys(found))


def _unknown(target: Target, spelled: dict[str, str]) -> UsageError:
    near = difflib.get_close_matches(target.symbol.upper(), spelled, n=_NEAR, cutoff=0.6)
    names = " or ".join(spelled[key] for key in near)
    hint = f"did you mean {names}?" if near else f"feedtape symbols {target.venue}"
    return UsageError(f"{target.venue} has no symbol {target.symbol!r}", hint=hint)
