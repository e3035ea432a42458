"""The exchange as a process: it comes up, says where it is, and does not outlive who started it."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import orjson
import pytest

from feedtape.errors import FeedtapeError, UsageError
from feedtape.sim.process import launch
from sim.naive import get, run

APP = (sys.executable, str(Path(__file__).with_name("sim_app.py")))


def test_launch() -> None:
    async def conversation() -> None:
        with launch(
            "binance-usdm",
            symbols=["BTCUSDT"],
            seed=9,
            rate=50.0,
            faults=["drop=0.5", "refuse=ETHUSDT"],
            limits=True,
            ping_every=0.5,
            max_life=60.0,
            command=APP,
        ) as url:
            status = (await get(url, "/sim/status")).body
            assert (status["venue"], status["seed"], status["rate"]) == ("binance-usdm", 9, 50.0)
            assert list(status["symbols"]) == ["BTCUSDT"]
        with pytest.raises(OSError):
            await get(url, "/sim/status")

    run(conversation)


def test_a_launch_that_fails_says_why() -> None:
    with (
        pytest.raises(FeedtapeError, match=r"did not start: no room"),
        launch("binance", command=(sys.executable, "-c", "raise SystemExit('no room')")),
    ):
        pass


def test_what_the_exchange_does_not_know_is_wrong_usage() -> None:
    with (
        pytest.raises(UsageError, match="binance has no symbol 'BTCUSDTT'") as refused,
        launch("binance", symbols=["BTCUSDTT"], command=APP),
    ):
        pass
    assert refused.value.hint == "did you mean BTCUSDT or ETHUSDT?"


def test_it_ends_with_its_parent() -> None:
    arguments = [*APP, "binance", "--json", "--until-stdin-closes"]
    with subprocess.Popen(arguments, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as child:
        assert child.stdout is not None and child.stdin is not None
        assert orjson.loads(child.stdout.readline())["url"].startswith("ws://127.0.0.1:")
        child.stdin.close()
        assert child.wait(10) == 0


def test_what_a_person_sees() -> None:
    arguments = [*APP, "binance", "-d", "300ms", "--fault", "slow-rest=1ms"]
    done = subprocess.run(arguments, capture_output=True, text=True, timeout=20, check=True)
    url = done.stdout.split()[2]
    assert done.stdout == f"binance at {url}  try: feedtape watch binance:BTCUSDT --url {url}\n"
    assert done.stderr == ""


def test_a_port_in_use_is_one_line() -> None:
    with launch("binance", command=APP) as url:
        arguments = [*APP, "binance", "--port", url.rpartition(":")[2]]
        done = subprocess.run(arguments, capture_output=True, text=True, timeout=20, check=False)
    assert done.returncode == 1
    assert done.stderr.startswith("feedtape: error: cannot listen on 127.0.0.1:")
    assert done.stderr.splitlines()[1:] == ["hint: --port 0 takes a free port"]
