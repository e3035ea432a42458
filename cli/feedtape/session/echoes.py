"""Messages without a number of their own, heard on several connections: each counts once."""

import hashlib
from typing import Any, Final

import msgspec

from feedtape.book.lanes import Tally
from feedtape.model.events import Event, Quote, Trade

REMEMBERED: Final = 10_000
"""Messages that are remembered; the oldest are forgotten beyond it."""
_LONGEST: Final = 400
"""Longer texts are remembered by their hash."""


class Echoes:
    """Remembers who brought which message, while there are several connections that may bring it.

    A message is what it says, without its receipt. The same words twice on one connection are two messages.
    """

    def __init__(self, tally: Tally) -> None:
        self.several = False
        """Whether there is a connection that could repeat what another one said."""
        self._heard: dict[str, tuple[int, int]] = {}
        self._tally = tally

    def listen(self, several: bool) -> None:
        """Begin to remember, or forget what was remembered."""
        self.several = several
        if not several:
            self._heard.clear()

    def repeats(self, event: Event, connection: int) -> bool:
        """Tell whether another connection had brought this."""
        if not self.several:
            return False
        words, heard = _words(event), self._heard
        before = heard.get(words)
        if before is not None and before[1] != connection:
            self._tally.again(connection, before[1], event.recv - before[0])
            return True
        self._tally.first(connection)
        heard[words] = (event.recv, connection)
        if len(heard) > REMEMBERED:
            del heard[next(iter(heard))]
        return False

    def save(self) -> list[tuple[str, int, int]]:
        """Return what is remembered as JSON values, the oldest first."""
        return [(words, *before) for words, before in self._heard.items()]

    def load(self, saved: list[tuple[str, int, int]]) -> None:
        """Take over what `save` returned."""
        self._heard = {words: (recv, connection) for words, recv, connection in saved}

    def adopt(self, saved: list[tuple[str, int, int]]) -> None:
        """Remember what `save` returned elsewhere, too, as far as anybody may repeat it."""
        if self.several:
            heard = self._heard
            older = [(words, (recv, connection)) for words, recv, connection in saved if words not in heard]
            self._heard = dict([*older, *heard.items()][-REMEMBERED:])


def _words(event: Event) -> str:
    """Return what an event says as a text; where it has an identity of its own, that is all of it."""
    if type(event) is Trade and event.id:
        return f"trade {event.target} {event.id[:_LONGEST]}"
    if type(event) is Quote and event.sequence is not None:
        return f"quote {event.target} {event.sequence}"
    fields: dict[str, Any] = msgspec.structs.asdict(event)
    words = f"{type(event).__name__} " + " ".join(str(value) for name, value in fields.items() if name != "recv")
    return words if len(words) <= _LONGEST else hashlib.blake2b(words.encode(errors="surrogatepass"), digest_size=32).hexdigest()
