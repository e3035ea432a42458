"""Reading a configuration: the system's file, the user's, the environment, and all that is wrong with them."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from feedtape.commands.settings import Problem, Setting, Settings, near, tilde, user_file
from feedtape.errors import UsageError

if TYPE_CHECKING:
    from feedtape.commands.schema import Verb

SYSTEM: Final = Path("/etc/feedtape/config.toml")
_PREFIX: Final = "FEEDTAPE_"


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
    if user.exists() or system.exists() or any(map(_may_be_meant, environment)):
        from feedtape.commands import schema

        settings.schema = schema.sections(verbs)
        for file in (system, user):
            _Layer(settings, file).read()
        _environment(settings, environment)
        settings.problems += _wrong_keys(settings)
    return settings


def _may_be_meant(variable: str) -> bool:
    return variable.startswith(_PREFIX) and ("__" in variable or variable == _PREFIX + "COLOR")


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


def _environment(settings: Settings, environment: Mapping[str, str]) -> None:
    known = {variable(section, key): (section, key) for section, entries in settings.schema.items() for key in entries}
    for name, text in environment.items():
        if not _may_be_meant(name):
            continue
        if name not in known:
            settings.problems.append(Problem(f"no setting has the variable {name}", near(name, known)))
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
