"""The golden messages of Binance: what another project makes of them, and where we differ on purpose.

Their `binance-futures` is our `binance-usdm`, their `binance-delivery` our `binance-coinm`.
"""

from collections.abc import Callable
from decimal import Decimal
from pathlib import Path

import pytest

from feedtape.book.keeper import State
from feedtape.session import Session
from feedtape.venues import registry
from golden import Normal, messages, ours
from venues.binance_frames import COINM, SPOT, USDM, frame, opened

pytestmark = pytest.mark.frames

Change = Callable[[list[Normal]], list[Normal]]


def at(ms: int) -> Change:
    """The same, at the time of the matching engine."""
    return lambda theirs: [theirs[0] | {"timestamp": ms}]


def only(**fields: object) -> Change:
    """The same but for some fields."""
    return lambda theirs: [theirs[0] | fields]


def said(theirs_of: Normal) -> Change:
    """Something where they say nothing."""
    return lambda theirs: [*theirs, theirs_of]


ENGINE_TIME = (
    "futures tell both times; `T` is the matching engine's, `E` when the message was made: ours is T (sheet USDM 9, COIN-M 9)"
)
AS_RECEIVED = (
    "they hold deltas back and merge them into the snapshot; here a delta is an event when it comes, and the book joins them"
)
REPEATED = "an unchanged ticker is news of its own time; they drop it"
PAIR_INDEX = (
    "the index of a pair has no target of ours; it comes in markPrice's `i` (sheet COIN-M 7), missing in this old capture"
)

DIFFERENT: dict[tuple[str, int], tuple[str, Change]] = {
    (USDM, 3): (
        REPEATED,
        said(
            {
                "type": "derivative_ticker",
                "symbol": "BTCUSDT",
                "timestamp": 1_568_693_103_467,
                "lastPrice": Decimal("10223.74"),
                "openInterest": None,
                "fundingRate": Decimal("0.0001"),
                "indexPrice": None,
                "markPrice": Decimal("8291.34697815"),
                "fundingTimestamp": 1_569_916_800_000,
            }
        ),
    ),
    (USDM, 5): (
        AS_RECEIVED,
        said(
            {
                "type": "book_change",
                "isSnapshot": False,
                "symbol": "BTCUSDT",
                "timestamp": 1_573_948_821_948,
                "bids": {Decimal("8493.78"): Decimal("0.162")},
                "asks": {Decimal(4096): Decimal("2.425419")},
            }
        ),
    ),
    (USDM, 6): (
        AS_RECEIVED,
        only(
            bids={Decimal("8488.36"): Decimal("1.501")},
            asks={Decimal("4095.99"): Decimal("2.31652"), Decimal(4096): Decimal("1.425419")},
        ),
    ),
    (USDM, 7): (ENGINE_TIME, at(1_573_948_821_948)),
    # By the older ticker's time, which is the last that was said; theirs keeps the mark price's.
    (USDM, 8): (REPEATED, only(timestamp=1_568_693_103_467)),
    (COINM, 2): (ENGINE_TIME, at(1_592_265_600_420)),
    (COINM, 5): (ENGINE_TIME, at(1_592_265_602_210)),
    (COINM, 6): (PAIR_INDEX, only(indexPrice=None)),
}


def normalised(frames: Path, name: str, venue: str) -> tuple[Session, list[tuple[list[Normal], list[Normal]]]]:
    """What they expect and what we say, message by message."""
    session = Session(registry.venue)
    session.feed(opened(0, 1, venue))
    pairs = []
    for message in messages(frames / "golden" / f"{name}.jsonl"):
        found = []
        for event in session.feed(frame(message.recv, 1, message.payload)):
            flow = session.flows.get(event.target)
            normal = ours(event, flow.derivative if flow else None)
            if normal is not None:
                found.append(normal)
        pairs.append((message.expected, found))
    return session, pairs


@pytest.mark.parametrize(
    ("name", "venue", "exact", "of"),
    [("binance", SPOT, 6, 6), ("binance-futures", USDM, 4, 9), ("binance-delivery", COINM, 4, 7)],
)
def test_golden_messages(frames: Path, name: str, venue: str, exact: int, of: int) -> None:
    _, pairs = normalised(frames, name, venue)
    differing = [index for index, (theirs, found) in enumerate(pairs) if theirs != found]
    for index, (theirs, found) in enumerate(pairs):
        why, change = DIFFERENT.get((venue, index), ("", None))
        assert found == (theirs if change is None else change(theirs)), f"{name} {index} {why}"
    # An explanation of a difference that is none would be a lie.
    assert differing == [index for one, index in DIFFERENT if one == venue]
    assert (len(pairs) - len(differing), len(pairs)) == (exact, of)


def test_the_joined_book_is_the_snapshot_that_they_merge(frames: Path) -> None:
    """Their seventh futures message is our book after it."""
    session = Session(registry.venue)
    session.feed(opened(0, 1, USDM))
    [*_, last] = first_seven = list(messages(frames / "golden" / "binance-futures.jsonl"))[:7]
    for message in first_seven:
        session.feed(frame(message.recv, 1, message.payload))
    keeper = session.books["binance-usdm:BTCUSDT"]
    # Their expectation is of a straddle that the venue's rule lets in: U 687687944 <= 687687945 <= u 687687946.
    assert keeper.state is State.LIVE and keeper.book.sequence == 687_687_946
    [merged] = last.expected
    for side, ladder in (("bids", keeper.book.bids), ("asks", keeper.book.asks)):
        assert {Decimal(price): Decimal(size) for price, size in ladder.top()} == merged[side]


@pytest.mark.parametrize(
    ("name", "venue", "target"),
    [
        ("binance-futures", USDM, "binance-usdm:BTCUSDT"),
        ("binance-delivery", COINM, "binance-coinm:BTCUSD_200925"),
    ],
)
def test_what_the_sequence_rule_calls_a_gap_is_no_part_of_a_book(frames: Path, name: str, venue: str, target: str) -> None:
    """They pass on deltas whose `pu` is not the `u` before; the venue says to start over (sheet USDM 5.5, COIN-M 5)."""
    session, _ = normalised(frames, name, venue)
    assert [(loss.target, loss.kind) for loss in session.losses] == [(target, "gap")]
    assert session.books[target].state is State.BROKEN and session.books[target].digest() is None


def test_on_spot_their_book_and_ours_go_on_and_the_missing_trades_are_named(frames: Path) -> None:
    """The two trades are months apart."""
    session, _ = normalised(frames, "binance", SPOT)
    assert session.books["binance:BTCUSDC"].state is State.LIVE
    assert [(loss.target, loss.kind, loss.missed) for loss in session.losses] == [("binance:BNBBTC", "trades", 19_520_695)]
