"""Whether messages still have the shape that is known: what came against what is known, kind by kind."""

from collections import Counter
from collections.abc import Sequence
from typing import Final

import orjson

from feedtape.feed.doctor import CONTRADICTION, OTHER, Check, counted
from feedtape.feed.words import plain
from feedtape.model.events import Event
from feedtape.venues.shapes import Finding, Shape, Shapes, compare, kind_of, named_by

_LOOKED_AT: Final = 300
"""Messages of a kind that are compared; the others are only counted."""
_MOST_KINDS: Final = 200
_MOST_FINDINGS: Final = 200
"""Kinds, and different findings of one, that are counted one by one: a hostile venue makes up names without end."""
_SHOWN: Final = 3
_UNNAMED: Final = "a message that does not say what it is"


class Seen:
    """The messages that came, by kind."""

    def __init__(self, shapes: Shapes | None, decoder: str, symbols: Sequence[str]) -> None:
        """Begin; `shapes` is None where nothing is known of the venue."""
        self._shapes = shapes
        self._decoder = decoder
        self._symbols = symbols
        self._messages: Counter[str] = Counter()
        self._compared: Counter[str] = Counter()
        self._found: dict[str, Counter[Finding]] = {}
        self._refused: Counter[str] = Counter()
        self._words: dict[str, str] = {}
        self._damaged = 0

    def message(self, payload: bytes, events: Sequence[Event], refused: str | None) -> None:
        """Take one message, what the decoder read in it, and its words where it refused it."""
        try:
            message = orjson.loads(payload)
        except ValueError:
            if refused is not None:
                self._damaged += 1
                return
            message = None
        kind = kind_of(message, self._symbols) or named_by(events) or _UNNAMED
        if kind not in self._messages and len(self._messages) >= _MOST_KINDS:
            return
        self._messages[kind] += 1
        if refused is not None:
            self._refused[kind] += 1
            self._words.setdefault(kind, refused)
        if self._messages[kind] <= _LOOKED_AT:
            self._compare(kind, message, is_refused=refused is not None)

    def _compare(self, kind: str, message: object, *, is_refused: bool) -> None:
        self._compared[kind] += 1
        known = None if self._shapes is None else self._shapes.kinds.get(kind)
        if known is None:
            return
        shape = Shape()
        shape.add(message)
        found = self._found.setdefault(kind, Counter())
        # What the decoder took all the same was not needed this time.
        told = [finding._replace(needed=finding.needed and is_refused) for finding in compare(known, shape)]
        found.update(finding for finding in told if finding in found or len(found) < _MOST_FINDINGS)

    def check(self) -> Check:
        """Say what came of it."""
        total = sum(self._messages.values())
        if not total and not self._damaged:
            return Check("shape", "skipped", "no message came")
        broken, less, new = self._told()
        strange = (
            []
            if self._shapes is None
            else [kind for kind in self._messages if kind not in self._shapes.kinds and kind != _UNNAMED]
        )
        new += [
            f"{plain(kind)} is a kind of message that is not known ({self._messages[kind]})"
            for kind in strange
            if not self._refused[kind]
        ]
        facts = {
            "decoder": self._decoder,
            "messages": dict(self._messages),
            "refused": dict(self._refused),
            "damaged": self._damaged,
            "findings": [
                {
                    "kind": kind,
                    "what": one.what,
                    "path": one.path,
                    "found_at": one.found_at,
                    "needed": one.needed,
                    "messages": count,
                }
                for kind, found in self._found.items()
                for one, count in found.items()
            ],
        }
        damage = f"{self._damaged} of {total + self._damaged} messages are no JSON" if self._damaged else ""
        if broken:
            remedy = f"feedtape's decoder {self._decoder} must be updated; a tape keeps the messages, for a later one"
            if any(self._refused[kind] < self._compared[kind] for kind in self._refused):
                remedy += " (where only some of a kind are refused, they may be damaged on the way)"
            return Check("shape", "failed", _listed([*broken, *less, damage, *new]), remedy, CONTRADICTION, facts)
        if damage:
            remedy = "the venue, or what is in between, sends damaged messages: a recording keeps and counts them"
            return Check("shape", "failed", _listed([damage, *less, *new]), remedy, OTHER, facts)
        if less:
            remedy = f"the decoder {self._decoder} goes on without what it would have read there; a newer feedtape may know more"
            return Check("shape", "warning", _listed([*less, *new]), remedy, OTHER, facts)
        count = f"{counted(total, 'message')} of {counted(len(self._messages), 'kind')}"
        if self._shapes is None:
            return Check(
                "shape",
                "note",
                f"the decoder {self._decoder} reads all {count}; no fields are known to compare with",
                facts=facts,
            )
        if self._shapes.decoder != self._decoder:
            new.append(f"the known fields are of the decoder {self._shapes.decoder}")
        if new:
            return Check("shape", "note", f"{count}, all read; new, which breaks nothing: {_listed(new)}", facts=facts)
        return Check("shape", "fine", f"{count}, all as the decoder {self._decoder} knows them", facts=facts)

    def _told(self) -> tuple[list[str], list[str], list[str]]:
        """Return what the decoder stumbles over, what it goes without, and what is new, in words."""
        broken, less, new = list[str](), list[str](), list[str]()
        explained = set[str]()
        every = [(kind, one, count) for kind, found in self._found.items() for one, count in found.items()]
        # What keeps messages from being read comes first.
        for kind, one, count in sorted(every, key=lambda entry: (not entry[1].needed, -entry[2], entry[:2])):
            where = f"{plain(kind)}: {plain(one.path)}"
            often = f"in {count} of {self._compared[kind]}"
            if one.what == "moved":
                broken.append(f"{where} moved to {plain(one.found_at)} {often}" + (", refused" if one.needed else ""))
            elif one.what == "missing" and one.needed:
                broken.append(f"{where} is missing {often}, refused")
            elif one.what == "missing":
                less.append(f"{where} is missing {often}")
            else:
                new.append(f"{where} {often}")
            if one.needed:
                explained.add(kind)
        for kind, count in self._refused.items():
            if kind not in explained:
                broken.append(f"{plain(kind)}: {count} of {self._messages[kind]} refused: {plain(self._words[kind])}")
        return broken, less, new


def _listed(told: Sequence[str]) -> str:
    told = [one for one in told if one]
    more = len(told) - _SHOWN
    return "; ".join(told[:_SHOWN]) + (f"; and {more} more" if more > 0 else "")
