"""`feedtape import` as a user meets it: what it prints, where, and how it ends."""

import gzip
from pathlib import Path

import orjson
import pytest
import typer
from typer.testing import CliRunner, Result

from convert.feeds import hft_text, kinds, replayed, stored, usdm_feed
from feedtape.commands.import_ import import_
from feedtape.errors import FeedtapeError, InputError, TapeError, UsageError
from feedtape.model.records import END

APP = typer.Typer()
APP.command()(import_)
FEED = usdm_feed()


def run(*words: object) -> Result:
    result = CliRunner().invoke(APP, [str(word) for word in words])
    if isinstance(result.exception, FeedtapeError):
        raise result.exception
    return result


@pytest.fixture
def day(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return stored(tmp_path / "btcusdt_20240808.gz", hft_text(FEED))


def test_the_tape_is_named_after_what_it_holds(day: Path) -> None:
    result = run(day)
    tape = Path("binance-usdm-BTCUSDT-20240808T235415Z.tape.zst")
    assert (result.exit_code, result.stdout) == (0, "")
    assert str(tape) in result.stderr
    assert "binance-usdm:BTCUSDT" in result.stderr
    assert "loss     none" in result.stderr
    assert "0 files cut" in result.stderr
    assert replayed(tape).books["binance-usdm:BTCUSDT"].counters.updates == 10
    assert [record.json()["reason"] for record in kinds(tape, END)] == ["end of input"]


def test_json_is_one_object_and_quiet_is_quiet(day: Path) -> None:
    result = run(day, "--json", "-q", "-o", "out.tape.zst")
    assert result.stderr == ""
    told = orjson.loads(result.stdout)
    assert (told["schema"], told["frames"], told["losses"], told["cut"]) == (1, len(FEED), 0, [])
    assert told["first"] == str(FEED[0][0])
    assert told["books"]["binance-usdm:BTCUSDT"]["proof"] == "sequence"


def test_a_cut_file_warns_even_when_quiet_and_ends_with_three(day: Path) -> None:
    day.write_bytes(gzip.compress(hft_text(FEED))[:-9])
    result = run(day, "-q", "-o", "out.tape.zst")
    assert result.exit_code == 3
    assert result.stderr.startswith("feedtape: warning: btcusdt_20240808.gz: it ends in the middle of its gzip data; ")
    assert "up to 2024-08-08T23:54:16" in result.stderr


def test_a_gap_ends_with_three_and_is_named(day: Path) -> None:
    stored(day, hft_text(FEED[:7] + FEED[8:]))
    result = run(day, "-o", "out.tape.zst")
    assert result.exit_code == 3
    assert "loss     binance-usdm:BTCUSDT 23:54:15.630Z: gap, 100 missed" in result.stderr


def test_a_tape_is_overwritten_only_when_asked(day: Path) -> None:
    run(day, "-o", "out.tape.zst")
    with pytest.raises(TapeError, match="already exists") as caught:
        run(day, "-o", "out.tape.zst")
    assert caught.value.hint is not None and "--overwrite" in caught.value.hint
    assert run(day, "-o", "out.tape.zst", "--overwrite").exit_code == 0


def test_an_input_is_never_overwritten(day: Path) -> None:
    before = day.read_bytes()
    with pytest.raises(UsageError, match="is one of the files to import"):
        run(day, "-o", day, "--overwrite")
    assert day.read_bytes() == before


def test_what_cannot_be_meant_is_refused(day: Path) -> None:
    with pytest.raises(InputError, match="no such file"):
        run("missing.gz")
    with pytest.raises(UsageError, match="given twice"):
        run(day, day)
    with pytest.raises(UsageError, match="unknown venue 'binanec'"):
        run(day, "--venue", "binanec")
    other = stored(day.parent / "BINANCE.ws.1.0", b"1633998514.5: {}\n")
    with pytest.raises(UsageError, match="different formats"):
        run(day, other)


def test_a_venue_that_is_given_stands_whatever_the_frames_look_like(day: Path) -> None:
    run(day, "--venue", "binance", "-o", "out.tape.zst", "-q")
    assert list(replayed(Path("out.tape.zst")).books) == ["binance:BTCUSDT"]
