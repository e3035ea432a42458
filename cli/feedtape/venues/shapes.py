"""The shape of a venue's messages: which fields each kind of them has, and which of those the decoder cannot do without.

A field is called by its path: `data[].px` is `px` of each object in the list `data`, `b[][0]` the first value of each row of
`b`. What is known of a venue is a text of such paths, made from frames and from what its decoder makes of them when a field is
taken out; nothing in it is written by hand.
"""

import re
import textwrap
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any, Final, Literal, NamedTuple

from feedtape.model.events import Event, Numbered

_DEEPEST: Final = 12
_MOST_FIELDS: Final = 500
_LONGEST_ROW: Final = 30
"""Further fields, deeper ones and positions beyond are not looked at: a hostile frame may hold millions."""
_LONGEST_NAME: Final = 40
_LONGEST_KIND: Final = 80
_WIDEST: Final = 118
_HEAD: Final = "# Fields of messages, made by tests/gather_shapes.py from frames and what the decoder makes of them."
_KIND_DEPTH: Final = 3
_KIND_KEYS: Final = (
    "method",
    "op",
    "stream",
    "channel",
    "ch",
    "topic",
    "feed",
    "table",
    "subject",
    "event",
    "e",
    "type",
    "action",
)
"""Names under which venues say what a message is."""
_STEERING = re.compile(r"[\s.\[\]]")
_SEPARATOR = re.compile(r"([.:@/_-])")
_STEERING_WORD = re.compile(r"\s")
_BASE = re.compile(r"[A-Z]*")
_SHORTEST_BASE: Final = 3
_INTERVAL = re.compile(r"\d+(?:ms|s)?")
_STEP = re.compile(r"\.?[^.\[\]]+|\[\d*\]")


@dataclass
class Shape:
    """What one message, or many of a kind, hold.

    Attributes:
        objects: for the path of each object or row the names that all of them have, and those that some have.
        hollow: paths of lists and objects that are empty, and of nulls: nothing can be missing within.
    """

    objects: dict[str, tuple[set[str], set[str]]] = field(default_factory=dict)
    hollow: set[str] = field(default_factory=set)
    _fields: int = 0

    def paths(self) -> Iterator[str]:
        """Yield the path of every field."""
        for path, (_, some) in self.objects.items():
            yield from (_join(path, name) for name in some)

    def add(self, value: Any, path: str = "", *, in_list: bool = True, depth: int = 0) -> None:
        """Take in one more value at a path; it is a message where there is none."""
        if depth > _DEEPEST or self._fields > _MOST_FIELDS:
            return
        if value is None or value == [] or value == {}:
            self.hollow.add(path)
        elif type(value) is dict:
            self._add_named(path, {plain_name(key): one for key, one in value.items()}, depth)
        elif type(value) is list and _is_row(value, in_list):
            self._add_named(path, {f"[{at}]": one for at, one in enumerate(value[:_LONGEST_ROW])}, depth)
        elif type(value) is list:
            for one in value[:_MOST_FIELDS]:
                if type(one) in (dict, list):
                    self.add(one, f"{path}[]", depth=depth + 1)

    def _add_named(self, path: str, values: dict[str, Any], depth: int) -> None:
        names = set(values)
        known = self.objects.get(path)
        if known is None:
            self._fields += len(names)
            self.objects[path] = (names, set(names))
        else:
            self._fields += len(names - known[1])
            known[0].intersection_update(names)
            known[1].update(names)
        in_list = any(name[0] == "[" for name in names)
        for name, value in values.items():
            if value is None or type(value) in (dict, list):
                self.add(value, _join(path, name), in_list=in_list, depth=depth + 1)


def _is_row(values: Sequence[Any], in_list: bool) -> bool:
    """Tell whether positions in a list mean something: in rows and in messages that are lists, not in lists of names."""
    plain = sum(type(one) not in (dict, list) for one in values)
    return plain > 0 if in_list else 0 < plain < len(values)


def plain_name(key: str) -> str:
    return _STEERING.sub("_", key[:_LONGEST_NAME]) or "_"


def _join(path: str, name: str) -> str:
    return name if not path else f"{path}{name}" if name[0] == "[" else f"{path}.{name}"


def _holders(path: str) -> Iterator[str]:
    """Yield the paths of the fields that hold a field, from the outermost; a list without positions is no field of its own."""
    steps = _STEP.findall(path)
    for count in range(1, len(steps)):
        if steps[count - 1] != "[]":
            yield "".join(steps[:count])


def _split(path: str) -> tuple[str, str]:
    """Return the path of the object or row that holds a field, and the field's name in it."""
    last = _STEP.findall(path)[-1]
    return path[: len(path) - len(last)], last.lstrip(".")


def kind_of(message: Any, symbols: Iterable[str] = ()) -> str:
    """Return what a message says that it is, in the venue's words without symbols and intervals; empty when it does not say."""
    known = sorted({symbol.upper() for symbol in symbols if symbol}, key=lambda symbol: (-len(symbol), symbol))
    found = (_plain(text, known) for _, text in sorted(_words(message, 0), key=lambda one: one[0]))
    return " ".join(dict.fromkeys(word for word in found if word))[:_LONGEST_KIND]


