"""The table of keys: one meaning a key and screen, an action for each, and what a configuration may change."""

from pathlib import Path

import pytest

from feedtape.errors import UsageError
from feedtape.ui.draw.foot import foot_row
from feedtape.ui.draw.rows import text_of
from feedtape.ui.keymap import CHAIN, FOOTER, KEYS, RECORD, REPLAY, WATCH, help_lines, keymap, keys_markdown

DOCS = Path(__file__).parents[2] / "docs"
SCREENS = (WATCH, RECORD, REPLAY, CHAIN)


@pytest.mark.parametrize("screen", SCREENS)
def test_no_key_means_two_things_on_one_screen(screen: str) -> None:
    keys = [one for key in KEYS if screen in key.screens for one in key.keys]
    assert len(keys) == len(set(keys)) > 10
    assert {"?", "q", "ctrl+c", "escape"} <= set(keys)


def test_ids_are_told_apart_and_the_footer_names_six_at_most() -> None:
    known = {key.id: key for key in KEYS}
    assert len(known) == len(KEYS)
    for screen, names in FOOTER.items():
        assert len(names) <= 6 and all(screen.split()[0] in known[name].screens for name in names)


def test_every_key_has_an_action_on_its_screens() -> None:
    from feedtape.ui.screen.desk import Desk
    from feedtape.ui.screen.record import RecordDesk
    from feedtape.ui.screen.replay import ReplayDesk

    for screen, desk in ((WATCH, Desk), (CHAIN, Desk), (RECORD, RecordDesk), (REPLAY, ReplayDesk)):
        names = ["do_" + key.id.replace(".", "_").replace("-", "_") for key in KEYS if screen in key.screens]
        assert [name for name in names if not callable(getattr(desk, name, None))] == [], screen


def on(name: str, **changes: str) -> tuple[str, ...]:
    """The keys of an id, after changes."""
    [keys] = [
        key.keys
        for key in keymap({at.replace("__", ".").replace("_", "-"): keys for at, keys in changes.items()})
        if key.id == name
    ]
    return keys


def test_a_configuration_moves_keys_and_takes_them_away() -> None:
    assert on("view.raw") == ("f",)
    assert on("view.raw", view__raw="x, ctrl+r") == ("x", "ctrl+r")
    assert on("replay.step-back", replay__step_back=",") == (",",)
    assert on("replay.step-back", replay__step_back="x, comma, x") == ("x", ",")
    assert on("view.raw", view__raw="") == ()
    # What is given up can be taken.
    assert on("view.raw", view__statistics="", view__raw="s") == ("s",)
    without = keymap({"view.freeze": ""})
    assert "freeze" not in text_of(foot_row(without, WATCH, 120)[0])
    assert all("freeze" not in words for _, words in help_lines(without, WATCH))


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"view.zom": "x"}, "'view.zom'"),
        ({"view.raw": "s"}, "'s' would mean both view.raw and view.statistics"),
        ({"view.raw": "comma"}, "',' would mean both replay.step-back and view.raw"),
        ({"view.raw": "spce"}, "'spce', which is no key"),
        ({"view.raw": "ab"}, "'ab', which is no key"),
    ],
)
def test_a_wrong_change_is_named(changes: dict[str, str], words: str) -> None:
    with pytest.raises(UsageError) as refused:
        keymap(changes)
    assert words in str(refused.value)
    if "view.zom" in changes:
        assert refused.value.hint == "did you mean view.zoom?" or "view.zoom" in str(refused.value.hint)


def test_a_person_reads_keys_by_their_usual_names() -> None:
    lines = dict(help_lines(KEYS, REPLAY))
    assert lines["0 … 9"].startswith("jump to 0 %") and lines["PgUp"] == "1 minute back" and lines["→"] == "5 seconds forward"
    assert lines["q ctrl-c ctrl-q"].startswith("quit")


def test_the_documentations_page_is_the_table() -> None:
    made = "from feedtape.ui.keymap import keys_markdown; print(keys_markdown(), end='')"
    assert keys_markdown() == (DOCS / "keys.md").read_text(), f'python -c "{made}" > docs/keys.md'
