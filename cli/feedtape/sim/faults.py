"""Faults on request: what may go wrong, how often, and a log of each time it did.

A specification is `NAME=VALUE`. Values are probabilities (`drop=0.01`), durations (`stall=30s`) or, for
`refuse`, also a symbol; `all` alone is a moderate mixture.
"""

from __future__ import annotations

import difflib
import re
from collections import Counter, deque
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field

from feedtape.errors import UsageError

PROBABILITIES = ("drop", "duplicate", "reorder", "truncate", "malformed", "stale-snapshot", "refuse", "rest-429")
DURATIONS = ("delay", "stall", "disconnect", "abort", "slow-rest")
NAMES = (*PROBABILITIES, *DURATIONS)

_UNITS = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0}
_DURATION = re.compile(r"(\d+(?:\.\d+)?)(ms|s|m|h)")
_LOG_LENGTH = 10_000

_ALL = {
    "drop": 0.002,
    "duplicate": 0.002,
    "reorder": 0.002,
    "truncate": 0.001,
    "malformed": 0.001,
    "stale-snapshot": 0.2,
    "refuse": 0.05,
    "rest-429": 0.05,
    "delay": 0.3,
    "slow-rest": 0.5,
    "stall": 40.0,
    "disconnect": 25.0,
    "abort": 35.0,
}
_ALL_SHARES = {"stall": 0.05, "disconnect": 0.3, "abort": 0.3}


@dataclass(frozen=True, slots=True)
class FaultPlan:
    """What may go wrong: values by fault name, and the symbols whose subscription is always refused.

    `shares` holds the part of the connections that a timed fault strikes, where that is not all of them.
    """

    values: dict[str, float] = field(default_factory=dict)
    refused_symbols: frozenset[str] = frozenset()
    shares: dict[str, float] = field(default_factory=dict)

    def of(self, name: str) -> float:
        """Return the probability or the seconds of a fault; 0 when it was not asked for."""
        return self.values.get(name, 0.0)

    @property
    def strikes_frames(self) -> bool:
        """True if single data frames may be touched."""
        return any(self.of(name) for name in ("drop", "duplicate", "reorder", "truncate", "malformed", "delay"))


@dataclass(frozen=True, slots=True)
class Fault:
    """One occurrence: seconds since the exchange opened, which fault, where, and what it did."""

    time: float
    fault: str
    connection: int | None
    stream: str | None
    what: str


class FaultLog:
    """Every fault that happened, counted; the latest are kept in full.

    `clock` returns the seconds since the exchange opened, `tell` is called with each fault.
    """

    def __init__(self, clock: Callable[[], float], tell: Callable[[Fault], None] | None = None) -> None:
        self._clock = clock
        self._tell = tell
        self.counts: Counter[str] = Counter()
        self.faults: deque[Fault] = deque(maxlen=_LOG_LENGTH)

    def add(self, name: str, what: str, *, connection: int | None = None, stream: str | None = None) -> None:
        """Log one occurrence."""
        fault = Fault(round(self._clock(), 6), name, connection, stream, what)
        self.counts[name] += 1
        self.faults.append(fault)
        if self._tell is not None:
            self._tell(fault)


def parse_faults(specs: Sequence[str]) -> FaultPlan:
    """Read fault specifications; a later one overrides an earlier one of the same name.

    Raises:
        UsageError: For an unknown name or a value that the fault does not take.
    """
    values: dict[str, float] = {}
    shares: dict[str, float] = {}
    refused: set[str] = set()
    for spec in specs:
        name, equals, value = (part.strip() for part in spec.partition("="))
        if name == "all" and not equals:
            values.update(_ALL)
            shares.update(_ALL_SHARES)
        elif name not in NAMES:
            raise UsageError(f"unknown fault {name!r}", hint=did_you_mean(name, (*NAMES, "all")))
        elif not value:
            raise UsageError(f"fault {name!r} needs a value", hint=f"for example {example(name)}")
        elif name in DURATIONS:
            values[name] = parse_duration(value, what=f"fault {name}")
            shares.pop(name, None)
        elif name == "refuse" and not _is_number(value):
            refused.add(value.upper())
        else:
            values[name] = _parse_probability(name, value)
    return FaultPlan(values, frozenset(refused), shares)


def parse_duration(text: str, *, what: str) -> float:
    """Read `500ms`, `10s`, `1.5m` or `2h` as seconds; `what` names the option in the message."""
    match = _DURATION.fullmatch(text.strip())
    if match is None:
        hint = f"say the unit: {text}s or {text}ms" if _is_number(text) else "for example 500ms, 10s, 1m or 2h"
        raise UsageError(f"{what} must be a duration, not {text!r}", hint=hint)
    return float(match[1]) * _UNITS[match[2]]


def did_you_mean(word: str, known: Iterable[str]) -> str:
    """Return a hint that names what is near `word`, or everything that there is."""
    known = list(known)
    near = difflib.get_close_matches(word, known, n=3, cutoff=0.5)
    if near:
        return "did you mean " + " or ".join(repr(name) for name in near) + "?"
    return "there are " + ", ".join(known)


def example(name: str) -> str:
    """Return a specification of this fault that can be typed."""
    return f"{name}=10s" if name in DURATIONS else f"{name}=0.01"


def _parse_probability(name: str, value: str) -> float:
    number = float(value) if _is_number(value) else -1.0
    if not 0 <= number <= 1:
        raise UsageError(f"fault {name} must be a probability from 0 to 1, not {value!r}", hint=example(name))
    return number


def _is_number(text: str) -> bool:
    return re.fullmatch(r"[+-]?\d+(\.\d*)?|[+-]?\.\d+", text) is not None
