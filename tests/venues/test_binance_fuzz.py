"""Damaged frames: events or `BadFrame`, never anything else."""

import random

from hypothesis import given, settings
from hypothesis import strategies as st

from feedtape.errors import BadFrame
from feedtape.model.events import Event
from feedtape.venues import registry
from feedtape.venues.contract import Request
from venues.binance_frames import COINM, RECV_NS, SPOT, USDM, VENUES, every_frame

FRAMES = {venue: every_frame(venue) for venue in VENUES}
EXPECTED = {
    venue: {kind: list(registry.venue(venue).decode(frame, RECV_NS)) for kind, frame in FRAMES[venue].items()} for venue in VENUES
}
# Bytes that JSON and the decoder care about come more often than others.
TELLING = b'{}[]":,.-+eE0179\\ntu\x00\xff '


def damaged(frame: bytes, rng: random.Random) -> bytes:
    """A frame after one to three accidents."""
    found = bytearray(frame)
    for _ in range(rng.randrange(1, 4)):
        at = rng.randrange(len(found) + 1)
        match rng.randrange(6):
            case 0:
                del found[at:]
            case 1:
                del found[at : at + rng.randrange(1, 12)]
            case 2:
                found[at:at] = bytes([rng.choice(TELLING)])
            case 3:
                found[at : at + 1] = bytes([rng.choice(TELLING) if rng.random() < 0.7 else rng.randrange(256)])
            case 4:
                found[at:at] = found[at : at + rng.randrange(1, 30)]
            case 5 if len(found) > 1:
                one, other = rng.randrange(len(found)), rng.randrange(len(found))
                found[one], found[other] = found[other], found[one]
    return bytes(found)


@settings(deadline=None, max_examples=150)
@given(st.sampled_from(VENUES), st.integers(0, 2**32))
def test_a_damaged_frame_is_read_or_refused(venue: str, seed: int) -> None:
    rng = random.Random(seed)
    decode = registry.venue(venue).decode
    for frame in FRAMES[venue].values():
        try:
            events = decode(damaged(frame, rng), RECV_NS)
        except BadFrame as error:
            assert str(error)
            continue
        for event in events:
            assert isinstance(event, Event) and event.recv == RECV_NS and event.as_json()


@settings(deadline=None, max_examples=60)
@given(st.binary(max_size=60) | st.text(max_size=60).map(str.encode) | st.from_regex(rb'\A\{"stream":"[a-z@0-9!]*","data":.*\Z'))
def test_anything_is_read_or_refused(payload: bytes) -> None:
    for venue in VENUES:
        for read in (
            lambda: registry.venue(venue).decode(payload, RECV_NS),  # noqa: B023
            lambda: registry.venue(venue).decode_body(Request("/x/depth?symbol=BTCUSDT"), payload, RECV_NS),  # noqa: B023
            lambda: registry.venue(venue).instruments(Request("/"), payload),  # noqa: B023
        ):
            try:
                read()
            except BadFrame:
                continue


def test_hostile_frames_leave_the_decoders_as_they_were() -> None:
    rng = random.Random(7)
    for venue in (SPOT, USDM, COINM):
        decode = registry.venue(venue).decode
        for number in range(4_200 if venue == USDM else 50):  # more streams than are remembered
            try:
                decode(b'{"stream":"s%d@trade","data":%b}' % (number, damaged(b"{}", rng)), 1)
            except BadFrame:
                continue
        for kind, frame in FRAMES[venue].items():
            assert list(decode(frame, RECV_NS)) == EXPECTED[venue][kind]
            assert EXPECTED[venue][kind], kind
