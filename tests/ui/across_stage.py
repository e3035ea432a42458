"""Books of several venues, written by hand, for the tests of what is drawn across them."""

from dataclasses import replace

from feedtape.book.keeper import Counters
from feedtape.model.instruments import Instrument
from feedtape.ui.picture import BookPicture, Picture

Level = tuple[str, str]
DAY = 86_400 * 10**9


def spot(quote: str = "USDT", tick: str | None = None, base: str = "BTC") -> Instrument:
    """A pair of coins."""
    return Instrument(symbol="X", kind="spot", base=base, quote=quote, tick=tick)


def perpetual(quote: str, settle: str, multiplier: str | None = None) -> Instrument:
    """A contract without expiry."""
    return Instrument(symbol="X", kind="perpetual", base="BTC", quote=quote, settle=settle, multiplier=multiplier, tick="0.5")


def book(target: str, bid: Level | None, ask: Level | None, instrument: Instrument | None = None) -> BookPicture:
    """A live book of one level a side."""
    return BookPicture(
        target=target,
        word="live",
        grade="good",
        is_live=True,
        proof="sequence",
        reason="",
        bids=[bid] if bid else [],
        asks=[ask] if ask else [],
        levels=(1, 1),
        sequence=1,
        counters=Counters(),
        per_s=None,
        age_ns=None,
        instrument=instrument,
        derivative=None,
        option=None,
        trade=None,
        trade_count=0,
    )


def picture(*books: BookPicture) -> Picture:
    """A session with these books."""
    return Picture(0, {one.target: one for one in books}, 0, 0, None, 0, 0, 0, 0, 0, 0, 0, [], None)


def deep(target: str, bids: list[Level], asks: list[Level], instrument: Instrument | None = None, more: int = 0) -> BookPicture:
    """A book of several levels, and so many more that the picture does not hold."""
    one = book(target, None, None, instrument or spot(tick="0.1"))
    return replace(one, bids=bids, asks=asks, levels=(len(bids) + more, len(asks) + more))


NEAR = deep("a:1", [("99", "1"), ("98", "1")], [("100", "1"), ("104", "9")])
FAR = deep("b:1", [("99.5", "1")], [("101", "1.5"), ("102", "9")])
