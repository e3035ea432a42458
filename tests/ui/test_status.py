"""Why a command ends with its status, in words, in the last line."""

from pathlib import Path

import pytest

from feedtape.model.records import DIGEST
from feedtape.session import Session
from feedtape.ui.status import contradictions, ended, losses, session_reasons
from feedtape.venues import registry
from stage_cli import TARGET, Script, eventful, inside, whole_tape


def test_only_what_is_loss_a_venues_or_wrong_is_explained(capsys: pytest.CaptureFixture[str]) -> None:
    for status in (0, 1, 2, 130):
        assert ended(status, ["nothing"]) == status
    assert ended(3, ["17 updates missed"], quiet=True) == 3
    assert capsys.readouterr().err == ""
    assert ended(3, ["17 updates missed", "the tape is cut"]) == 3
    assert ended(4) == 4
    assert capsys.readouterr().err.splitlines() == [
        "ends with status 3: 17 updates missed, the tape is cut",
        "ends with status 4: the venue or the network",
    ]


def test_losses_are_counted_by_kind(tmp_path: Path) -> None:
    script = Script(tmp_path / "a.tape.zst")
    eventful(script)
    assert losses(script.session) == [
        "3 updates missed",
        "6 losses (1 gap, 1 trades, 1 bad-frame, 2 dropped, 1 disconnect)",
        "4 frames dropped here",
    ]
    assert session_reasons(script.session) == losses(script.session) and contradictions(script.session) == []
    assert session_reasons(Session(registry.venue)) == []


def test_every_command_that_reads_a_tape_says_why(tmp_path: Path) -> None:
    lossy, cut = eventful(Script(tmp_path / "a.tape.zst")), Script(tmp_path / "b.tape.zst").live().abandon()
    whole = whole_tape(tmp_path / "c.tape.zst")
    out = tmp_path / "out.tape.zst"
    cases: list[tuple[tuple[object, ...], str]] = [
        (("verify", lossy), "3: 3 updates missed, 6 losses ("),
        (("verify", cut), "3: the tape is cut"),
        (("info", cut), "3: b.tape.zst is cut"),
        (("cat", cut), "3: the tape is cut"),
        (("replay", lossy, "--speed", "max"), "3: 3 updates missed, "),
        (("replay", cut, "--plain", "--speed", "1000"), "3: the tape is cut"),
        (("cut", lossy, "-o", out), "3: 3 updates missed, "),
        (("merge", cut, lossy, "-o", out, "--overwrite"), "3: b.tape.zst is cut or damaged, 3 updates missed, "),
        (("repair", cut, "-o", out, "--overwrite"), "3: the tape was cut, 1 damage"),
        (("diff", whole, cut, "--frames"), "3: b is cut, they are equal as far as both go"),
    ]
    for words, why in cases:
        done = inside(*words)
        assert done.err.splitlines()[-1].startswith(f"ends with status {why}"), (words, done.err)
    for silent in ((("verify", "-q", cut)), ("verify", whole), ("info", lossy)):
        assert inside(*silent).err == ""


def test_a_contradiction_is_said_before_a_loss(tmp_path: Path) -> None:
    script = Script(tmp_path / "a.tape.zst").live()
    script.note(DIGEST, {"books": {TARGET: {"digest": "0" * 32, "sequence": script.sequence, "state": "live"}}})
    script.delta(lost=3)
    done = inside("verify", script.finish())
    assert (done.status, done.err) == (5, "ends with status 5: 1 digest contradicts what the frames build\n")
