"""What can be configured, read from the verbs' own signatures: an option that a verb gains can be configured at once."""

import inspect
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from types import NoneType, UnionType
from typing import Annotated, Any, Final, Literal, Union, get_args, get_origin, get_type_hints

from typer.models import OptionInfo

from feedtape.commands.connect import parse_channels
from feedtape.commands.options import Color, duration_ns, size_bytes
from feedtape.errors import UsageError
from feedtape.model.channels import CHANNELS

Verb = Callable[..., Any]

_UNITS: Final = {"DURATION": "a duration such as 90s, 10m, 1h", "SIZE": "a size such as 512MB, 64MiB"}
_PLAIN: Final = {bool: "true or false", int: "a whole number", float: "a number", str: "a text in quotes"}
_LISTS: Final = {int: "a list of whole numbers", str: "a list of texts in quotes"}


@dataclass(frozen=True)
class Entry:
    """One key of a section.

    Attributes:
        name: the key, which is the option's long name.
        parameter: the parameter of the verb that it stands for.
        kind: bool, int, float or str.
        many: whether it is a list of them.
        choices: the only values, where there are no others.
        least, most: bounds of a number.
        is_path: whether it names a file or a folder.
        word: what the help calls the value, such as DURATION.
    """

    name: str
    parameter: str = ""
    kind: type = str
    many: bool = False
    choices: tuple[str, ...] = ()
    least: float | None = None
    most: float | None = None
    is_path: bool = False
    word: str = ""
    default: Any = None
    help: str = ""

    @property
    def wanted(self) -> str:
        """What values are allowed, in words."""
        if self.many:
            return _LISTS[self.kind]
        if self.choices:
            return f"{', '.join(self.choices[:-1])} or {self.choices[-1]}"
        if self.name == "channels":
            return f"of {', '.join(CHANNELS)}, or all"
        if self.least is not None:
            return (
                f"{self.least:g}..{self.most:g}" if self.most is not None else f"{_PLAIN[self.kind]} of at least {self.least:g}"
            )
        return _UNITS.get(self.word) or _PLAIN[self.kind]

    def complaint(self, value: object) -> str | None:
        """Return what is wrong with a value as it stands in a file; None where nothing is."""
        values = value if isinstance(value, list) and self.many else [value]
        if isinstance(value, list) == self.many and all(map(self._fits, values)):
            return None
        return f"{self.name} must be {self.wanted}, not {shown(value)}"

    def _fits(self, value: object) -> bool:
        if self.kind is float and type(value) is int:
            value = float(value)
        if type(value) is not self.kind or (self.choices and value not in self.choices):
            return False
        if isinstance(value, float | int):
            # As a comparison that nan fails.
            return (self.least is None or value >= self.least) and (self.most is None or value <= self.most) and value == value
        return not isinstance(value, str) or self._is_meant(value)

    def _is_meant(self, text: str) -> bool:
        readers: dict[str, Callable[[str], object]] = {"DURATION": duration_ns, "SIZE": size_bytes, "channels": parse_channels}
        try:
            readers.get(self.word if self.word in readers else self.name, str)(text)
        except UsageError:
            return False
        return True

    def parsed(self, text: str) -> object:
        """Return the value that a text of the environment stands for; the text itself where it stands for none."""
        import tomllib

        if self.many and not text.startswith("["):
            return [text]
        if self.kind is bool and text in ("0", "1"):
            return text == "1"
        if self.kind is str and not self.many:
            return text
        try:
            return tomllib.loads(f"value = {text}")["value"]
        except ValueError:
            return text


def shown(value: object) -> str:
    """Return a value as the configuration writes it, texts in single quotes as messages have them."""
    if isinstance(value, bool):
        return str(value).lower()
    return f"[{', '.join(map(shown, value))}]" if isinstance(value, list) else repr(value)


def entries_of(verb: Verb) -> dict[str, Entry]:
    """Return the options of a verb by each of their long names."""
    found: dict[str, Entry] = {}
    signature = inspect.signature(verb).parameters
    for parameter, annotation in get_type_hints(verb, include_extras=True).items():
        if get_origin(annotation) is not Annotated:
            continue
        kind, info = get_args(annotation)[:2]
        if isinstance(info, OptionInfo) and not info.hidden:
            # In an annotation typer takes the first name for the default.
            declared = [word for word in (info.default, *(info.param_decls or ())) if isinstance(word, str)]
            names = [word.removeprefix("--") for word in declared if word.startswith("--")]
            for name in names or [parameter.replace("_", "-")]:
                found[name] = _entry(name, parameter, kind, info, _default(signature[parameter]))
    return found


def _default(parameter: inspect.Parameter) -> object:
    return None if parameter.default is parameter.empty else parameter.default


def _entry(name: str, parameter: str, annotation: Any, info: OptionInfo, default: object) -> Entry:
    if get_origin(annotation) in (Union, UnionType):
        [annotation] = [one for one in get_args(annotation) if one is not NoneType]
    many = get_origin(annotation) is list
    if many:
        [annotation] = get_args(annotation)
    choices = get_args(annotation) if get_origin(annotation) is Literal else ()
    word = str(info.metavar or "")
    return Entry(
        name,
        parameter,
        kind=str if choices or issubclass(annotation, Path) else annotation,
        many=many,
        choices=choices,
        least=info.min,
        most=info.max,
        is_path=word == "OUT" or annotation is Path,
        word=word,
        default=default,
        help=info.help or "",
    )


TARGETS: Final = Entry("targets", "targets", many=True, help="What to connect to.")
COLOR: Final = _entry("color", "color", get_args(Color)[0], get_args(Color)[1], "auto")


def sections(verbs: Mapping[str, Verb]) -> dict[str, dict[str, Entry]]:
    """Return the entries of each section by their names; the section without a name belongs to all verbs."""
    from feedtape.ui.keymap import KEYS

    keys = {key.id: Entry(key.id, default=",".join(key.keys), help=key.help) for key in KEYS}
    return {"": {COLOR.name: COLOR}} | {name: entries_of(verb) for name, verb in verbs.items()} | {"keys": keys}
