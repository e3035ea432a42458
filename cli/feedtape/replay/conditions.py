"""Conditions as a person types them: `spread > 5 and not crossed`, `trade.size >= 10 or gap`.

A comparison of what is not known is false: nothing is made up for a book that is not live, or for a fact that was never told.
"""

import re
from collections.abc import Callable, Iterator, Sequence
from decimal import Decimal, InvalidOperation
from functools import reduce
from operator import eq, ge, gt, le, lt, ne, or_
from typing import Final, NamedTuple

from feedtape.book import measures
from feedtape.errors import UsageError
from feedtape.model.events import Event, Gap, Liquidation, Resync, Trade
from feedtape.model.records import CLOSE, ERROR, MARKER, Record
from feedtape.replay.changes import plain
from feedtape.replay.markers import PREFIX
from feedtape.session import Session
from feedtape.session.clocks import latency_ns

IMBALANCE_OVER: Final = 10
"""Levels of each side that an imbalance is reckoned on."""
_LONGEST = 1000
_DEEPEST = 50
_TOKEN = re.compile(r"\s*(?:<=|>=|!=|==?|[<>()]|[+-]?[0-9]+(?:\.[0-9]+)?|[a-z][a-z.-]*)", re.IGNORECASE)
_Compare = Callable[[Decimal, Decimal], bool]
_OPERATORS: Final[dict[str, _Compare]] = {"<": lt, "<=": le, ">": gt, ">=": ge, "=": eq, "==": eq, "!=": ne}


class Scene(NamedTuple):
    """A record as one target sees it; no target where a session has none yet."""

    session: Session
    record: Record
    events: Sequence[Event]
    target: str | None

    def own(self) -> Iterator[Event]:
        """Yield the events of the target, and those that name none and so concern each."""
        name = plain(self.target or "")
        return (event for event in self.events if not event.target or plain(event.target) == name)

    def top(self, depth: int = 1) -> tuple[list[tuple[str, str]], list[tuple[str, str]]]:
        """Return the best levels of both sides; none of a book that is not live."""
        keeper = self.session.books.get(self.target or "")
        if keeper is None or not keeper.is_live:
            return [], []
        return list(keeper.book.bids.top(depth)), list(keeper.book.asks.top(depth))


Found = Sequence[str | int | Decimal | None]
"""Values of a field at a record, as many as it has there; None is one that was not said."""


def _of_top(side: int, part: int) -> Callable[[Scene], Found]:
    return lambda scene: [level[part] for level in scene.top()[side]]


def _of_trades(name: str) -> Callable[[Scene], Found]:
    return lambda scene: [getattr(event, name) for event in scene.own() if type(event) is Trade]


def _told(name: str) -> Callable[[Scene], Found]:
    def found(scene: Scene) -> Found:
        flow = scene.session.flows.get(plain(scene.target or ""))
        told = (flow.derivative, flow.option) if flow is not None else ()
        return [value for one in told if (value := getattr(one, name, None)) is not None][:1]

    return found


def _latency(scene: Scene) -> Found:
    offset = scene.session.clocks.of((scene.target or "").partition(":")[0])
    spans = [latency_ns(event.time, event.recv, offset) for event in scene.own()]
    return [Decimal(ns).scaleb(-6) for ns in spans if ns is not None]


def _sequence(scene: Scene) -> Found:
    keeper = scene.session.books.get(scene.target or "")
    return [] if keeper is None else [keeper.book.sequence]


