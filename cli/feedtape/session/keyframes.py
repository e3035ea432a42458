"""Keyframes as records: one, or, where a session holds so much that a line could not, one for each book behind it."""

from typing import Any, Final

import orjson

from feedtape.model.records import KEYFRAME, KEYFRAME_PART, Record, note

WHOLE_UPTO: Final = 8 * 1024 * 1024
"""Largest keyframe that stands in one line."""


def keyframe_records(time: int, state: dict[str, Any]) -> list[Record]:
    """Return the records that hold a session's state."""
    whole = note(time, KEYFRAME, state)
    if len(whole.payload) <= WHOLE_UPTO:
        return [whole]
    books = state["books"]
    head = note(time, KEYFRAME, state | {"books": {}, "parts": len(books)})
    return [head, *(note(time, KEYFRAME_PART, {"target": target, "book": book}) for target, book in books.items())]


class Assembly:
    """Puts a keyframe together again."""

    def __init__(self) -> None:
        self._state: dict[str, Any] | None = None
        self._missing = 0

    def add(self, record: Record) -> dict[str, Any] | None:
        """Take the next record of a keyframe; return the state once nothing is missing.

        Raises:
            ValueError, KeyError, TypeError: when it is no such record.
        """
        fields = orjson.loads(record.payload)
        if record.kind == KEYFRAME:
            self._missing = fields.pop("parts", 0)
            self._state = fields
        elif self._state is not None:
            self._state["books"][fields["target"]] = fields["book"]
            self._missing -= 1
        if self._state is None or self._missing:
            return None
        state, self._state = self._state, None
        return dict(state)
