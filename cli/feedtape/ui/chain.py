"""Option chains: what is known of all options on one underlying at one moment, as plain values.

A price is the live book's, else that of the quotes, else what the venue's summary says, and says whose it is. Nothing of it
outlives the connections that told it: then there is a strike without prices.
"""

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Final, NamedTuple

from feedtape.book.keeper import BookKeeper, State
from feedtape.feed.chain import family_of
from feedtape.model.decimals import canonical
from feedtape.model.events import OptionSummary
from feedtape.model.instruments import Instrument
from feedtape.replay.times import span
from feedtape.session import Flow, Session
from feedtape.ui.picture import BAD, GOOD, WARN, state_word

BOOK, QUOTE, SUMMARY = "book", "quote", "summary"
FACTS: Final = (
    *("mark", "last", "bid_iv", "ask_iv", "mark_iv", "delta", "gamma", "vega", "theta", "rho"),
    *("open_interest", "volume"),
)
"""What a summary tells of an option besides its prices, in the venue's own texts; volatilities are fractions of one."""


@dataclass(frozen=True, slots=True)
class OptionPicture:
    """One option.

    Attributes:
        source: whose bid and ask these are: `book`, `quote` or `summary`; empty where nobody tells any.
        state: the state of its book in words, and `grade` how good that is; empty where there is no book.
        recv: receipt of the newest of it, 0 where there is none.
    """

    target: str
    option: str
    strike: str
    bid: str | None = None
    bid_size: str | None = None
    ask: str | None = None
    ask_size: str | None = None
    source: str = ""
    mark: str | None = None
    last: str | None = None
    bid_iv: str | None = None
    ask_iv: str | None = None
    mark_iv: str | None = None
    delta: str | None = None
    gamma: str | None = None
    vega: str | None = None
    theta: str | None = None
    rho: str | None = None
    open_interest: str | None = None
    volume: str | None = None
    state: str = ""
    grade: str = ""
    recv: int = 0


@dataclass(frozen=True, slots=True)
class StrikePicture:
    """A strike with what there is on either side of it."""

    strike: str
    call: OptionPicture | None
    put: OptionPicture | None


@dataclass(frozen=True, slots=True)
class ExpiryPicture:
    """The options that end at one moment.

    Attributes:
        expiry: ns since 1970.
        strikes: the lowest first.
        underlying: newest price of what they are on, often a forward of this expiry; `underlying_name` as the venue calls it.
        at_the_money: index of the strike that is nearest to it; None where it is not known.
    """

    expiry: int
    strikes: tuple[StrikePicture, ...]
    underlying: str | None = None
    underlying_name: str = ""
    at_the_money: int | None = None


@dataclass(frozen=True, slots=True)
class ChainPicture:
    """A chain at one moment.

    Attributes:
        name: `venue:family`, such as `deribit:BTC`.
        time: the moment, ns since 1970.
        expiries: the nearest first.
        options: how many of them are in full here, and `listed` how many there are in all expiries.
        told: how many of the `options` have anything told of them by a connection that is there.
        word: in words how current all of it is, and `grade` how good that is.
    """

    name: str
    time: int
    expiries: tuple[ExpiryPicture, ...]
    options: int
    told: int
    word: str
    grade: str
    listed: int = 0


def chains(session: Session) -> list[str]:
    """Return the names of the chains that a session holds, in the order in which they appeared."""
    return list(dict.fromkeys(name for target in _targets(session) if (name := _chain_of(target))))


def take_chain(
    session: Session,
    now: int,
    name: str,
    only: Collection[str] | None = None,
    expiry: int | None = None,
    nearest: tuple[int, int] | None = None,
) -> ChainPicture:
    """Take a picture of a chain.

    Args:
        only: the targets that count, in any case, where a venue tells of more than were asked for; None: all.
        expiry: a time, ns since 1970; of the expiry that is nearest to it there are options, and of others only when they end.
            0: of the first that has not ended. None: options of all.
        nearest: so many expiries count, of those that had not ended at a time; None: all.
    """
    wanted = None if only is None else {one.lower() for one in only}
    found: dict[int, list[_Found]] = {}
    for target in _targets(session):
        if _chain_of(target) == name and (wanted is None or target.lower() in wanted):
            flow = session.flows.get(target)
            summary = flow.option if flow is not None else None
            terms = _terms(summary, session.instruments.get(target))
            if terms is not None:
                found.setdefault(terms[0], []).append(_Found(target, terms, flow, summary))
    if nearest is not None:
        number, since = nearest
        found = {end: found[end] for end in [end for end in sorted(found) if end > since][:number]}
    looked_at = _looked_at(found, expiry, now)
    books = _books(session)
    expiries = []
    for end in sorted(found):
        of = found[end] if end in looked_at else []
        options = [_option(one, books.get(one.target), now) for one in of]
        expiries.append(_expiry(end, options, [one.summary for one in of if one.summary is not None]))
    options = [option for one in expiries for strike in one.strikes for option in (strike.call, strike.put) if option is not None]
    of_all = [books[one.target] for of in found.values() for one in of if one.target in books]
    word, grade = _currency(session, options, now, sum(keeper.state is State.BROKEN for keeper in of_all))
    if looked_at and max(looked_at) <= now:
        word, grade = "expired", WARN
    told, listed = sum(bool(one.recv) for one in options), sum(map(len, found.values()))
    return ChainPicture(name, now, tuple(expiries), len(options), told, word, grade, listed)