FIELDS: Final[dict[str, Callable[[Scene], Found]]] = {
    "spread": lambda scene: [measures.spread(*scene.top())],
    "bid": _of_top(0, 0),
    "ask": _of_top(1, 0),
    "mid": lambda scene: [measures.mid(*scene.top())],
    "microprice": lambda scene: [measures.microprice(*scene.top())],
    "bid.size": _of_top(0, 1),
    "ask.size": _of_top(1, 1),
    "imbalance": lambda scene: [measures.imbalance(*scene.top(IMBALANCE_OVER), IMBALANCE_OVER)],
    "trade.price": _of_trades("price"),
    "trade.size": _of_trades("size"),
    "sequence": _sequence,
    "latency": _latency,
    "mark": _told("mark"),
    "index": _told("index"),
    "funding": _told("funding_rate"),
    "oi": _told("open_interest"),
}
"""What can be compared: prices and sizes in the venue's units, `latency` in ms; it and those of trades are of the very frame."""


def _is_gap(scene: Scene, *kinds: str) -> bool:
    return any(type(event) is Gap and (not kinds or event.kind in kinds) for event in scene.own())


def _is_crossed(scene: Scene) -> bool:
    keeper = scene.session.books.get(scene.target or "")
    return keeper is not None and keeper.is_crossed


def _is_stale(scene: Scene) -> bool:
    keeper = scene.session.books.get(scene.target or "")
    return keeper is not None and keeper.stale_since is not None


WORDS: Final[dict[str, Callable[[Scene], bool]]] = {
    "gap": _is_gap,
    "resync": lambda scene: any(type(event) is Resync for event in scene.own()),
    "crossed": _is_crossed,
    "checksum": lambda scene: _is_gap(scene, "checksum"),
    "mark": lambda scene: scene.record.kind == MARKER,
    "trade": lambda scene: any(type(event) is Trade for event in scene.own()),
    "liquidation": lambda scene: any(type(event) is Liquidation for event in scene.own()),
    "stale": _is_stale,
    "stall": _is_stale,
    "disconnect": lambda scene: scene.record.kind in (CLOSE, ERROR) or _is_gap(scene, "disconnect"),
    "bad-frame": lambda scene: _is_gap(scene, "bad-frame"),
}
"""What can be named alone. `checksum` is one that failed, `mark` a marker."""
_LASTING: Final = frozenset({"crossed", "stale", "stall", *FIELDS}) - {"trade.price", "trade.size", "latency"}
"""What goes on holding; everything else happens at a record, and happens anew at the next one."""

_NO, _HOLDS, _HAPPENS = 0, 1, 2
_Test = Callable[[Scene], int]
"""Whether something holds at a record, happens at it, or both (3)."""


class Condition:
    """A condition, of one target or of any."""

    def __init__(self, text: str, test: _Test, target: str | None = None) -> None:
        self.text = text
        self._test = test
        self._target = target

    def on(self, target: str | None) -> "Condition":
        """Return it as one of a target's; None: of any target's."""
        return Condition(self.text, self._test, target)

    def __call__(self, session: Session, record: Record, events: Sequence[Event]) -> frozenset[object]:
        """Return for which targets it holds, so that a search misses none behind another.

        What happens is something new at each record, so that a search does not take the second of two trades for the first.
        """
        if self._target is not None:
            targets: Sequence[str | None] = [self._target]
        else:
            targets = [*session.books, *(name for name in session.flows if name not in session.books)] or [None]
        found: set[object] = set()
        for target in targets:
            held = self._test(Scene(session, record, events, target))
            found |= {target} if held & _HOLDS else set()
            found |= {object()} if held & _HAPPENS else set()
        return frozenset(found)


def parse_condition(text: str) -> Condition:
    """Read a condition: comparisons of `FIELDS`, `WORDS`, `and`, `or`, `not` and parentheses.

    Raises:
        UsageError: when it is none.
    """
    return Condition(text, _Parser(text).whole())


class Goal(NamedTuple):
    """Where a person wants to go: to a time, or to where a condition holds next, `from_start`: for the first time on the tape."""

    time: int | None = None
    condition: Condition | None = None
    from_start: bool = False