def named_by(events: Iterable[Event]) -> str:
    """Return a kind for a message that does not say what it is, by what the decoder makes of it."""
    return " ".join(dict.fromkeys(type(event).__name__.lower() for event in events if type(event) is not Numbered))


def _words(message: Any, depth: int) -> Iterator[tuple[tuple[int, int], str]]:
    if type(message) is not dict or depth >= _KIND_DEPTH:
        return
    for place, key in enumerate(_KIND_KEYS):
        value = message.get(key)
        if type(value) is str:
            yield (depth, place), value[:_LONGEST_KIND]
    for value in message.values():
        yield from _words(value, depth + 1)


def _plain(text: str, symbols: Sequence[str]) -> str:
    text = _STEERING_WORD.sub("_", text)
    for symbol in symbols:
        at = text.upper().find(symbol)
        if at >= 0:
            text = text[:at] + text[at + len(symbol) :]
    # An option's topic may be of its underlying alone: BTC, or btcusdt.
    bases = tuple(base for symbol in symbols if len(base := _BASE.match(symbol)[0]) >= _SHORTEST_BASE)  # type: ignore[index]
    parts = _SEPARATOR.split(text)
    kept = ""
    for before, word in zip(["", *parts[1::2]], parts[::2], strict=True):
        if word and not _INTERVAL.fullmatch(word) and not word.upper().startswith(bases):
            kept += before + word if kept else word
    return kept


class Known(NamedTuple):
    """The fields of one kind of message.

    Attributes:
        needs: without one of them the decoder refuses the message.
        reads: without one of them the decoder reads less; all messages that are known had them.
        others: what messages of the kind may hold besides.
    """

    needs: frozenset[str] = frozenset()
    reads: frozenset[str] = frozenset()
    others: frozenset[str] = frozenset()

    @property
    def all(self) -> frozenset[str]:
        """Every field that is known."""
        return self.needs | self.reads | self.others


class Finding(NamedTuple):
    """One way in which a message differs from what is known.

    Attributes:
        what: `unknown` field, `missing` one, or one that `moved`.
        path: where it is, or ought to be; `found_at` is where one that moved is now.
        needed: whether the decoder refuses a message for it.
    """

    what: Literal["unknown", "missing", "moved"]
    path: str
    found_at: str = ""
    needed: bool = False


def compare(known: Known, shape: Shape) -> list[Finding]:
    """Say how a message differs from what is known of its kind. Of what holds other fields only the outermost is named."""
    expected = known.all
    strange = sorted(set(shape.paths()) - expected)
    elsewhere: dict[str, str] = {}
    for path in strange:
        elsewhere.setdefault(_split(path)[1], path)
    findings = []
    for path in sorted(known.needs | known.reads):
        if is_missing(path, shape):
            name = _split(path)[1]
            found = "" if name[0] == "[" else elsewhere.get(name, "")
            findings.append(Finding("moved" if found else "missing", path, found, path in known.needs))
    outermost = [path for path in strange if all(holder in expected for holder in _holders(path))]
    return findings + [Finding("unknown", path) for path in outermost]


def is_missing(path: str, shape: Shape) -> bool:
    """Tell whether a field is absent where it could be."""
    holder, name = _split(path)
    if holder in shape.objects:
        return name not in shape.objects[holder][0]
    # What holds it is itself missing or empty, or of another nature than before.
    return not any(one in shape.hollow or is_missing(one, shape) for one in _holders(path))


@dataclass
class Shapes:
    """What is known of a venue's messages: the fields of each kind, as one decoder reads them."""

    decoder: str
    kinds: dict[str, Known]

    @classmethod
    def parse(cls, text: str) -> "Shapes":
        """Read what `text` wrote.

        Raises:
            ValueError: when it is something else.
        """
        decoder, kinds = "", dict[str, dict[str, set[str]]]()
        now: dict[str, set[str]] = {}
        for line in text.splitlines():
            word, _, rest = line.strip().partition(" ")
            if word == "decoder":
                decoder = rest
            elif word == "kind":
                now = kinds.setdefault(rest, {name: set() for name in Known._fields})
            elif word in now:
                now[word].update(rest.split())
            elif word and not word.startswith("#"):
                raise ValueError(f"no line about shapes: {line!r}")
        return cls(
            decoder, {name: Known(**{mark: frozenset(paths) for mark, paths in one.items()}) for name, one in kinds.items()}
        )

    def text(self) -> str:
        """Write it down, a line for each kind and mark as far as it fits; `parse` reads it."""
        lines = [_HEAD, f"decoder {self.decoder}"]
        for name, known in sorted(self.kinds.items()):
            lines.append(f"\nkind {name}")
            for mark, paths in known._asdict().items():
                lines += textwrap.wrap(
                    " ".join(sorted(paths)),
                    _WIDEST,
                    initial_indent=f"  {mark} ",
                    subsequent_indent=f"  {mark} ",
                    break_long_words=False,
                    break_on_hyphens=False,
                )
        return "\n".join(lines) + "\n"
