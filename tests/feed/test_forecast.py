"""What a recording will take, against arithmetic by hand."""

import asyncio

import pytest

from feedtape.errors import UsageError
from feedtape.feed.forecast import Forecast, check_limits, check_open, forecast
from feedtape.model.targets import Target
from feedtape.venues import registry


def foretold(venue: str, count: int, *channels: str, lanes: int = 1) -> Forecast:
    targets = [Target(venue, f"COIN{number}USDT") for number in range(count)]
    return asyncio.run(forecast(registry.venue(venue), targets, channels or ("book", "trades", "quotes"), lanes))


def test_one_symbol_takes_one_message_and_no_time() -> None:
    one = foretold("binance", 1)
    assert (one.connections, one.streams, one.messages, one.snapshots, one.snapshot_weight) == (1, 3, 1, 1, 250)
    assert (one.start_s, one.split_by, one.bound_by) == (0, "", "")


def test_messages_are_spaced_and_snapshots_wait_for_their_weight() -> None:
    """900 streams are nine messages, 3 a second are sent; 4,800 of weight a minute are 19 snapshots, 300 take 15 more minutes."""
    many = foretold("binance", 300)
    assert (many.connections, many.messages, many.snapshots) == (1, 9, 300)
    assert many.subscribed_s == pytest.approx(8 / 3)
    assert many.snapshots_s == pytest.approx(15 * 60) and many.start_s == many.snapshots_s
    assert many.bound_by.startswith("REST weight: 6000 in 60 s")
    assert foretold("binance", 300, "trades").snapshots == 0


def test_streams_beyond_a_connections_share_take_further_ones_and_lanes_take_each_again() -> None:
    many = foretold("binance", 400, "trades", "quotes", "book")
    assert many.connections == 2 and many.split_by == "1024 streams a connection"
    doubled = foretold("binance", 400, "trades", "quotes", "book", lanes=2)
    assert (doubled.connections, doubled.streams, doubled.messages) == (4, 2400, 2 * many.messages)
    routes = foretold("binance-usdm", 1, "book", "derivatives")
    assert routes.connections == 2 and routes.split_by == "the venue serves them by different addresses"


def test_what_the_venue_does_not_allow_is_refused_before_anything_is_connected() -> None:
    venue = registry.venue("hyperliquid")
    targets = [Target("hyperliquid", f"C{number}") for number in range(600)]
    with pytest.raises(UsageError) as refusal:
        check_limits(venue, venue.plan(targets, ["book", "trades"]), 1)
    assert "1200 streams, and the venue allows 1000" in str(refusal.value)
    with pytest.raises(UsageError, match="20 connections, and the venue allows 10"):
        check_limits(venue, venue.plan(targets[:1], ["book"]), 20)
    check_open(venue)
