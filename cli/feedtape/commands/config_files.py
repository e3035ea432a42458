"""Reading a configuration: the system's file, the user's, the environment, and all that is wrong with them."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from feedtape.commands.settings import Key, Problem, Setting, Settings, near, tilde, url_variable, user_file
from feedtape.errors import UsageError

if TYPE_CHECKING:
    from feedtape.commands.schema import Entry, Verb

SYSTEM: Final = Path("/etc/feedtape/config.toml")
_PREFIX: Final = "FEEDTAPE_"
_OWN: Final = ("FEEDTAPE_CONFIG", "FEEDTAPE_CONFIG_HOME", "FEEDTAPE_DIR")
"""Variables that stand for no key."""
_OF_TESTS: Final = ("FEEDTAPE_FRAMES", "FEEDTAPE_FRAMES_REQUIRED", "FEEDTAPE_GOLDEN")
"""Variables for the project's own tests, beside which subcommands run."""
_ALIKE: Final = 0.77
"""How alike variables must be for a hint: all begin alike, which alone is as much as is asked for elsewhere."""


def profile_names(environment: Mapping[str, str], system: Path = SYSTEM) -> list[str]:
    """Return the names of all profiles, whatever else is wrong."""
    found: dict[str, None] = {}
    for file in (user_file(environment), system):
        profiles = toml_of(file).get("profile")
        found |= dict.fromkeys(profiles if isinstance(profiles, dict) else ())
    return list(found)


def toml_of(file: Path) -> dict[str, Any]:
    """Return what a file holds; nothing where there is none.

    Raises:
        UsageError: when it cannot be read, or is no TOML.
    """
    try:
        data = file.read_bytes()
    except (FileNotFoundError, NotADirectoryError):
        return {}
    except OSError as error:
        raise UsageError(f"{tilde(file)} cannot be read: {error.strerror}") from error
    import tomllib

    try:
        return tomllib.loads(data.decode())
    except (ValueError, RecursionError) as error:
        raise UsageError(f"{tilde(file)} is no TOML: {error}") from error


def read(
    verbs: "Mapping[str, Verb]", environment: Mapping[str, str], *, named: Path | None = None, system: Path = SYSTEM
) -> Settings:
    """Read the configuration: the system's file, the user's over it, or `named` in its place, and the environment.

    Problems are kept in it and not raised.
    """
    user = named or user_file(environment)
    asked = named is not None or bool(environment.get("FEEDTAPE_CONFIG"))
    settings = Settings(user)
    if asked and not user.exists():
        settings.problems.append(Problem(f"there is no file {tilde(user)}", "feedtape config init writes one"))
    variables = _variables(environment)
    if user.exists() or system.exists() or variables:
        from feedtape.commands import schema

        settings.schema = schema.sections(verbs)
        for file in (system, user):
            _Layer(settings, file).read()
        _environment(settings, variables)
        settings.problems += _wrong_keys(settings)
    return settings


def read_nothing(verbs: "Mapping[str, Verb]", environment: Mapping[str, str]) -> Settings:
    """Return a configuration that sets nothing.

    Variables that are none are problems all the same, but for those that could only mean a key: a venue's address counts, and
    mistyped it would leave the real one in place.
    """
    settings = Settings(user_file(environment))
    if variables := [name for name in _variables(environment) if "__" not in name]:
        from feedtape.commands import schema

        known = _keys(schema.sections(verbs))
        settings.problems += [_unknown(name, known) for name in variables if name not in known]
    return settings


def _variables(environment: Mapping[str, str]) -> dict[str, str]:
    """Return the variables that stand for keys, or for nothing."""
    apart = (*_OWN, *_OF_TESTS)
    found = {name: text for name, text in environment.items() if name.startswith(_PREFIX) and name not in apart}
    # Most have none, and need not wait for the list of venues.
    for name in _addresses() if found else ():
        found.pop(name, None)
    return found


def _addresses() -> list[str]:
    from feedtape.venues import registry

    return list(map(url_variable, registry.names()))


