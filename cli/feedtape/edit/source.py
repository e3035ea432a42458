"""One recording on its way into a merge: its records, with everything that is numbered within it renumbered."""

from collections.abc import Iterator, Sequence
from typing import Any, Final

from feedtape.edit.state import Choice, Mending, chosen, renumbered, state_records
from feedtape.model.records import (
    CLOCK,
    CLOSE,
    DAMAGE,
    DERIVED,
    DROP,
    END,
    HEADER,
    KEYFRAME,
    KEYFRAME_PART,
    OPEN,
    STALL,
    STATE,
    Record,
    note,
)
from feedtape.replay.playback import Playback
from feedtape.tape.blocks import Tell

_NOT_COPIED: Final = DERIVED | {HEADER, END}


class MergedSource:
    """Reads one of the recordings of a merge.

    Numbers of connections and lanes are interleaved: no recording needs to be read to its end before the numbers of the next
    are known.
    """

    def __init__(self, place: int, of: int, playback: Playback, holes: set[int], *, in_lanes: bool) -> None:
        """Take the recording at a place of so many.

        Args:
            holes: places of recordings in which something is missing right now, shared by all of them.
            in_lanes: whether each recording is a lane of its own, since some carry the same.
        """
        self._place = place
        self._of = of
        self._playback = playback
        self._holes = holes
        self._in_lanes = in_lanes
        self._rewrites = {
            OPEN: self._opened,
            CLOSE: self._closed,
            STALL: self._stalled,
            DROP: self._lost,
            DAMAGE: self._lost,
            CLOCK: self._ticked,
            STATE: self._state,
        }

    def number(self, connection: int) -> int:
        """Return the number of a connection within the merge; 0, the recorder, stays."""
        return (connection - 1) * self._of + self._place + 1 if connection else 0

    def _lane(self, lane: int | None) -> int | None:
        if lane is None and not self._in_lanes:
            return None
        return ((lane or 1) - 1) * self._of + self._place + 1

    def records(self, tell: Tell | None = None) -> Iterator[Record]:
        """Yield the records, with what the recording began with, and the ends of connections that it leaves open."""
        session = self._playback.session
        mending = Mending(session)
        has_begun = False
        for record, _ in self._playback.play(chained=True, tell=tell):
            if record.kind not in _NOT_COPIED:
                has_begun = True
                mending.look(record)
                yield self._rewritten(record)
                continue
            if record.kind in (KEYFRAME, KEYFRAME_PART) and not has_begun and (session.connections or session.books):
                has_begun = True
                told: Sequence[Record] = list(state_records(record.time, chosen(session.keyframe(), Choice())))
                mending.look(record)
            else:
                told = mending.look(record)
            yield from map(self._rewritten, told)
        for connection in session.connections:
            fields = {"final": True, "by": "unknown", "reason": "the recording ends", "made_up": True}
            yield self._rewritten(note(session.last, CLOSE, fields, connection))

    def _rewritten(self, record: Record) -> Record:
        rewrite = self._rewrites.get(record.kind)
        if rewrite is None:
            return Record(record.time, self.number(record.connection), record.kind, record.payload)
        fields = record.json()
        if not isinstance(fields, dict):
            return Record(record.time, self.number(record.connection), record.kind, record.payload)
        return note(record.time, record.kind, rewrite(fields), self.number(record.connection))

    def _opened(self, fields: dict[str, Any]) -> dict[str, Any]:
        lane = self._lane(fields.get("lane"))
        return fields if lane is None else fields | {"lane": lane}

    def _closed(self, fields: dict[str, Any]) -> dict[str, Any]:
        relief = fields.get("relieved_by")
        return fields if relief is None else fields | {"relieved_by": self.number(relief)}

    def _stalled(self, fields: dict[str, Any]) -> dict[str, Any]:
        return fields | {"connection": self.number(int(fields["connection"])), "source": self._place}

    def _lost(self, fields: dict[str, Any]) -> dict[str, Any]:
        """Say whose loss it is: only the books of this recording are broken by it."""
        concerned = fields.get("connections")
        if concerned is None:
            carriers = [number for keeper in self._playback.session.books.values() for number in keeper.carriers]
            concerned = sorted({*self._playback.session.connections, *carriers})
        if "until" in fields and fields["until"] is not None:
            self._holes.add(self._place)
        return fields | {"connections": [self.number(int(one)) for one in concerned], "source": self._place}

    def _ticked(self, fields: dict[str, Any]) -> dict[str, Any]:
        return fields | {"source": self._place}

    def _state(self, fields: dict[str, Any]) -> dict[str, Any]:
        """Renumber a state; what was missing is missing until the last recording has told what its holes swallowed."""
        state = renumbered(fields, self.number)
        lanes = state["lanes"]
        before = fields.get("lanes", {}).get("of", {})
        laned = {str(self.number(int(one))): self._lane(before.get(one)) for one in fields["connections"]}
        facts: dict[str, Any] = {}
        told = lanes | {"facts": facts, "of": {one: lane for one, lane in laned.items() if lane is not None}}
        if "hole" in fields:
            if fields["hole"]:
                self._holes.add(self._place)
            else:
                self._holes.discard(self._place)
            state["hole"] = bool(self._holes)
        return state | {"lanes": told, "source": self._place}
