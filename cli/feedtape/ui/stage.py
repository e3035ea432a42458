"""Stages: where a session lives while somebody looks at it.

A stage has a thread of its own, so that drawing never holds up what is being received; whoever draws asks it for pictures.
"""

from collections.abc import Callable, Sequence
from concurrent.futures import Future
from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    from feedtape.ui.picture import Look, Picture

Done = Callable[["Picture | Exception"], None]
"""Takes a picture, or what the taking failed by."""


class Stage(Protocol):
    """What a screen needs of it; every method may be called from the screen's thread."""

    def start(self) -> None:
        """Begin."""

    def take(self, look: "Look", done: Done) -> bool:
        """Take a picture soon, between two records, and hand it over in the stage's own thread; tell whether it will."""

    def do(self, action: Callable[[], None]) -> object:
        """Do something where the session lives."""

    def stop(self, reason: str) -> None:
        """End; `ended` tells when that is done."""

    @property
    def ended(self) -> "Future[None]":
        """Done when it has ended, with what it failed by."""

    @property
    def said(self) -> Sequence[str]:
        """What it had to say, the newest last."""

    def facts(self) -> dict[str, Any]:
        """Return what its own panels show."""
