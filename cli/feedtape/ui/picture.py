"""Pictures: what is to be seen of a session at one moment, as plain values.

A picture is taken where the session lives, between two records, and drawn somewhere else: whoever draws holds nothing up and
never sees half an update.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Final

from feedtape.book.keeper import BookKeeper, Counters, State
from feedtape.model.events import Derivative, Event, OptionSummary, Trade
from feedtape.model.instruments import Instrument
from feedtape.model.records import Record
from feedtape.replay.times import span
from feedtape.session import Offset, Session
from feedtape.ui.history import Column, History, Note, Trail
from feedtape.ui.output import printable

if TYPE_CHECKING:
    from feedtape.ui.chain import ChainPicture

QUIET_NS: Final = 3_000_000_000
"""A book without an update for so long says so; whether that is a stall is for the venue's heartbeat to tell."""
_RATE_OVER_NS: Final = 3_000_000_000
"""Rates are taken over so long, and what there is of a second beside."""
_RATE_OVER_LEAST_NS: Final = 1_000_000_000

GOOD, WARN, BAD = "good", "warn", "bad"


@dataclass(frozen=True)
class Look:
    """What a screen wants to see.

    Attributes:
        targets: the books; None: all.
        detailed: of which trades, columns and the newest frame are wanted too.
        levels: levels a side; those of detailed books are `deep`.
        chain: the option chain is wanted too, of `chain_only`, `chain_nearest` and `expiry` as `take_chain` has them.
    """

    targets: tuple[str, ...] | None = None
    detailed: tuple[str, ...] = ()
    levels: int = 20
    deep: int = 200
    trades: int = 100
    columns: int = 300
    chain: bool = False
    chain_only: frozenset[str] | None = None
    chain_nearest: tuple[int, int] | None = None
    expiry: int | None = None


@dataclass(frozen=True, slots=True)
class BookPicture:
    """One book.

    Attributes:
        word: its state in words; `grade` how good that is: good, warn, bad.
        proof, reason: how far it is proven, and why.
        is_stale: every connection that carries it is silent; its levels are of the past.
        bids, asks: the best first, in the venue's own texts; empty unless it is live.
        levels: how many levels each side has.
        per_s: updates a second, over the last seconds; None at the beginning.
        age_ns: receipt minus the venue's own time, of the newest updates (their median), as the two clocks have it.
    """

    target: str
    word: str
    grade: str
    is_live: bool
    proof: str
    reason: str
    bids: list[tuple[str, str]]
    asks: list[tuple[str, str]]
    levels: tuple[int, int]
    sequence: int | None
    counters: Counters
    per_s: float | None
    age_ns: int | None
    instrument: Instrument | None
    derivative: Derivative | None
    option: OptionSummary | None
    trade: Trade | None
    trade_count: int
    is_crossed: bool = False
    offset: Offset | None = None
    """By how much the venue's clock is ahead of ours, where that was measured."""
    trades: list[Trade] = field(default_factory=list)
    """The newest first."""
    columns: list[Column] = field(default_factory=list)
    frame: tuple[Record, Sequence[Event]] | None = None
    is_stale: bool = False

    @property
    def tick(self) -> str | None:
        """The price step, where the venue told it."""
        return self.instrument.tick if self.instrument is not None else None

    @property
    def lot(self) -> str | None:
        """The size step, where the venue told it."""
        return self.instrument.lot if self.instrument is not None else None


@dataclass(frozen=True, slots=True)
class Picture:
    """A session at one moment.

    Attributes:
        time: the moment, ns since 1970: of the clock when live, of the newest record when replayed.
    """

    time: int
    books: dict[str, BookPicture]
    frames: int
    bytes: int
    frames_per_s: float | None
    connections: int
    losses: int
    dropped: int
    stalls: int
    bad_frames: int
    refused: int
    http_errors: int
    notes: list[Note]
    first: int | None
    chain: "ChainPicture | None" = None


def state_word(keeper: BookKeeper, now: int) -> tuple[str, str]:
    """Return the state of a book in words, such as `live`, `stale 3.2 s`, `resyncing`, `broken: gap`, and its grade."""
    if keeper.state is State.BROKEN:
        return f"broken: {printable(keeper.reason.partition(':')[0])}", BAD
    if keeper.state is State.SYNCING:
        return ("resyncing" if keeper.counters.gaps else "syncing"), WARN
    if keeper.stale_since is not None:
        return f"stale {span(max(0, now - keeper.stale_since))}", WARN
    if keeper.is_crossed:
        return "live, crossed", WARN
    silent = now - keeper.last_recv
    return (f"live, quiet {span(silent)}", WARN) if silent >= QUIET_NS else ("live", GOOD)


