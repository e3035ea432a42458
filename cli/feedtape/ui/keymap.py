"""The keys, once: the dispatcher, the footer, the help and the documentation read this table, and `[keys]` changes it.

A key is written as the terminal library calls it: a character (`z`, `?`), or a name (`space`, `shift+tab`, `pageup`).
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Final

from feedtape.errors import UsageError

WATCH, RECORD, REPLAY, CHAIN = "watch", "record", "replay", "chain"
_LIVE = (WATCH, RECORD)
_BOOKS = (WATCH, RECORD, REPLAY, CHAIN)
_ALL = (WATCH, RECORD, REPLAY, CHAIN)


@dataclass(frozen=True)
class Key:
    """What one key does.

    Attributes:
        id: stable name, by which `[keys]` in the configuration means it.
        keys: any of which does it.
        label: one or two words for the footer.
        help: what happens, for the help screen and the documentation.
        screens: where it works.
    """

    id: str
    keys: tuple[str, ...]
    label: str
    help: str
    screens: tuple[str, ...]


KEYS: Final = (
    Key("replay.pause", ("space",), "pause", "pause and go on", (REPLAY,)),
    Key(
        "view.freeze",
        ("space",),
        "freeze",
        "freeze the picture; data keeps flowing, and the head counts how far behind",
        (*_LIVE, CHAIN),
    ),
    Key("replay.step", (".",), "frame", "one frame forward", (REPLAY,)),
    Key("replay.step-back", (",",), "frame back", "one frame back", (REPLAY,)),
    Key("replay.step-book", (">",), "update", "forward to the next frame that concerns this book", (REPLAY,)),
    Key("replay.step-book-back", ("<",), "update back", "back to the frame before that concerns this book", (REPLAY,)),
    Key("replay.forward", ("right",), "5 s", "5 seconds forward", (REPLAY,)),
    Key("replay.back", ("left",), "5 s back", "5 seconds back", (REPLAY,)),
    Key("replay.minute-forward", ("pagedown",), "minute", "1 minute forward", (REPLAY,)),
    Key("replay.minute-back", ("pageup",), "minute back", "1 minute back", (REPLAY,)),
    Key(
        "replay.next-problem",
        ("n",),
        "problem",
        "next problem: a loss (gap, trades, checksum), a resync, a crossed book",
        (REPLAY,),
    ),
    Key(
        "replay.previous-problem",
        ("N",),
        "problem back",
        "the problem before",
        (REPLAY,),
    ),
    Key("replay.next-marker", ("]",), "marker", "next marker or bookmark", (REPLAY,)),
    Key("replay.previous-marker", ("[",), "marker back", "previous marker or bookmark", (REPLAY,)),
    Key(
        "replay.find",
        ("/",),
        "find",
        "go to a time (03:12:44, +90s), a sequence number (#123) or a condition (spread > 5, gap)",
        (REPLAY,),
    ),
    Key("replay.find-next", ("*",), "find next", "the next place where the last condition begins to hold, or happens", (REPLAY,)),
    Key("replay.faster", ("+",), "faster", "double the speed", (REPLAY,)),
    Key("replay.slower", ("-",), "slower", "halve the speed", (REPLAY,)),
    Key("replay.normal", ("=",), "1x", "the tape's own speed", (REPLAY,)),
    Key("replay.start", ("g", "home"), "start", "start of the tape", (REPLAY,)),
    Key("replay.end", ("G", "end"), "end", "end of the tape", (REPLAY,)),
    Key("replay.percent", tuple("0123456789"), "percent", "jump to 0 %, 10 % … 90 % of the tape", (REPLAY,)),
    Key("view.up", ("up",), "up", "move the cursor towards the best ask, and beyond", _ALL),
    Key("view.down", ("down",), "down", "move the cursor towards the best bid, and beyond", _ALL),
    Key("view.page-up", ("pageup",), "page up", "a page up", (*_LIVE, CHAIN)),
    Key("view.page-down", ("pagedown",), "page down", "a page down", (*_LIVE, CHAIN)),
    Key("view.top", ("g", "home"), "top", "top of the book", (*_LIVE, CHAIN)),
    Key("view.bottom", ("G", "end"), "bottom", "bottom of the book", (*_LIVE, CHAIN)),
    Key("view.zoom", ("enter",), "zoom", "one book and all books; in a chain, the book of a strike", _ALL),
    Key("view.next", ("tab",), "next", "next book; in a chain, next expiry", _ALL),
    Key("view.previous", ("shift+tab",), "previous", "previous book; in a chain, previous expiry", _ALL),
    Key("chain.calls", ("left",), "calls", "to the calls", (CHAIN,)),
    Key("chain.puts", ("right",), "puts", "to the puts", (CHAIN,)),
    Key("chain.side", ("o",), "other side", "in a chain, from calls to puts and back", (RECORD, REPLAY)),
    Key("view.layout", ("l",), "layout", "ladder, compact, table", _BOOKS),
    Key("view.venues", ("v",), "venues", "the same instrument on all venues, with the best of each side", _BOOKS),
    Key("view.depth-map", ("d",), "depth map", "depth over time: brightness is size, dots are trades", _BOOKS),
    Key("view.coarser", ("z",), "coarser", "group prices more coarsely", _BOOKS),
    Key("view.finer", ("Z",), "finer", "group prices more finely", _BOOKS),
    Key("view.size", ("$",), "size", "set the size whose cost is shown", _BOOKS),
    Key("view.flash", ("h",), "flash", "highlight changed levels, or not", _BOOKS),
    Key("view.raw", ("f",), "raw frame", "the newest frame as the venue sent it, and the levels that it changed", _BOOKS),
    Key("view.panel-up", ("shift+up", "K"), "panel up", "scroll the open panel (raw frame, statistics) up a line", _ALL),
    Key("view.panel-down", ("shift+down", "J"), "panel down", "scroll the open panel down a line", _ALL),
    Key("view.panel-page-up", ("ctrl+u",), "panel page up", "scroll the open panel up a page", _ALL),
    Key("view.panel-page-down", ("ctrl+d",), "panel page down", "scroll the open panel down a page", _ALL),
    Key("view.statistics", ("s",), "statistics", "rates, latency, losses, connections", _ALL),
    Key("view.clear", ("c",), "clear", "count from here on", _BOOKS),
    Key("record.marker", ("m",), "marker", "drop a marker into the tape", (RECORD,)),
    Key("replay.bookmark", ("m",), "bookmark", "add a bookmark beside the tape, which stays as it is", (REPLAY,)),
    Key("record.unfold", ("w",), "books", "the books, and back to the status", (RECORD,)),
    Key("view.picture", ("p",), "picture", "save the screen as an SVG picture", _ALL),
    Key("view.theme", ("t",), "theme", "next theme", _ALL),
    Key("app.help", ("?", "f1"), "help", "all keys of this screen, and what its marks mean", _ALL),
    Key("app.close", ("escape",), "close", "close what lies on top", _ALL),
    Key(
        "app.quit",
        ("q", "ctrl+c", "ctrl+q"),
        "quit",
        "quit; a recording is finished first, and a second ctrl-c does not wait",
        _ALL,
    ),
)

_IS_KEY: Final = re.compile(
    r"(?:ctrl\+|alt\+|shift\+)*(?:[^\s\x00-\x1f\x7f]|space|comma|enter|tab|escape|backspace|delete|insert"
    r"|up|down|left|right|home|end|pageup|pagedown|f[1-9]|f1[0-9]|f2[0-4])"
)
_EXAMPLES: Final = "a character, or a name: space, comma, enter, tab, up, pagedown, f1, shift+tab, ctrl+c"

FOOTER: Final[Mapping[str, tuple[str, ...]]] = {
    WATCH: ("view.freeze", "view.zoom", "view.coarser", "view.depth-map", "view.raw", "view.statistics"),
    RECORD: ("record.marker", "record.unfold", "view.zoom", "view.statistics"),
    REPLAY: ("replay.pause", "replay.step", "replay.step-back", "replay.next-problem", "replay.find", "view.raw"),
    CHAIN: ("view.freeze", "view.next", "view.zoom", "view.statistics"),
    f"{RECORD} {CHAIN}": ("record.marker", "record.unfold", "view.next", "view.zoom", "chain.side"),
    f"{REPLAY} {CHAIN}": ("replay.pause", "replay.step", "replay.find", "view.next", "view.zoom", "chain.side"),
}
"""At most six a screen; help and quit are always there beside them."""


def keymap(changes: Mapping[str, str] | None = None) -> tuple[Key, ...]:
    """Return the table with the keys that a person chose: `id` to keys, comma-separated; an empty text takes the key away.

    Raises:
        UsageError: for an id that is not in the table, what is no key, or a key that would then mean two things on one screen.
    """
    changes = changes or {}
    known = {key.id for key in KEYS}
    for name in changes:
        if name not in known:
            raise UsageError(f"no key is called {name!r}", hint=near(name))
    chosen = tuple(_chosen(key, changes) for key in KEYS)
    for screen in _ALL:
        taken: dict[str, str] = {}
        for key in chosen:
            for one in key.keys if screen in key.screens else ():
                if one in taken:
                    raise UsageError(f"the key {one!r} would mean both {taken[one]} and {key.id}")
                taken[one] = key.id
    return chosen


def _chosen(key: Key, changes: Mapping[str, str]) -> Key:
    if key.id not in changes:
        return key
    keys = _split(key.id, changes[key.id])
    # Whatever else is chosen, ctrl-c ends a program.
    return replace(key, keys=tuple(dict.fromkeys((*keys, "ctrl+c"))) if key.id == "app.quit" else keys)


def near(name: str) -> str:
    """Return the ids that are spelled like a name, as a hint."""
    import difflib

    found = difflib.get_close_matches(name, [key.id for key in KEYS], n=3, cutoff=0.4)
    return f"did you mean {' or '.join(found)}?" if found else "feedtape replay, then ?, lists them"


def _split(name: str, text: str) -> tuple[str, ...]:
    # A comma is a key too: alone it is itself, among others it has a name.
    words = [","] if text.strip() == "," else [word.strip() for word in text.split(",") if word.strip()]
    for word in words:
        if _IS_KEY.fullmatch(word) is None:
            raise UsageError(f"{name} cannot be on {word!r}, which is no key", hint=_EXAMPLES)
    return tuple(dict.fromkeys("," if word == "comma" else word for word in words))


_SHOWN = {
    "escape": "esc",
    "pageup": "PgUp",
    "pagedown": "PgDn",
    "left": "←",
    "right": "→",
    "up": "↑",
    "down": "↓",
    "shift+tab": "shift-tab",
    "shift+up": "shift-↑",
    "shift+down": "shift-↓",
    "ctrl+u": "ctrl-u",
    "ctrl+d": "ctrl-d",
    "ctrl+c": "ctrl-c",
    "ctrl+q": "ctrl-q",
}


def shown(key: str) -> str:
    """Return a key as a person reads it: `ctrl-c`, `PgUp`."""
    return _SHOWN.get(key, key)


def first_keys(table: Sequence[Key], *ids: str) -> str:
    """Return the first key of each id, as a person reads it; nothing of one that has none."""
    by_id = {key.id: key.keys for key in table}
    return " ".join(shown(by_id[one][0]) for one in ids if by_id[one])


def help_lines(table: tuple[Key, ...], screen: str) -> list[tuple[str, str]]:
    """Return each key of a screen, as a person reads it, and what it does."""
    return [(" ".join(_names(key)), key.help) for key in table if screen in key.screens and key.keys]


def _names(key: Key) -> list[str]:
    return ["0 … 9"] if key.keys == tuple("0123456789") else [shown(one) for one in key.keys]


def keys_markdown() -> str:
    """Return the table as the documentation has it: what each key does on which screens, its id in `[keys]`, and all marks."""
    # It reads this table.
    from feedtape.ui.legend import marks_markdown

    lines = [
        "# Keys",
        "",
        "`?` shows those of a screen. `[keys]` in the configuration puts an id on other keys, comma-separated; an empty text",
        "takes them away. Among others a comma is called `comma`.",
        "",
        "| key | does | id | " + " | ".join(_ALL) + " |",
        "|---|---|---|" + "---|" * len(_ALL),
    ]
    for key in KEYS:
        where = " | ".join("x" if screen in key.screens else "" for screen in _ALL)
        names = " ".join(f"`{name}`" for name in _names(key))
        lines.append(f"| {names} | {key.help} | `{key.id}` | {where} |")
    return "\n".join([*lines, "", marks_markdown()])