def parse_place(text: str, time: Callable[[str], int]) -> Goal:
    """Read a place on a tape: a time as `time` reads it, `#123` for a sequence number of the book, or a condition.

    Raises:
        UsageError: when it is none.
    """
    text = text.strip()
    if re.fullmatch(r"#[0-9]{1,20}", text):
        return Goal(condition=parse_condition(f"sequence >= {text[1:]}"), from_start=True)
    if text.lower().startswith(PREFIX) or text[:1] in "+-" or text[:1].isdecimal():
        return Goal(time=time(text))
    return Goal(condition=parse_condition(text))


def _wrong(what: str) -> UsageError:
    return UsageError(what, hint=f"compare {', '.join(FIELDS)} (spread > 5), or name {', '.join(WORDS)}; and, or, not, ( )")


class _Parser:
    """Reads by recursive descent: `or` binds least, `not` most."""

    def __init__(self, text: str) -> None:
        self._text = text
        self._tokens = self._split(text)
        self._next = self._depth = 0

    def _split(self, text: str) -> list[str]:
        if len(text) > _LONGEST:
            raise _wrong(f"a condition of more than {_LONGEST} characters")
        tokens, position = [], 0
        while text[position:].strip():
            match = _TOKEN.match(text, position)
            if match is None:
                raise _wrong(f"not a condition: {text!r}, at {text[position:].strip()[:20]!r}")
            tokens.append(match[0].strip().lower())
            position = match.end()
        return tokens

    def _peek(self) -> str:
        return self._tokens[self._next] if self._next < len(self._tokens) else ""

    def _take(self) -> str:
        token = self._peek()
        self._next += 1
        return token

    def whole(self) -> _Test:
        test = self._either()
        if self._peek():
            raise _wrong(f"not a condition: {self._text!r}, at {self._peek()!r}")
        return test

    def _either(self) -> _Test:
        tests = [self._all()]
        while self._peek() == "or":
            self._take()
            tests.append(self._all())
        return tests[0] if len(tests) == 1 else lambda scene: reduce(or_, [test(scene) for test in tests])

    def _all(self) -> _Test:
        tests = [self._one()]
        while self._peek() == "and":
            self._take()
            tests.append(self._one())
        return tests[0] if len(tests) == 1 else lambda scene: _all_of([test(scene) for test in tests])

    def _one(self) -> _Test:
        self._depth += 1
        if self._depth > _DEEPEST:
            raise _wrong(f"a condition nested more than {_DEEPEST} deep")
        test = self._plain()
        self._depth -= 1
        return test

    def _plain(self) -> _Test:
        token = self._take()
        if token == "not":
            inner = self._one()
            return lambda scene: _NO if inner(scene) else _HOLDS
        if token == "(":
            inner = self._either()
            if self._take() != ")":
                raise _wrong(f"a parenthesis is not closed in {self._text!r}")
            return inner
        if self._peek() in _OPERATORS and token in FIELDS:
            return self._comparison(token, _OPERATORS[self._take()])
        if token in WORDS:
            word, held = WORDS[token], _held(token)
            return lambda scene: held if word(scene) else _NO
        raise _wrong(
            f"{token} is compared with a number" if token in FIELDS else f"not a condition: {self._text!r}, at {token!r}"
        )

    def _comparison(self, name: str, operator: _Compare) -> _Test:
        field, held, token = FIELDS[name], _held(name), self._take()
        try:
            number = Decimal(token)
        except InvalidOperation:
            raise _wrong(f"not a number: {token!r}" if token else f"a number is missing in {self._text!r}") from None
        return lambda scene: held if any(operator(value, number) for value in _numbers(field(scene))) else _NO


def _held(name: str) -> int:
    return _HOLDS if name in _LASTING else _HAPPENS


def _all_of(held: Sequence[int]) -> int:
    if not all(held):
        return _NO
    return _HAPPENS if _HAPPENS in held else reduce(or_, held)


def _numbers(found: Found) -> Iterator[Decimal]:
    for value in found:
        if value is None:
            continue
        try:
            number = Decimal(value)
        except InvalidOperation:
            continue
        if number.is_finite():
            yield number
