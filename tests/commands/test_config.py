"""Configuration as a person meets it: what comes before what, what is refused and where it says so, and the page about it."""

from __future__ import annotations

import io
import re
import tomllib
from pathlib import Path

import pytest
from rich.console import Console

from feedtape.commands.app import VERBS
from feedtape.commands.config_files import read, variable
from feedtape.commands.connect import overrides
from feedtape.commands.names import tape_path
from feedtape.commands.settings import use
from feedtape.model.targets import Target
from stage_cli import START, inside, is_one_error, whole_tape

DOCS = Path(__file__).parents[2] / "docs"


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A home of nobody: no file of whoever runs the tests is read, and none is written."""
    monkeypatch.setenv("HOME", str(tmp_path))
    for name in ("FEEDTAPE_CONFIG", "FEEDTAPE_CONFIG_HOME", "XDG_CONFIG_HOME"):
        monkeypatch.delenv(name, raising=False)
    return tmp_path


def write(home: Path, text: str) -> Path:
    """The user's configuration."""
    file = home / ".config" / "feedtape" / "config.toml"
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(text)
    return file


@pytest.fixture(scope="module")
def tape(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A tape of many records."""
    return whole_tape(tmp_path_factory.mktemp("tape") / "a.tape.zst")


def test_keys_are_told_as_configured(home: Path) -> None:
    write(home, "[keys]\n'view.zoom' = 'e'\n'view.statistics' = ''\n'replay.find' = '/,ctrl+f'\n")
    told = {line.split()[0]: line[25:45].split() for line in inside("config", "keys").out.decode().splitlines()}
    assert told["view.zoom"] == ["e"] and told["view.statistics"] == ["-"] and told["replay.find"] == ["/", "ctrl+f"]


def test_a_step_or_a_word_of_a_screen_is_refused_with_its_place(home: Path, tape: Path) -> None:
    write(home, "[watch]\ngroup = 'x'\n[replay]\npause-on = 'gp'\n")
    assert "not 'x' (watch.group in ~/.config/feedtape/config.toml)" in inside("watch", "okx:X").err
    assert "knows no 'gp' (replay.pause-on in ~/.config/feedtape/config.toml)" in inside("replay", tape, "--plain").err


def test_what_is_typed_comes_before_the_environment_before_the_file(
    home: Path, tape: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    lines = len(inside("cat", tape).lines())
    assert lines > 20
    write(home, "[cat]\nlimit = 3\n")
    assert len(inside("cat", tape).lines()) == 3
    monkeypatch.setenv("FEEDTAPE_CAT__LIMIT", "2")
    assert len(inside("cat", tape).lines()) == 2
    assert len(inside("cat", tape, "-n", "1").lines()) == 1


def test_a_flag_that_is_typed_at_its_default_still_wins(home: Path, tape: Path) -> None:
    write(home, "[book]\ndepth = 1\n")
    assert len(inside("book", tape, "--json").json()["asks"]) == 1
    assert len(inside("book", tape, "--json", "--depth", "20").json()["asks"]) == 6


def test_flags_are_taken_back_and_lists_replaced(home: Path, tape: Path) -> None:
    write(home, "[cat]\nevents = true\nkind = ['trade', 'quote']\n")
    assert {line["type"] for line in inside("cat", tape).lines()} == {"trade", "quote"}
    assert {line["type"] for line in inside("cat", tape, "--kind", "trade").lines()} == {"trade"}
    assert {line["kind"] for line in inside("cat", tape, "--no-events", "--kind", "recv").lines()} == {"recv"}


def test_lists_and_flags_of_the_environment(tape: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FEEDTAPE_CAT__EVENTS", "1")
    monkeypatch.setenv("FEEDTAPE_CAT__KIND", "trade")
    assert {line["type"] for line in inside("cat", tape).lines()} == {"trade"}
    monkeypatch.setenv("FEEDTAPE_CAT__KIND", '["trade", "quote"]')
    assert {line["type"] for line in inside("cat", tape).lines()} == {"trade", "quote"}
    monkeypatch.setenv("FEEDTAPE_CAT__EVENTS", "perhaps")
    assert "events must be true or false, not 'perhaps' (FEEDTAPE_CAT__EVENTS)" in inside("cat", tape).err


def test_the_users_file_is_laid_over_the_systems(home: Path) -> None:
    system = home / "system.toml"
    system.write_text("[record]\nlevel = 1\nflush = '5s'\n[profile.theirs]\nlevel = 2\n")
    write(home, "[record]\nlevel = 3\n[profile.mine]\nlevel = 4\nout = '~/x/'\n")
    settings = read(VERBS, {"FEEDTAPE_RECORD__KEEP": "7"}, system=system)
    assert settings.problems == []
    assert settings.defaults("record") == {"level": 3, "flush": "5s", "keep": 7}
    assert settings.defaults("record", "mine") == {"level": 4, "flush": "5s", "keep": 7, "out": f"{home}/x/"}
    assert settings.defaults("record", "theirs")["level"] == 2
    assert read(VERBS, {"FEEDTAPE_RECORD__LEVEL": "8"}, system=system).defaults("record", "mine")["level"] == 8


@pytest.mark.parametrize(
    ("line", "error"),
    [
        ("[record]\nlevel = 'fast'", "level must be 1..19, not 'fast' (record.level in ~/.config/feedtape/config.toml)"),
        ("[record]\nlevel = 20", "level must be 1..19, not 20"),
        ("[record]\nlevel = true", "level must be 1..19, not true"),
        ("[record]\nflush = 1", "flush must be a duration such as 90s, 10m, 1h, not 1 (record.flush"),
        ("[record]\nmax-size = '5'", "max-size must be a size such as 512MB, 64MiB, not '5'"),
        ("[record]\nmax_size = '5MB'", "[record] has no key 'max_size' (record.max_size"),
        ("[record]\nchannels = 'book,bok'", "or all, not 'book,bok' (record.channels"),
        ("[record]\nfault = 'drop=0.1'", "fault must be a list of texts in quotes, not 'drop=0.1'"),
        ("[watch]\ntheme = 'red'", "theme must be dark, light, contrast or green-red, not 'red' (watch.theme in"),
        ("[watch]\nfps = 0", "fps must be 0.1..60, not 0 (watch.fps in"),
        ("[replay]\nchain = 'deribit:BTC'", "chain must be true or false, not 'deribit:BTC' (replay.chain in"),
        ("[info]\nsha256 = 'yes'", "sha256 must be true or false, not 'yes'"),
        ("[watch]\nlevel = 2\nbook-level = 3", "book-level is another name of level, which is set"),
        ("[import]\nformat = 'x'", "format must be auto, hftbacktest, cryptofeed or lines, not 'x'"),
        ("[recrd]\nlevel = 3", "there is no section or key 'recrd'"),
        ("watch = 1", "watch must be a section, not a value (watch in"),
        ("color = 'red'", "color must be auto, always or never, not 'red' (color in"),
        ("[keys]\n'replay.fnd' = 'x'", "[keys] has no key 'replay.fnd'"),
        ("[keys]\n'replay.find' = 'n'", "the key 'n' would mean both replay.next-problem and replay.find (keys in"),
        ("[venue.binanc]\nurl = 'ws://x:1'", "unknown venue 'binanc' (venue.binanc.url in"),
        ("[venue.binance]\nurl = 'x'", "must be ws://HOST:PORT or wss://HOST:PORT, not 'x' (venue.binance.url in"),
        ("[profile.p]\nlevl = 1", "[profile.p] has no key 'levl'"),
        ("[profile.p]\ntargets = 'okx:X'", "targets must be a list of texts in quotes, not 'okx:X' (profile.p.targets"),
        ("[record", "~/.config/feedtape/config.toml is no TOML"),
    ],
)
def test_what_cannot_be_meant_is_named_with_its_place(home: Path, line: str, error: str) -> None:
    write(home, line)
    [problem] = read(VERBS, {}).problems
    assert error in problem.message


def test_no_verb_runs_on_half_a_configuration(home: Path, tape: Path) -> None:
    write(home, "[record]\nlevel = 'fast'")
    done = inside("info", tape)
    assert done.status == 2 and is_one_error(done)
    assert "level must be 1..19, not 'fast' (record.level in ~/.config/feedtape/config.toml)" in done.err
    assert inside("info", "--help").status == 0
    assert inside("--no-config", "info", tape).status == 0


def test_the_near_name_is_in_the_hint(home: Path, tape: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write(home, "[record]\nrotate-evry = '1h'\n")
    assert inside("info", tape).err.endswith("hint: did you mean rotate-every or rotate-size?\n")
    write(home, "")
    monkeypatch.setenv("FEEDTAPE_RECORD__LEVL", "3")
    assert "there is no variable FEEDTAPE_RECORD__LEVL\nhint: did you mean FEEDTAPE_RECORD__LEVEL" in inside("info", tape).err


MISTYPED = {
    "FEEDTAPE_RECORD_LEVEL": "did you mean FEEDTAPE_RECORD__LEVEL",
    "FEEDTAPE_COLOUR": "did you mean FEEDTAPE_COLOR?",
    "FEEDTAPE_URL_BINANCEE": "did you mean FEEDTAPE_URL_BINANCE",
    "FEEDTAPE_DIRECTORY": "did you mean FEEDTAPE_DIR?",
    "FEEDTAPE_XYZ": "unset FEEDTAPE_XYZ",
}


@pytest.mark.parametrize("name", MISTYPED)
def test_a_mistyped_variable_is_refused_by_every_verb(tape: Path, monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    monkeypatch.setenv(name, "")
    for words in (["info", tape], ["config", "check"], ["--no-config", "info", tape]):
        done = inside(*words)
        assert done.status == 2 and is_one_error(done)
        assert f"there is no variable {name}\nhint: {MISTYPED[name]}" in done.err
    assert inside("info", "--help").status == 0


def test_variables_that_are_none_of_a_key_are_known() -> None:
    own = ("CONFIG_HOME", "DIR", "COLOR", "FRAMES", "FRAMES_REQUIRED", "GOLDEN", "RECORD__LEVEL", "URL_BINANCE_USDM")
    variables = {f"FEEDTAPE_{name}": "1" for name in own} | {"FEEDTAPE_COLOR": "never", "_FEEDTAPE_COMPLETE": "x"}
    assert read(VERBS, variables).problems == []


def test_without_configuration_a_keys_variable_is_not_even_looked_at(tape: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FEEDTAPE_RECORD__LEVEL", "fast")
    monkeypatch.setenv("FEEDTAPE_RECORD__LEVL", "3")
    monkeypatch.setenv("FEEDTAPE_COLOR", "red")
    assert inside("info", tape).status == 2 and inside("--no-config", "info", tape).status == 0


def test_a_verbs_own_refusal_says_where_the_value_is_from(home: Path) -> None:
    write(home, "[record]\nflush = '90s'\n")
    place = "(record.flush in ~/.config/feedtape/config.toml)"
    assert f"flush must be between 10ms and 60s, not '90s' {place}" in inside("record", "okx:X").err
    typed = inside("record", "okx:X", "--flush", "91s").err
    assert "not '91s'" in typed and place not in typed


def test_check_tells_all_problems_and_the_other_verbs_the_first(home: Path) -> None:
    write(home, "[record]\nlevel = 0\nlevl = 3\n[wach]\n[keys]\n'view.zoom' = 'z'\n")
    done = inside("config", "check")
    assert done.status == 2 and len(re.findall("^feedtape: error: ", done.err, re.MULTILINE)) == 4
    write(home, "[record]\nlevel = 2\n")
    assert inside("config", "check").out == b"1 settings, none wrong\n"


def test_show_tells_each_value_and_where_it_is_from(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = write(
        home,
        "color = 'never'\n[record]\nlevel = 3\nkeep = 2\n[venue.okx]\nurl = 'wss://me:secret@x.test'\n[profile.p]\ncount = 1\n",
    )
    monkeypatch.setenv("FEEDTAPE_RECORD__LEVEL", "4")
    done = inside("config", "show")
    assert done.status == 0 and b"secret" not in done.out
    assert b"record.level = 4" in done.out and b"FEEDTAPE_RECORD__LEVEL" in done.out
    values = {row["key"]: row for row in inside("config", "show", "--json").json()["values"]}
    assert set(values) == {"color", "record.level", "record.keep", "venue.okx.url", "profile.p.count"}
    assert values["record.level"] == {"key": "record.level", "value": 4, "from": "FEEDTAPE_RECORD__LEVEL"}
    assert values["record.keep"]["from"] == "~/.config/feedtape/config.toml"
    assert inside("config", "path").out.decode().strip() == str(file)


def test_another_file_is_named_by_option_variable_or_folder(home: Path, tape: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write(home, "[cat]\nlimit = 3\n")
    other = home / "other" / "config.toml"
    other.parent.mkdir()
    other.write_text("[cat]\nlimit = 2\n")
    assert len(inside("--config", other, "cat", tape).lines()) == 2
    missing = inside("--config", home / "none.toml", "cat", tape)
    assert missing.status == 2 and "there is no file ~/none.toml" in missing.err
    monkeypatch.setenv("FEEDTAPE_CONFIG_HOME", str(other.parent))
    assert len(inside("cat", tape).lines()) == 2
    monkeypatch.setenv("FEEDTAPE_CONFIG", str(home / ".config/feedtape/config.toml"))
    assert len(inside("cat", tape).lines()) == 3


def test_init_writes_every_key_in_a_comment_and_never_over_a_file(home: Path) -> None:
    assert inside("config", "init").status == 0
    file = home / ".config" / "feedtape" / "config.toml"
    text = file.read_text()
    assert inside("config", "check").out == b"0 settings, none wrong\n"
    sections = set(re.findall(r"^\[(.*)\]$", text, re.MULTILINE))
    assert sections == {*VERBS, "keys", "venue.binance", "profile.example"}
    file.write_text(re.sub(r"^# (?=\S+ = )", "", text, flags=re.MULTILINE))
    keys = tomllib.loads(file.read_text())
    assert keys["record"]["level"] == 9 and keys["keys"]["app.quit"] == "q,ctrl+c,ctrl+q"
    checked = inside("config", "check")
    assert checked.status == 0, checked.err
    again = inside("config", "init")
    assert again.status == 2 and is_one_error(again) and file.read_text() != text
    assert inside("config", "init", "--print").out.decode() == text


def test_nothing_is_written_unasked(home: Path, tape: Path) -> None:
    inside("info", tape)
    inside("config", "show")
    assert not list(home.iterdir())


def test_a_profile_brings_targets_and_options(home: Path) -> None:
    write(home, "[profile.cpi]\ntargets = ['nowhere:X']\nflush = '99s'\nlevel = 3\n[profile.empty]\n[profile.deep]\nlevel = 19\n")
    asked = inside("record", "--profile", "cpi")
    assert asked.status == 2 and "unknown venue 'nowhere'" in asked.err
    typed = inside("rec", "okx:X", "--profile", "cpi")
    assert "not '99s' (profile.cpi.flush in ~/.config/feedtape/config.toml)" in typed.err
    assert "Missing argument 'TARGET'" in inside("record", "--profile", "empty").err
    assert "level must be 2..3, not 19 (profile.deep.level" in inside("watch", "okx:X", "--profile", "deep").err
    unknown = inside("watch", "--profile", "cpl")
    assert unknown.status == 2 and unknown.err.endswith("hint: did you mean cpi?\n")


def test_an_address_is_configured_below_its_variable(home: Path) -> None:
    write(home, "[venue.okx]\nurl = 'ws://a:1'\n")
    use(read(VERBS, {}))
    target = [Target("okx", "X")]
    assert overrides(target, None, {}) == {"okx": "ws://a:1"}
    assert overrides(target, None, {"FEEDTAPE_URL_OKX": "ws://b:1"}) == {"okx": "ws://b:1"}
    assert overrides(target, "ws://c:1", {}) == {"okx": "ws://c:1"}
    use(None)


def test_colours_are_as_typed_else_as_configured(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("NO_COLOR", "FORCE_COLOR"):
        monkeypatch.setenv(name, "")
        monkeypatch.delenv(name)
    write(home, "color = 'never'\n")
    inside("config", "path")
    assert Console(force_terminal=True).no_color
    inside("--color", "always", "config", "path")
    pipe = Console(file=io.StringIO())
    assert pipe.is_terminal and not pipe.no_color
    assert "auto" in inside("--color", "red", "config", "path").err


def test_recordings_go_where_the_environment_says(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FEEDTAPE_DIR", "/tapes")
    assert tape_path(None, [Target("okx", "X")], START).parent == Path("/tapes")
    assert tape_path("here/", [Target("okx", "X")], START).parent == Path("here")


def test_the_documentations_file_is_what_init_writes() -> None:
    made = inside("config", "init", "--print").out.decode()
    assert made == (DOCS / "config.toml").read_text(), "feedtape config init --print > docs/config.toml"


def test_every_variable_is_in_the_documentation() -> None:
    page = (DOCS / "configuration.md").read_text()
    for file in ("settings.py", "config_files.py"):
        own = re.findall(r"FEEDTAPE_[A-Z]+(?:_[A-Z]+)*", (DOCS.parent / "cli/feedtape/commands" / file).read_text())
        assert set(own) <= set(re.findall(r"FEEDTAPE_[A-Z]+(?:_[A-Z]+)*", page))
    assert variable("record", "rotate-every") in page
