"""What a person configured, and where: a flag comes before the environment, then a profile, the user's file, the system's.

Files are only ever read. One that holds a problem is refused whole, by every verb but `config`: half of a configuration is
not what anybody asked for.
"""

import os
from collections.abc import Iterable, Mapping
from contextvars import ContextVar
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from feedtape.errors import UsageError

if TYPE_CHECKING:
    from feedtape.commands.schema import Entry


class Setting(NamedTuple):
    """A value that somebody set, and where: `record.level in ~/.config/feedtape/config.toml`, or a variable's name."""

    value: Any
    where: str


class Problem(NamedTuple):
    """What is wrong with a configuration, and what to type instead."""

    message: str
    hint: str | None = None


Key = tuple[str, str]
"""Section and key; the section of a venue is `venue.binance`, that of what belongs to no verb is empty."""


@dataclass
class Settings:
    """A configuration: what the files say, what the environment says, and what is wrong with it.

    `profiles` has the settings of each profile; `schema` the entries of each section.
    """

    user: Path
    schema: "Mapping[str, Mapping[str, Entry]]" = field(default_factory=dict)
    files: dict[Key, Setting] = field(default_factory=dict)
    environment: dict[Key, Setting] = field(default_factory=dict)
    profiles: dict[str, dict[str, Setting]] = field(default_factory=dict)
    problems: list[Problem] = field(default_factory=list)
    _in_effect: dict[str, Setting] = field(default_factory=dict)

    def check(self) -> None:
        """Do nothing where all is well.

        Raises:
            UsageError: with the first problem.
        """
        for message, hint in self.problems:
            raise UsageError(message, hint=hint or "feedtape config check")

    @property
    def color(self) -> str:
        """When to use colours: `auto`, `always` or `never`."""
        found = self.section("").get("color")
        return str(found.value) if found else "auto"

    @property
    def keys(self) -> dict[str, str]:
        """What `[keys]` says, as `ui.keymap.keymap` takes it."""
        return {name: str(one.value) for name, one in self.section("keys").items()}

    def url(self, venue: str) -> str | None:
        """Return the address that stands in for a venue's."""
        found = self.section(f"venue.{venue}").get("url")
        return str(found.value) if found else None

    def section(self, name: str) -> dict[str, Setting]:
        """Return what is set in a section, the environment before the files."""
        return _of(name, self.files) | _of(name, self.environment)

    def defaults(self, verb: str, profile: str | None = None) -> dict[str, Any]:
        """Return what is set for a verb by its parameters: the environment before the profile before the files.

        Raises:
            UsageError: when there is no such profile, or it says what the verb does not take.
        """
        entries = self.schema.get(verb, {})
        self._in_effect = {}
        for layer in (_of(verb, self.files), self._profile(profile, entries), _of(verb, self.environment)):
            self._in_effect |= {entries[key].parameter if key in entries else key: one for key, one in layer.items()}
        paths = {entry.parameter for entry in entries.values() if entry.is_path}
        return {key: _at_home(one.value) if key in paths else one.value for key, one in self._in_effect.items()}

    def _profile(self, name: str | None, entries: "Mapping[str, Entry]") -> dict[str, Setting]:
        if name is None:
            return {}
        if name not in self.profiles:
            raise UsageError(f"there is no profile {name!r} in {tilde(self.user)}", hint=near(name, self.profiles))
        # A profile serves all verbs that take one: what this verb has no option for is for another one.
        chosen = {key: one for key, one in self.profiles[name].items() if key in entries or key == "targets"}
        for key, one in chosen.items():
            complaint = entries[key].complaint(one.value) if key in entries else None
            if complaint is not None:
                raise UsageError(f"{complaint} ({one.where})")
        return chosen

    def placed(self, message: str) -> str:
        """Return a message about the running verb with the place of the value that it quotes, where that was not typed."""
        for one in self._in_effect.values():
            values = one.value if isinstance(one.value, list) else [one.value]
            if any(isinstance(value, str) and repr(value) in message for value in values):
                return f"{message} ({one.where})"
        return message


def _at_home(path: str) -> str:
    # A shell does this to what is typed. The slash at the end of a folder must stay, which a Path would lose.
    return f"{Path.home()}{path.removeprefix('~')}" if path.startswith("~/") else path


def _of(section: str, layer: Mapping[Key, Setting]) -> dict[str, Setting]:
    return {key: one for (named, key), one in layer.items() if named == section}


_current: ContextVar[Settings | None] = ContextVar("settings", default=None)


def current() -> Settings:
    """Return the settings of the command that runs; none where it read none."""
    return _current.get() or Settings(user_file(os.environ))


def use(settings: Settings | None) -> None:
    """Make these the settings of the command that runs."""
    _current.set(settings)


def user_file(environment: Mapping[str, str]) -> Path:
    """Return the user's file, which need not exist."""
    if named := environment.get("FEEDTAPE_CONFIG"):
        return Path(named)
    if named := environment.get("FEEDTAPE_CONFIG_HOME"):
        return Path(named) / "config.toml"
    home = Path(environment.get("XDG_CONFIG_HOME", ""))
    # The XDG specification has a relative one ignored.
    return (home if home.is_absolute() else Path.home() / ".config") / "feedtape" / "config.toml"


def url_variable(venue: str) -> str:
    """Return the environment variable with the address that stands in for a venue's."""
    return "FEEDTAPE_URL_" + venue.upper().replace("-", "_")


def tilde(path: Path) -> str:
    """Return a path as a person writes it."""
    return f"~/{path.relative_to(Path.home())}" if path.is_relative_to(Path.home()) else str(path)


def near(name: str, names: Iterable[str], alike: float = 0.6) -> str | None:
    """Return a hint with the names that are spelled like one, `alike` of 1 being the same."""
    import difflib

    found = difflib.get_close_matches(name, dict.fromkeys(names), n=2, cutoff=alike)
    return f"did you mean {' or '.join(found)}?" if found else None
