"""Signals that end a run: each interrupts what hears none yet, and a terminal that hangs up is heard once."""

from __future__ import annotations

import signal
from collections.abc import Iterator

import pytest

from feedtape.ui.signals import ending, ignore_hang_up, interruptible

pytestmark = pytest.mark.skipif(not hasattr(signal, "SIGHUP"), reason="no terminal hangs up there")


@pytest.fixture(autouse=True)
def hangs_up() -> Iterator[None]:
    """A process that a hang-up would end, whatever runs the tests."""
    before = signal.signal(signal.SIGHUP, signal.SIG_DFL)
    yield
    signal.signal(signal.SIGHUP, before)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_each_signal_that_ends_a_run_interrupts_and_then_a_hang_up_is_not_heard(number: signal.Signals) -> None:
    before = {one: signal.getsignal(one) for one in ending()}
    with interruptible() as begin:
        begin()
        with pytest.raises(KeyboardInterrupt):
            signal.raise_signal(number)
        signal.raise_signal(signal.SIGHUP)
        signal.raise_signal(signal.SIGTERM)
    assert {one: signal.getsignal(one) for one in before} == before


def test_what_came_too_early_interrupts_as_soon_as_it_may() -> None:
    with interruptible() as begin:
        for number in (signal.SIGTERM, signal.SIGHUP, signal.SIGINT):
            signal.raise_signal(number)
        with pytest.raises(KeyboardInterrupt):
            begin()


def test_who_is_to_survive_a_hang_up_does() -> None:
    ignore_hang_up()
    with interruptible() as begin:
        begin()
        signal.raise_signal(signal.SIGHUP)
    assert signal.getsignal(signal.SIGHUP) is signal.SIG_IGN
