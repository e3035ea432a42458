"""`feedtape doctor` as a person and as a script sees it."""

from __future__ import annotations

import pytest

from stage_cli import inside, is_one_error

CHECKS = ["names", "tls", "handshake", "instruments", "clock", "feed", "book", "age", "shape"]


def test_a_simulated_venue_is_found_well() -> None:
    done = inside("doctor", "bybit", "--sim", "--rate", "40", "--json")
    assert done.status == 0, done.out
    assert [line["check"] for line in done.lines()] == CHECKS
    assert {line["venue"] for line in done.lines()} == {"bybit"}
    assert {line["verdict"] for line in done.lines()} == {"fine"} and not done.err


def test_one_venue_after_the_other_whatever_fails(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("OKX", "KRAKEN"):
        monkeypatch.setenv(f"FEEDTAPE_URL_{name}", "ws://someone:passphrase1@127.0.0.1:1")
    done = inside("doctor", "okx", "kraken")
    text = done.out.decode()
    assert done.status == 4 and done.err == "ends with status 4: tls of okx, tls of kraken\n"
    assert "passphrase1" not in text and "ws://***@127.0.0.1:1" in text
    assert text.count("FAILED   tls") == 2 and text.count("-> ") == 2
    assert text.splitlines()[-1] == "2 venues: 2 not reached or refused (okx, kraken)"


def test_what_cannot_be_meant_is_wrong_usage() -> None:
    for words in (
        ["doctor", "binance", "okx", "--url", "ws://127.0.0.1:1"],
        ["doctor", "binance", "--url", "ftp://127.0.0.1"],
        ["doctor", "binance", "--within", "10"],
        ["doctor", "binance", "--within", "0s"],
        ["doctor", "binance", "--fault", "drop=0.1"],
        ["doctor", "nosuch"],
    ):
        done = inside(*words)
        assert done.status == 2 and is_one_error(done), (words, done)


def test_help_says_what_it_cannot_tell() -> None:
    done = inside("doctor", "--help")
    assert done.status == 0
    assert b"cannot" in done.out and b"Exit status" in done.out
    assert max(map(len, done.out.decode().splitlines())) <= 80
