"""The stage of a live run: it fails aloud, ends when it is told to, however early, and hands over what a picture failed by."""

from __future__ import annotations

from concurrent.futures import Future
from typing import Any

import pytest

from feedtape.errors import FeedtapeError, VenueError
from feedtape.model.targets import Target
from feedtape.ui.live_stage import LiveStage
from feedtape.ui.picture import Look
from feedtape.ui.wanted import Wanted
from feedtape.ui.watching import Watching

NOBODY = {"binance": "ws://127.0.0.1:9"}


def nobody(duration_s: float | None = None) -> Watching:
    """A run against a venue that is not there."""
    return Watching(Wanted([Target("binance", "BTCUSDT")], ["book"], NOBODY, duration_s=duration_s))


def taken(stage: LiveStage[Any]) -> Any:
    """Take a picture, or what it failed by, as soon as there is one."""
    answer: Future[Any] = Future()
    while not stage.take(Look(), answer.set_result):
        assert not stage.ended.done()
    return answer.result(10)


def test_what_it_cannot_begin_by_is_told_and_nothing_is_promised_before_or_after() -> None:
    def fail() -> Watching:
        raise FeedtapeError("no such thing")

    stage = LiveStage(fail)
    assert not stage.take(Look(), lambda picture: None) and not stage.do(lambda: None)
    stage.start()
    with pytest.raises(FeedtapeError, match="no such thing"):
        stage.ended.result(10)
    assert not stage.take(Look(), lambda picture: None) and stage.said == [] and stage.facts() == {}
    stage.stop("q")


def test_it_ends_by_what_was_pressed_before_it_began() -> None:
    stage = LiveStage(nobody)
    stage.stop("q")
    stage.stop("SIGTERM")
    stage.start()
    assert stage.ended.result(10) is None
    assert stage.live is not None and stage.live.run.reason == "q"


@pytest.mark.parametrize("reason", ["q", "SIGINT", "SIGTERM", "SIGHUP"])
def test_who_quits_before_a_venue_answered_is_not_told_that_it_failed(reason: str) -> None:
    stage = LiveStage(nobody)
    stage.start()
    assert taken(stage).books == {}
    stage.stop(reason)
    assert stage.ended.result(10) is None


def test_a_venue_that_is_not_there_is_an_error_at_the_end_of_the_time() -> None:
    stage = LiveStage(lambda: nobody(0.05))
    stage.start()
    with pytest.raises(VenueError, match="nothing was received from binance"):
        stage.ended.result(10)


def test_what_a_picture_fails_by_is_handed_over_and_the_feed_goes_on() -> None:
    class Broken(Watching):
        def facts(self) -> dict[str, Any]:
            raise ZeroDivisionError

    wanted = Wanted([Target("binance", "BTCUSDT")], ["book"], NOBODY)
    stage = LiveStage(lambda: Broken(wanted))
    stage.start()
    assert isinstance(taken(stage), ZeroDivisionError)
    assert not stage.ended.done()
    stage.stop("q")
    stage.ended.result(10)
