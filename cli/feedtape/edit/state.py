"""A session's state, as keyframes hold it: parts of it left out, its connections renumbered, told as input to another session."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, Final

from feedtape.book.keeper import State as BookState
from feedtape.model.records import CLOSE, KEYFRAME, KEYFRAME_PART, STATE, Record, note
from feedtape.session import Session

_STATE_SIZE: Final = 8 * 1024 * 1024
"""Largest state that stands in one record; a larger one is told book by book, since a line has a limit."""
_TOLD: Final = ("connections", "conversations", "exchanges", "stalled", "flows", "echoes", "clocks", "lanes", "instruments")

State = dict[str, Any]


@dataclass(frozen=True)
class Choice:
    """What of a tape is wanted.

    Attributes:
        targets: without their channels; None: all.
        left_out: numbers of connections and exchanges of which nothing is wanted.
    """

    targets: frozenset[str] | None = None
    left_out: frozenset[int] = frozenset()

    def wants(self, target: str) -> bool:
        """Tell whether a book or a flow is wanted."""
        return self.targets is None or target.partition("@")[0] in self.targets


def chosen(state: State, choice: Choice) -> State:
    """Return what is wanted of a state, all counters at zero: whoever begins with it counts from there."""
    out = choice.left_out
    books = {target: kept for target, one in state["books"].items() if choice.wants(target) and (kept := _book(one, out))}
    flows = {target: _flow(one, out) for target, one in state["flows"].items() if choice.wants(target)}
    lanes = state.get("lanes", {})
    names = _without(state["connections"], out)
    return state | {
        "connections": names,
        "conversations": {part: _without(one, out) for part, one in state.get("conversations", {}).items()},
        "exchanges": _without(state["exchanges"], out),
        "stalled": _without(state["stalled"], out),
        "books": books,
        "flows": flows,
        "lanes": {"facts": {lane: {} for lane in lanes.get("facts", {})}, "of": _without(lanes.get("of", {}), out)},
        "echoes": [one for one in state.get("echoes", []) if one[2] not in out],
        "instruments": {target: facts for target, facts in state["instruments"].items() if choice.wants(target)},
        "totals": {"connections": len(names)},
        "unread": {},
        "losses": _losses(state["losses"], choice),
        "markers": [],
        "traffic": {},
    }


def _without(numbered: dict[str, Any], out: frozenset[int]) -> dict[str, Any]:
    return {number: value for number, value in numbered.items() if int(number) not in out}


def _book(saved: State, out: frozenset[int]) -> State | None:
    """Return a book with the connections that are left; None when it lived on none of them."""
    merge, standbys = saved.get("merge"), _without(saved.get("standbys") or {}, out)
    if saved["source"] in out:
        # The whole comes first, as it does where the recording itself loses a connection.
        left = sorted(standbys, key=lambda connection: standbys[connection]["state"] != BookState.LIVE)
        return standbys[left[0]] | {"counters": {}, "standbys": {one: standbys[one] for one in left[1:]}} if left else None
    if merge is not None and not (merge := _merge(merge, out))["lanes"]:
        return None
    return saved | {"counters": {}, "merge": merge, "standbys": standbys}


def _merge(saved: State, out: frozenset[int]) -> State:
    return saved | {
        "lanes": _without(saved["lanes"], out),
        "aside": [one for one in saved["aside"] if one["connection"] not in out],
    }


def _flow(saved: State, out: frozenset[int]) -> State:
    kept = saved | {"trades": 0, "quotes": 0}
    for name in ("trade_source", "quote_source"):
        kept[name] = 0 if saved[name] in out else saved[name]
    told = saved.get("derivative_sources", [])
    kept["derivative_sources"] = [one for one in told if one not in out]
    if told and not kept["derivative_sources"]:
        kept["derivative"] = None
    kept["option_views"] = _without(saved.get("option_views", {}), out)
    if saved.get("merge") is not None:
        merge = _merge(saved["merge"], out)
        kept["merge"] = merge if merge["lanes"] else None
    return kept


def _losses(saved: State, choice: Choice) -> State:
    """Keep the losses that still last."""
    kept: list[Any] = []
    lasting: dict[str, list[int]] = {}
    for target, numbers in saved["open"].items():
        if choice.wants(target):
            lasting[target] = list(range(len(kept), len(kept) + len(numbers)))
            kept += [saved["kept"][number] for number in numbers]
    return {"kept": kept, "open": lasting}


def renumbered(state: State, number: Callable[[int], int]) -> State:
    """Return a state with every connection under another number."""
    lanes = state.get("lanes", {})
    return state | {
        **{name: _keys(state.get(name, {}), number) for name in ("connections", "exchanges", "stalled")},
        "conversations": {part: _keys(one, number) for part, one in state.get("conversations", {}).items()},
        "books": {target: _book_numbered(one, number) for target, one in state["books"].items()},
        "flows": {target: _flow_numbered(one, number) for target, one in state.get("flows", {}).items()},
        "lanes": lanes | {"of": _keys(lanes.get("of", {}), number)},
        "echoes": [(words, recv, number(connection)) for words, recv, connection in state.get("echoes", [])],
    }


def _keys(numbered: dict[str, Any], number: Callable[[int], int]) -> dict[str, Any]:
    return {str(number(int(one))): value for one, value in numbered.items()}


def _book_numbered(saved: State, number: Callable[[int], int]) -> State:
    standbys = {one: _book_numbered(keeper, number) for one, keeper in (saved.get("standbys") or {}).items()}
    source = saved["source"]
    return saved | {
        "source": None if source is None else number(source),
        "merge": _merge_numbered(saved.get("merge"), number),
        "standbys": _keys(standbys, number),
    }


def _flow_numbered(saved: State, number: Callable[[int], int]) -> State:
    sources = {name: number(saved[name]) for name in ("trade_source", "quote_source")}
    views = _keys(saved.get("option_views", {}), number)
    told = [number(one) for one in saved.get("derivative_sources", [])]
    return (
        saved
        | sources
        | {"derivative_sources": told, "option_views": views, "merge": _merge_numbered(saved.get("merge"), number)}
    )


def _merge_numbered(saved: State | None, number: Callable[[int], int]) -> State | None:
    if saved is None:
        return None
    moved = {name: [one | {"connection": number(one["connection"])} for one in saved[name]] for name in ("aside", "firsts")}
    return saved | moved | {"lanes": _keys(saved["lanes"], number)}


def state_records(time: int, state: State, *, mends: bool = False, **more: Any) -> Iterator[Record]:
    """Yield the records that tell a state to a session that has another: what it has not, or has not whole.

    Args:
        mends: whether it stands behind a hole, so that it is better than what is broken.
    """
    told = {name: state[name] for name in _TOLD if name in state} | {"mends": mends, **more}
    whole = note(time, STATE, told | {"books": state["books"]})
    if len(whole.payload) <= _STATE_SIZE:
        yield whole
        return
    yield note(time, STATE, told | {"books": {}})
    for target, book in state["books"].items():
        yield note(time, STATE, {"connections": {}, "instruments": {}, "mends": mends, "books": {target: book}})


class Mending:
    """Watches a playback for keyframes that tell what a hole swallowed: a copy, which makes its own, must be told it too."""

    def __init__(self, session: Session) -> None:
        self._session = session
        self._had_hole = session.has_hole
        self._known = set(session.connections)

    def look(self, record: Record) -> list[Record]:
        """Return what the copy must be told after the playback has taken a record."""
        session, told = self._session, list[Record]()
        if self._had_hole and not session.has_hole and record.kind in (KEYFRAME, KEYFRAME_PART):
            fields = {"final": True, "outlived": True, "by": "unknown", "reason": "closed where the tape is damaged"}
            told += [
                note(record.time, CLOSE, fields | {"made_up": True}, gone)
                for gone in sorted(self._known - set(session.connections))
            ]
            told += state_records(record.time, chosen(session.keyframe(), Choice()), mends=True, hole=False)
        self._had_hole = session.has_hole
        if self._had_hole:
            self._known = set(session.connections)
        return told
