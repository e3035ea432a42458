"""What a target has besides its book: trades with their numbers, quotes, the facts of a derivative."""

from collections.abc import Callable, Sequence
from typing import Any

import msgspec

from feedtape.model.events import Derivative, Event, Gap, Quote, SpentTradeId, Trade

TRADES_AHEAD = 10_000
"""Trades of a newcomer that may wait until the connection before it is gone."""


class Flow(msgspec.Struct):
    """What a target had besides its book."""

    trades: int = 0
    quotes: int = 0
    trade_number: int | None = None
    trade_recv: int = 0
    trade_source: int = 0
    trades_ahead: list[Trade] = []
    quote_source: int = 0
    quote: Quote | None = None
    trade: Trade | None = None
    derivative: Derivative | None = None


class Flows:
    """The flow of every target."""

    def __init__(self, begun: Callable[[str], None]) -> None:
        """Begin with none; `begun` is told each new target."""
        self.by_target: dict[str, Flow] = {}
        self._begun = begun

    def _flow(self, target: str) -> Flow:
        flow = self.by_target.get(target)
        if flow is None:
            flow = self.by_target[target] = Flow()
            self._begun(target)
        return flow

    def trade(self, event: Trade, connection: int) -> Sequence[Event]:
        """Take a trade; return a gap where numbers are missing before it."""
        flow = self.by_target.get(event.target) or self._flow(event.target)
        number, last = event.number, flow.trade_number
        if number is not None and last is not None and connection != flow.trade_source and flow.trade_source:
            # While one connection takes over from another both carry each trade, and neither is ahead for good.
            if number <= last:
                return ()
            if number > last + 1:
                if len(flow.trades_ahead) < TRADES_AHEAD:
                    flow.trades_ahead.append(event)
                return ()
        flow.trades += 1
        flow.trade = event
        return self._number(flow, event, number, connection)

    def leave(self, connection: int) -> list[Event]:
        """Note that a connection is gone: trades go on with what another one said ahead of it."""
        known: list[Event] = []
        for flow in self.by_target.values():
            if flow.trade_source == connection:
                flow.trade_source = 0
                ahead, flow.trades_ahead = flow.trades_ahead, []
                for trade in ahead:
                    if trade.number is not None and trade.number > (flow.trade_number or 0):
                        flow.trades += 1
                        flow.trade = trade
                        known.extend(self._number(flow, trade, trade.number, 0))
        return known

    def spent(self, event: SpentTradeId, connection: int) -> Sequence[Event]:
        """Take a number that no trade has."""
        return self._number(self._flow(event.target), event, event.number, connection)

    def _number(self, flow: Flow, event: Event, number: int | None, connection: int) -> Sequence[Event]:
        """Trade numbers have no holes: a hole is trades that were not seen."""
        last, since = flow.trade_number, flow.trade_recv
        if number is None or (last is not None and number <= last):
            return ()
        flow.trade_number = number
        flow.trade_recv = event.recv
        flow.trade_source = connection
        if last is None or number == last + 1:
            return ()
        return (
            Gap(
                event.target,
                event.recv,
                None,
                "trades",
                since,
                number - last - 1,
                f"trade {last} is followed by {number}",
            ),
        )

    def quote(self, event: Quote, connection: int) -> Sequence[Event]:
        """Take a quote, unless another connection brought it before."""
        flow = self.by_target.get(event.target) or self._flow(event.target)
        last = flow.quote
        if last is not None and connection != flow.quote_source:
            # While one connection takes over from another both carry each quote.
            if event.sequence is not None and last.sequence is not None and event.sequence <= last.sequence:
                return ()
            flow.quote_source = connection
        elif last is None:
            flow.quote_source = connection
        flow.quotes += 1
        flow.quote = event
        return ()

    def derivative(self, event: Derivative, connection: int) -> Sequence[Event]:
        """Take the facts that a message tells; those that it does not tell stay as they were said last."""
        flow = self._flow(event.target)
        old = flow.derivative
        if old is None:
            flow.derivative = event
            return ()
        said = {name: value for name in event.__struct_fields__ if (value := getattr(event, name)) is not None}
        flow.derivative = msgspec.structs.replace(old, **said)
        return ()

    def save(self) -> dict[str, Any]:
        """Return all flows as JSON values."""
        return {target: msgspec.to_builtins(flow) for target, flow in self.by_target.items()}

    def load(self, saved: dict[str, Any]) -> None:
        """Take over what `save` returned."""
        self.by_target.clear()
        self.by_target.update(msgspec.convert(saved, dict[str, Flow]))
