"""What a shell is offered, asked as a shell asks."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from feedtape.commands.complete import joined
from feedtape.feed.known import remember
from feedtape.model.channels import CHANNELS
from feedtape.model.instruments import Instrument
from feedtape.ui.playing import PAUSES
from feedtape.venues import registry
from stage_cli import inside, whole_tape


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A home of nobody, which is the current folder too, and some symbols that were listed before."""
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.delenv("XDG_CONFIG_HOME", raising=False)
    monkeypatch.chdir(tmp_path)
    listed = [Instrument(symbol=symbol, kind="spot") for symbol in ("BTCUSDT", "BTCUSDC", "ETHUSDT", "$(reboot)")]
    remember("binance", listed, os.environ)
    return tmp_path


@pytest.fixture
def offered(monkeypatch: pytest.MonkeyPatch) -> Offered:
    """Ask what bash asks when tab is pressed behind the last of these words."""
    return Offered(monkeypatch)


class Offered:
    """Asks as bash does, whose words are cut at colons and equals signs."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self._monkeypatch = monkeypatch

    def __call__(self, *words: str) -> list[str]:
        """Return what is offered; there is never a word on stderr."""
        self._monkeypatch.setenv("_FEEDTAPE_COMPLETE", "complete_bash")
        self._monkeypatch.setenv("COMP_WORDS", "\n".join(("feedtape", *words)))
        self._monkeypatch.setenv("COMP_CWORD", str(len(words)))
        done = inside()
        assert done.status == 0 and not done.err
        return done.out.decode().split()


def test_venues_then_their_symbols_then_their_streams(offered: Offered) -> None:
    assert offered("watch", "bitge") == ["bitget:", "bitget-futures:"]
    assert offered("rec", "binance", ":") == ["BTCUSDC", "BTCUSDT", "ETHUSDT"]
    assert offered("watch", "binance", ":", "BTCUSDT", "binance", ":", "btc") == ["btcUSDC", "btcUSDT"]
    assert offered("watch", "binance:B") == ["binance:BTCUSDC", "binance:BTCUSDT"]
    assert offered("watch", "kraken", ":", "BTC/USD", "@")[:1] == ["book-100"]
    assert offered("watch", "../../etc/passwd", ":") == []


def test_one_venue_is_followed_into_its_symbols_and_an_unlisted_one_into_its_example(offered: Offered) -> None:
    assert offered("watch", "deri") == [f"deribit:{registry.venue('deribit').example}"]


def test_behind_chain_venues_with_options_and_their_underlyings(offered: Offered) -> None:
    assert offered("watch", "--chain", "") == ["binance-options:", "bybit-option:", "deribit:", "okx:"]
    options = ("BTC-25DEC26-100000-C", "BTC-25DEC26-100000-P", "BTC_USDC-25DEC26-1-C", "BTC-PERPETUAL")
    remember("deribit", [Instrument(symbol=symbol, kind="option") for symbol in options], os.environ)
    assert offered("watch", "--chain", "deri") == ["deribit:BTC", "deribit:BTC_USDC"]
    assert offered("record", "--chain", "okx", ":") == ["BTC"]
    assert "--layout" in offered("watch", "--lay") and "--chain" in offered("replay", "--ch")
    assert offered("replay", "--layout", "") == ["ladder", "compact", "table"]


def test_tapes_and_folders_and_nothing_else(offered: Offered, home: Path) -> None:
    (home / "night").mkdir()
    for name in ("a.tape.zst", "a.txt", "night/b.tape.zst", "$(x).tape.zst"):
        (home / name).touch()
    assert offered("replay", "") == ["a.tape.zst", "cache/", "night/"]
    assert offered("replay", "a.tape.zst", "ni") == ["night/b.tape.zst"]
    assert offered("info", "~/a") == ["~/a.tape.zst"]


def test_the_targets_of_a_tape_that_was_typed(offered: Offered, home: Path) -> None:
    tape = whole_tape(home / "a.tape.zst")
    assert offered("cat", str(tape), "--only", "bin") == ["binance:BTCUSDT"]
    assert offered("replay", str(tape), "--only", "binance", ":") == ["BTCUSDT"]


def test_the_words_of_options(offered: Offered, home: Path) -> None:
    assert offered("watch", "--channels", "") == [*CHANNELS, "all"]
    assert offered("watch", "--channels", "=", "book,tr") == ["book,trades"]
    assert "book,book" not in offered("watch", "--channels", "book,")
    assert offered("record", "--fault", "drop", "=") == ["0.01"]
    assert "max" in offered("replay", "--speed", "")
    assert offered("replay", "--pause-on", "") == [*PAUSES]
    assert offered("replay", "--pause-on", "gap,m") == ["gap,mark"]
    assert offered("symbols", "krak") == ["kraken", "kraken-futures"]
    assert "--rotate-every" in offered("record", "--rot")
    config = home / ".config" / "feedtape" / "config.toml"
    config.parent.mkdir(parents=True)
    config.write_text("[profile.cpi]\n[profile.nfp]\n")
    assert offered("record", "--profile", "") == ["cpi", "nfp"]


def test_what_goes_wrong_says_nothing_into_the_line(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (home / "broken.tape.zst").write_bytes(b"no tape")
    monkeypatch.setenv("_FEEDTAPE_COMPLETE", "complete_bash")
    for words, at in (
        ("feedtape\ncat\nbroken.tape.zst\n--only\n", "4"),
        ("feedtape\nwatch", "x"),
        ("feedtape\nverify\nnowhere/", "2"),
    ):
        monkeypatch.setenv("COMP_WORDS", words)
        monkeypatch.setenv("COMP_CWORD", at)
        done = inside()
        assert not done.err and not done.out.strip()


@pytest.mark.parametrize(
    ("pieces", "words", "kept"),
    [
        (["f", "a", ":", "B"], ["f", "a:B"], "a:"),
        (["f", "a", ":"], ["f", "a:"], "a:"),
        (["f", "a", ":", "B", ""], ["f", "a:B", ""], ""),
        (["f", "okx", ":", "X/USD", ":", "X-1"], ["f", "okx:X/USD:X-1"], "okx:X/USD:"),
        (["f", "a:B"], ["f", "a:B"], ""),
        (["f", "--fault", "drop", "=", "0"], ["f", "--fault", "drop=0"], "drop="),
    ],
)
def test_words_that_bash_cut_are_joined(pieces: list[str], words: list[str], kept: str) -> None:
    assert joined(pieces) == (words, kept)


def test_bash_completes_a_line_with_the_script_that_is_shown(home: Path) -> None:
    program = home / "feedtape"
    program.write_text(f'#!/bin/sh\nexec {sys.executable} -m feedtape "$@"\n')
    program.chmod(0o755)
    script = f"""
        eval "$({program} --show-completion)"
        COMP_WORDS=(feedtape watch okx:BTC-USDT binance : E) COMP_CWORD=5
        _feedtape_completion {program}
        echo "${{COMPREPLY[@]}}"
    """
    ran = subprocess.run(["bash", "-c", script], capture_output=True, text=True, timeout=30, check=False)
    assert (ran.stdout, ran.stderr) == ("ETHUSDT\n", "")


def test_fish_is_told_by_the_status_whether_there_is_anything(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("_FEEDTAPE_COMPLETE", "complete_fish")
    monkeypatch.setenv("_TYPER_COMPLETE_ARGS", "feedtape watch binance:E")
    monkeypatch.setenv("_TYPER_COMPLETE_FISH_ACTION", "get-args")
    assert inside().out == b"binance:ETHUSDT\n"
    monkeypatch.setenv("_TYPER_COMPLETE_FISH_ACTION", "is-args")
    assert inside().status == 0
    monkeypatch.setenv("_TYPER_COMPLETE_ARGS", "feedtape watch nowhere:")
    assert inside().status == 1
