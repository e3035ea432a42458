"""A venue that declares nothing: what a test needs of one, it declares itself."""

from collections.abc import Sequence

from feedtape.book.rules import Integrity
from feedtape.model.events import Event
from feedtape.model.targets import Target
from feedtape.venues.contract import Ask, Limits, Page, Rate, Request, Stream, Venue


class Bare(Venue):
    """Everything that a venue must have, and nothing in it."""

    name = "bare"
    limits = Limits(connects=Rate(1, 1), messages=(), rest=Rate(1, 1), streams=1)

    def decode(self, payload: bytes, recv: int) -> Sequence[Event]:
        return ()

    def decode_body(self, request: Request, body: bytes, recv: int) -> Sequence[Event]:
        return ()

    def integrity(self, channel: str) -> Integrity:
        return Integrity()

    def streams(self, target: Target, channels: Sequence[str]) -> list[Stream]:
        return []

    def subscribe(self, streams: Sequence[str], first_id: int) -> list[Ask]:
        return []

    def snapshot_request(self, symbol: str) -> Request | None:
        return None

    def instruments_requests(self, symbols: Sequence[str] = ()) -> list[Request]:
        return []

    def instruments(self, request: Request, body: bytes) -> Page:
        return Page([], [])
