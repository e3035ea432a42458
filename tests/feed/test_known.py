"""Symbols are remembered from the venue's own list, and a folder that cannot be written stops nothing."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from feedtape.feed.known import cache_folder, known, remember
from feedtape.model.instruments import Instrument
from feedtape.sim.process import launch
from feedtape.ui.symbols import show
from feedtape.venues.okx import Okx
from stage_cli import inside


def listed(symbol: str, trading: bool | None = None) -> Instrument:
    """An instrument of a venue's list."""
    return Instrument(symbol=symbol, kind="spot", trading=trading)


def test_the_last_list_is_kept_without_what_is_dead_or_cannot_be_typed(tmp_path: Path) -> None:
    environment = {"XDG_CACHE_HOME": str(tmp_path)}
    assert known("okx", environment) == []
    remember("okx", [listed("B"), listed("C"), listed("D\nE")], environment)
    assert known("okx", environment) == ["B", "C"]
    remember("okx", [listed("C", trading=False), listed("B", trading=True), listed("A")], environment)
    assert known("okx", environment) == ["A", "B"]
    for day in range(3):
        # Options come and go.
        remember("okx", [listed(f"BTC-{day}-{strike}-C") for strike in range(2)], environment)
    assert known("okx", environment) == ["BTC-2-0-C", "BTC-2-1-C"]
    assert [path.name for path in (tmp_path / "feedtape" / "symbols").iterdir()] == ["okx"]


def test_a_folder_that_cannot_be_written_is_no_error(tmp_path: Path) -> None:
    (tmp_path / "feedtape").write_text("a file")
    environment = {"XDG_CACHE_HOME": str(tmp_path)}
    remember("okx", [listed("A")], environment)
    assert known("okx", environment) == []


def test_a_relative_folder_is_ignored() -> None:
    assert cache_folder({"XDG_CACHE_HOME": "x"}) == Path.home() / ".cache" / "feedtape"


def test_a_list_is_remembered_where_it_is_the_venues_own_and_whole(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    with launch("okx", symbols=["BTC-USDT", "ETH-USDT-SWAP"]) as url:
        assert inside("symbols", "okx", "--url", url).status == 0
        assert known("okx", os.environ) == []

        class Here(Okx):
            ws_url = url
            rest_url = url.replace("ws://", "http://", 1)

        show(Here(), "BTC*", None, every=False, json=True)
        # For one symbol the venue is asked for its kind alone.
        show(Here(), "BTC-USDT", None, every=False, json=True)
    assert known("okx", os.environ) == ["BTC-USDT", "ETH-USDT-SWAP"]