@dataclass
class _Layer:
    """Reads one file into the settings."""

    settings: Settings
    file: Path

    def read(self) -> None:
        try:
            document = toml_of(self.file)
        except UsageError as error:
            self.settings.problems.append(Problem(str(error), error.hint))
            return
        for name, value in document.items():
            if name == "profile":
                for profile, table in self._tables(name, value):
                    self._read_profile(profile, table)
            elif name == "venue":
                for venue, table in self._tables(name, value):
                    self._read_venue(venue, table)
            elif name in self.settings.schema[""]:
                self._read_section("", {name: value})
            elif name in self.settings.schema:
                self._read_section(name, self._table(name, value))
            else:
                self._unknown(name, "", [*filter(None, self.settings.schema), *self.settings.schema[""], "venue", "profile"])

    def _where(self, section: str, key: str = "") -> str:
        return f"{'.'.join(filter(None, (section, key)))} in {tilde(self.file)}"

    def _problem(self, what: str, section: str, key: str = "", hint: str | None = None) -> None:
        self.settings.problems.append(Problem(f"{what} ({self._where(section, key)})", hint))

    def _unknown(self, name: str, section: str, names: Iterable[str]) -> None:
        what = f"[{section}] has no key" if section else "there is no section or key"
        self._problem(f"{what} {name!r}", section, name, near(name, names))

    def _table(self, name: str, value: object) -> dict[str, Any]:
        if isinstance(value, dict):
            return value
        self._problem(f"{name} must be a section, not a value", name)
        return {}

    def _tables(self, name: str, value: object) -> Iterator[tuple[str, dict[str, Any]]]:
        for inner, table in self._table(name, value).items():
            yield inner, self._table(f"{name}.{inner}", table)

    def _read_section(self, section: str, table: Mapping[str, Any]) -> None:
        entries = self.settings.schema[section]
        taken: dict[str, str] = {}
        for key, value in table.items():
            if key not in entries:
                self._unknown(key, section, entries)
            elif (other := taken.setdefault(entries[key].parameter or key, key)) != key:
                self._problem(f"{key} is another name of {other}, which is set", section, key)
            elif complaint := entries[key].complaint(value):
                self._problem(complaint, section, key)
            else:
                self.settings.files[section, key] = Setting(value, self._where(section, key))

    def _read_venue(self, name: str, table: Mapping[str, Any]) -> None:
        from feedtape.feed.address import Address
        from feedtape.venues import registry

        section = f"venue.{name}"
        for key, value in table.items():
            if key != "url":
                self._unknown(key, section, ["url"])
                continue
            try:
                if not isinstance(value, str):
                    raise UsageError(f"url must be a text in quotes, not {value!r}")
                Address.of(registry.venue(name), value)
            except UsageError as error:
                self._problem(str(error), section, key, error.hint)
            else:
                self.settings.files[section, key] = Setting(value, self._where(section, key))

    def _read_profile(self, name: str, table: Mapping[str, Any]) -> None:
        from feedtape.commands.schema import TARGETS

        section = f"profile.{name}"
        taking = [entries for entries in self.settings.schema.values() if "profile" in entries]
        for key, value in table.items():
            meant = [TARGETS] if key == "targets" else [entries[key] for entries in taking if key in entries and key != "profile"]
            if not meant:
                self._unknown(key, section, ["targets", *(key for entries in taking for key in entries)])
            elif all(complaints := [entry.complaint(value) for entry in meant]):
                self._problem(str(complaints[0]), section, key)
            else:
                self.settings.profiles.setdefault(name, {})[key] = Setting(value, self._where(section, key))
        self.settings.profiles.setdefault(name, {})


def variable(section: str, key: str) -> str:
    """Return the environment variable that stands for a key."""
    name = f"{section}__{key}" if section else key
    return _PREFIX + name.upper().replace("-", "_").replace(".", "_")


def _keys(sections: "Mapping[str, Mapping[str, Entry]]") -> dict[str, Key]:
    """Return the key that each variable stands for."""
    return {variable(section, key): (section, key) for section, entries in sections.items() for key in entries}


def _unknown(name: str, known: Iterable[str]) -> Problem:
    hint = near(name, (*known, *_OWN, *_addresses()), _ALIKE)
    return Problem(f"there is no variable {name}", hint or f"unset {name}")


def _environment(settings: Settings, variables: Mapping[str, str]) -> None:
    known = _keys(settings.schema)
    for name, text in variables.items():
        if name not in known:
            settings.problems.append(_unknown(name, known))
            continue
        section, key = known[name]
        entry = settings.schema[section][key]
        value = entry.parsed(text)
        if complaint := entry.complaint(value):
            settings.problems.append(Problem(f"{complaint} ({name})"))
        else:
            settings.environment[section, key] = Setting(value, name)


def _wrong_keys(settings: Settings) -> list[Problem]:
    from feedtape.ui.keymap import keymap

    try:
        keymap(settings.keys)
    except UsageError as error:
        where = ", ".join(dict.fromkeys(one.where.rpartition(" in ")[2] for one in settings.section("keys").values()))
        return [Problem(f"{error} (keys in {where})", error.hint)]
    return []