def _looked_at(ends: Collection[int], expiry: int | None, now: int) -> Collection[int]:
    """Return the expiries whose options are wanted."""
    if expiry is None or not ends:
        return ends
    if expiry:
        return (min(ends, key=lambda end: abs(end - expiry)),)
    return (min((end for end in ends if end > now), default=max(ends)),)


class _Found(NamedTuple):
    """What is known of one option; `terms` are expiry, strike, and call or put."""

    target: str
    terms: tuple[int, str, str]
    flow: Flow | None
    summary: OptionSummary | None


def _targets(session: Session) -> Iterable[str]:
    return dict.fromkeys((*(target.partition("@")[0] for target in session.books), *session.flows))


def _chain_of(target: str) -> str | None:
    venue, _, symbol = target.partition(":")
    family = family_of(symbol)
    return None if family is None else f"{venue}:{family}"


def _books(session: Session) -> dict[str, BookKeeper]:
    """Return a book of each target: of several the one without a channel in its name, which is the first."""
    found: dict[str, BookKeeper] = {}
    for name, keeper in session.books.items():
        found.setdefault(name.partition("@")[0], keeper)
    return found


def _terms(summary: OptionSummary | None, facts: Instrument | None) -> tuple[int, str, str] | None:
    """Return expiry, strike, and call or put, by what the venue says of it, or by its list of instruments."""
    for one in (summary, facts):
        if one is not None and one.expiry is not None and one.strike is not None and one.option in ("call", "put"):
            return one.expiry, canonical(one.strike), one.option
    return None


def _option(one: _Found, keeper: BookKeeper | None, now: int) -> OptionPicture:
    summary = one.summary
    facts: dict[str, str | None] = {name: getattr(summary, name) for name in FACTS} if summary is not None else {}
    state, grade = state_word(keeper, now) if keeper is not None else ("", "")
    prices, source, recv = _prices(one.flow, summary, keeper)
    if summary is not None and any(value is not None for value in facts.values()):
        recv = max(recv, summary.recv)
    _, strike, side = one.terms
    return OptionPicture(one.target, side, strike, *prices, source=source, **facts, state=state, grade=grade, recv=recv)


def _prices(
    flow: Flow | None, summary: OptionSummary | None, keeper: BookKeeper | None
) -> tuple[tuple[str | None, str | None, str | None, str | None], str, int]:
    """Return bid, its size, ask and its size, whose they are, and when they came."""
    if keeper is not None and keeper.is_live:
        (bid, bid_size), (ask, ask_size) = keeper.book.bids.best() or (None, None), keeper.book.asks.best() or (None, None)
        return (bid, bid_size, ask, ask_size), BOOK, keeper.last_recv
    quote = flow.quote if flow is not None and flow.quote_source else None
    if quote is not None:
        return (quote.bid, quote.bid_size, quote.ask, quote.ask_size), QUOTE, quote.recv
    if summary is not None and (summary.bid is not None or summary.ask is not None):
        return (summary.bid, summary.bid_size, summary.ask, summary.ask_size), SUMMARY, summary.recv
    return (None, None, None, None), "", 0


def _expiry(end: int, options: list[OptionPicture], summaries: list[OptionSummary]) -> ExpiryPicture:
    sides: dict[str, dict[str, OptionPicture]] = {}
    for option in options:
        sides.setdefault(option.strike, {})[option.option] = option
    strikes = tuple(StrikePicture(one, sides[one].get("call"), sides[one].get("put")) for one in sorted(sides, key=Decimal))
    priced = [one for one in summaries if one.underlying is not None]
    newest = max(priced, key=lambda one: one.recv) if priced else None
    if newest is None or newest.underlying is None:
        return ExpiryPicture(end, strikes)
    price = Decimal(newest.underlying)
    nearest = min(range(len(strikes)), key=lambda at: abs(Decimal(strikes[at].strike) - price))
    return ExpiryPicture(end, strikes, newest.underlying, newest.underlying_name, nearest)


def _currency(session: Session, options: list[OptionPicture], now: int, wrong: int) -> tuple[str, str]:
    """Return in words how current a chain is: by the connections that tell `options`, and how many books are `wrong`."""
    told = [option for option in options if option.recv]
    if not told:
        return "nothing told", BAD
    since = [
        session.stalled[source] for option in told for source in _sources(session.flows, option) if source in session.stalled
    ]
    if since:
        return f"stale {span(max(0, now - min(since)))}", WARN
    if wrong:
        return f"live, {wrong} book{'s' if wrong > 1 else ''} broken", BAD
    missing = len(options) - len(told)
    return (f"live, {missing} not told", WARN) if missing else ("live", GOOD)


def _sources(flows: Mapping[str, Flow], option: OptionPicture) -> tuple[int, ...]:
    flow = flows.get(option.target)
    return () if flow is None else (*flow.option_views, flow.quote_source)