def take(session: Session, history: History, now: int, look: Look) -> Picture:
    """Take a picture; everything in it is a copy or never changes."""
    back = _back(history, now)
    before = history.seconds[-back] if back else None
    chosen = session.books if look.targets is None else [one for one in look.targets if one in session.books]
    totals = session.totals
    books = {target: _book(session, history, now, look, target, back) for target in chosen}
    alone: Iterable[str] = look.targets or ()
    if look.targets is None and not look.chain:
        alone = session.flows
    for target in alone:
        # What has trades or facts and no book, such as an option that nobody quotes; where a chain is told they are in it.
        if target not in books and target in session.flows:
            books[target] = _bookless(session, history, look, target)
    return Picture(
        now,
        books,
        totals.frames,
        totals.bytes,
        (totals.frames - before.frames) / (now - before.time) * 1e9 if before is not None else None,
        len(session.connections),
        totals.losses,
        totals.dropped,
        totals.stalls,
        totals.bad_frames,
        totals.refused,
        totals.http_errors,
        list(history.notes),
        session.first if session.first is not None else history.first,
        _chain(session, now, look) if look.chain else None,
    )


def _chain(session: Session, now: int, look: Look) -> "ChainPicture | None":
    # It is made of states of books, as they are told here.
    from feedtape.ui.chain import chains, take_chain

    names = chains(session)
    if not names:
        return None
    return take_chain(session, now, names[0], look.chain_only, look.expiry, look.chain_nearest)


def _back(history: History, now: int) -> int:
    """Return which second, counted from the newest, rates are taken from; 0 where none is long enough ago."""
    seconds = history.seconds
    back = next((at for at in range(1, len(seconds)) if now - seconds[-at].time >= _RATE_OVER_NS), len(seconds))
    return back if back and now - seconds[-back].time >= _RATE_OVER_LEAST_NS else 0


def _per_s(history: History, trail: Trail | None, updates: int, now: int, back: int) -> float | None:
    """Return updates a second until now: of a feed that has fallen silent, none."""
    if trail is None or not 0 < back <= len(trail.columns):
        return None
    return (updates - trail.columns[-back].updates) / (now - history.seconds[-back].time) * 1e9


def _book(session: Session, history: History, now: int, look: Look, target: str, back: int) -> BookPicture:
    keeper, flow, trail = session.books[target], session.flows.get(target), history.trails.get(target)
    word, grade = state_word(keeper, now)
    proof, reason = keeper.proof()
    depth = look.deep if target in look.detailed else look.levels
    per_s = _per_s(history, trail, keeper.counters.updates, now, back)
    ages = sorted(age.ns for age in trail.ages) if trail is not None else []
    trades, columns, frame = _details(trail, look, target)
    return BookPicture(
        target=target,
        word=word,
        grade=grade,
        is_live=keeper.is_live,
        proof=proof,
        reason=reason,
        bids=list(keeper.book.bids.top(depth)),
        asks=list(keeper.book.asks.top(depth)),
        levels=(len(keeper.book.bids), len(keeper.book.asks)),
        sequence=keeper.book.sequence if keeper.is_live else None,
        # Copied: it goes on counting.
        counters=Counters(**{name: getattr(keeper.counters, name) for name in Counters.__struct_fields__}),
        per_s=per_s,
        age_ns=ages[len(ages) // 2] if ages else None,
        instrument=session.instruments.get(target.partition("@")[0]),
        derivative=flow.derivative if flow else None,
        option=flow.option if flow else None,
        trade=flow.trade if flow else None,
        trade_count=flow.trades if flow else 0,
        is_crossed=keeper.is_crossed,
        offset=session.clocks.of(target.partition(":")[0]),
        trades=trades,
        columns=columns,
        frame=frame,
        is_stale=keeper.is_live and keeper.stale_since is not None,
    )


def _bookless(session: Session, history: History, look: Look, target: str) -> BookPicture:
    flow = session.flows[target]
    trades, columns, frame = _details(history.trails.get(target), look, target)
    return BookPicture(
        target=target,
        word="no book",
        grade=WARN,
        is_live=False,
        proof="unprovable",
        reason="no book has come",
        bids=[],
        asks=[],
        levels=(0, 0),
        sequence=None,
        counters=Counters(),
        per_s=None,
        age_ns=None,
        instrument=session.instruments.get(target),
        derivative=flow.derivative,
        option=flow.option,
        trade=flow.trade,
        trade_count=flow.trades,
        offset=session.clocks.of(target.partition(":")[0]),
        trades=trades,
        columns=columns,
        frame=frame,
    )


def _details(
    trail: Trail | None, look: Look, target: str
) -> tuple[list[Trade], list[Column], tuple[Record, Sequence[Event]] | None]:
    if trail is None or target not in look.detailed:
        return [], [], None
    newest = [trail.trades[at].trade for at in range(-1, -1 - min(look.trades, len(trail.trades)), -1)]
    columns = list(trail.columns)[-look.columns :]
    if columns:
        # To the newest one trades are still added.
        columns[-1] = replace(columns[-1], dots=[*columns[-1].dots])
    heard = trail.heard[-1] if trail.heard else None
    return newest, columns, None if heard is None else (heard.record, heard.events)
