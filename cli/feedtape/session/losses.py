"""The ledger of losses: what was lost of what, from when to when."""

from typing import Any

import msgspec

from feedtape.model.events import Event, Gap, Resync

LOSSES_KEPT = 10_000
"""Losses that are listed one by one; more are only counted, so that a feed that breaks all day cannot fill the memory."""


class Loss(msgspec.Struct):
    """One stretch in which something was lost. `to` is when the target was whole again; None: it never was."""

    target: str
    kind: str
    since: int
    to: int | None
    missed: int | None
    detail: str = ""

    def as_json(self) -> dict[str, Any]:
        """The loss as JSON values."""
        return {
            "target": self.target or None,
            "kind": self.kind,
            "from": str(self.since),
            "to": None if self.to is None else str(self.to),
            "missed": self.missed,
            "detail": self.detail,
        }


class Losses:
    """Every loss, in the order in which it was noticed."""

    def __init__(self) -> None:
        self.kept: list[Loss] = []
        self._open: dict[str, list[int]] = {}
        """Positions in `kept` of those that a resync of their target will end."""

    def note(self, event: Event, *, lasts: bool) -> None:
        """Take a gap or a resync down; a gap that `lasts` ends with its target's next resync, another is over at once."""
        if type(event) is Resync:
            for index in self._open.pop(event.target, ()):
                self.kept[index].to = event.recv
        elif type(event) is Gap and len(self.kept) < LOSSES_KEPT:
            if lasts:
                self._open.setdefault(event.target, []).append(len(self.kept))
            to = None if lasts else event.recv
            self.kept.append(Loss(event.target, event.kind, event.since, to, event.missed, event.detail))

    def save(self, since: int = 0) -> dict[str, Any]:
        """Return the ledger as JSON values, without the first `since` losses but for those that still last."""
        lasting = {index for indices in self._open.values() for index in indices}
        chosen = [index for index in range(len(self.kept)) if index >= since or index in lasting]
        places = {index: place for place, index in enumerate(chosen)}
        kept = [msgspec.to_builtins(self.kept[index]) for index in chosen]
        return {"kept": kept, "open": {target: [places[index] for index in found] for target, found in self._open.items()}}

    def load(self, saved: dict[str, Any]) -> None:
        """Take over what `save` returned."""
        self.kept = msgspec.convert(saved["kept"], list[Loss])
        self._open = msgspec.convert(saved["open"], dict[str, list[int]])
