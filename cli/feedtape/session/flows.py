"""What a target has besides its book: trades with their numbers, quotes, the facts of a derivative."""

from collections.abc import Callable, Container, Sequence
from typing import Any, Final, TypeVar

import msgspec

from feedtape.book.lanes import Merge, Repeated, Tally, Uncounted
from feedtape.model.events import Derivative, Event, Gap, OptionSummary, Quote, SpentTradeId, Trade
from feedtape.session.echoes import Echoes

FLOWS_TRACKED: Final = 20_000
"""Targets that are followed; a feed that makes up more is recorded all the same."""


_Told = TypeVar("_Told", Derivative, OptionSummary)


class Flow(msgspec.Struct):
    """What a target had besides its book."""

    trades: int = 0
    quotes: int = 0
    trade_number: int | None = None
    trade_recv: int = 0
    trade_source: int = 0
    """The only connection that carries numbered trades; 0 where there is none, or where several are merged."""
    quote_source: int = 0
    """The connection that brought the newest quote; 0 once it is gone."""
    quote: Quote | None = None
    trade: Trade | None = None
    derivative: Derivative | None = None
    derivative_sources: list[int] = []
    """The open connections that told of it; its facts are gone with the last of them."""
    option_views: dict[int, OptionSummary] = {}
    """All that each connection told of an option, in the order in which they began; 0 holds what stays when they are gone."""

    @property
    def option(self) -> OptionSummary | None:
        """What is known of an option, of several connections the newest last; nothing but its terms of those that are gone."""
        views = self.option_views.values()
        if len(views) < 2:
            return next(iter(views), None)
        whole, *others = sorted(views, key=lambda view: view.recv)
        for view in others:
            whole = _merged(whole, view)
        return whole


class Flows:
    """The flow of every target.

    Whatever takes an event returns None, or `Repeated`, for one that only repeats what another connection had brought.
    """

    def __init__(
        self,
        begun: Callable[[str], None],
        connections: Container[int],
        tally: Tally | None = None,
        beyond: Callable[[], None] = lambda: None,
    ) -> None:
        """Begin with none.

        Args:
            begun: is told each new target.
            connections: those that are open; what an answer to a request tells comes by none of them.
            tally: counts which connection was first.
            beyond: is told of each event of a target that is one too many to be followed.
        """
        self.by_target: dict[str, Flow] = {}
        self.echoes = Echoes(tally or Uncounted())
        self._merges: dict[str, Merge[Trade | None]] = {}
        """Of targets whose numbered trades come by several connections; what waits without a trade is a spent number."""
        self._begun = begun
        self._connections = connections
        self._beyond = beyond
        self._tally = tally or Uncounted()

    def _flow(self, target: str) -> Flow:
        flow = self.by_target.get(target)
        if flow is None:
            flow = Flow()
            if len(self.by_target) >= FLOWS_TRACKED:
                self._beyond()
                return flow
            self.by_target[target] = flow
            self._begun(target)
        return flow

    def trade(self, event: Trade, connection: int) -> Sequence[Event] | None:
        """Take a trade; return a gap where numbers are missing before it."""
        flow = self.by_target.get(event.target) or self._flow(event.target)
        number = event.number
        if number is None:
            if self.echoes.repeats(event, connection):
                return None
        elif connection != flow.trade_source:
            return self._beside(flow, event.target, number, event, event.recv, connection)
        flow.trades += 1
        flow.trade = event
        return () if number is None else self._number(flow, event.target, number, event.recv)

    def spent(self, event: SpentTradeId, connection: int) -> Sequence[Event] | None:
        """Take a number that no trade has."""
        flow = self._flow(event.target)
        if connection != flow.trade_source:
            return self._beside(flow, event.target, event.number, None, event.recv, connection)
        return self._number(flow, event.target, event.number, event.recv)

    def _number(self, flow: Flow, target: str, number: int, recv: int) -> Sequence[Event]:
        """Trade numbers have no holes: a hole is trades that were not seen."""
        last, since = flow.trade_number, flow.trade_recv
        if last is not None and number <= last:
            return ()
        flow.trade_number = number
        flow.trade_recv = recv
        if last is None or number == last + 1:
            return ()
        return (Gap(target, recv, None, "trades", since, number - last - 1, f"trade {last} is followed by {number}"),)

    # -- several connections

    def _beside(
        self, flow: Flow, target: str, number: int, trade: Trade | None, recv: int, connection: int
    ) -> Sequence[Event] | None:
        """Take a number from another connection than the one that was alone with them."""
        merge = self._merges.get(target)
        if merge is None:
            if not flow.trade_source:
                flow.trade_source = connection
                return self._take(flow, target, number, trade, recv)
            merge = self._merges[target] = Merge(self._tally)
            merge.join(flow.trade_source, flow.trade_number, recv)
            flow.trade_source = 0
        last, is_new = flow.trade_number, True
        known: Sequence[Event] = ()
        if last is not None and number <= last:
            is_new = not merge.repeats(connection, number, recv)
        elif last is None or number == last + 1:
            merge.continued(connection, number, recv)
            known = self._take(flow, target, number, trade, recv)
        else:
            is_new = merge.keep(connection, number - 1, number, recv, trade)
        merge.reach(connection, number - 1, number, recv)
        known = [*known, *self._mend(flow, target, merge, recv)]
        return known if is_new else Repeated(known) if known else None

    def _take(self, flow: Flow, target: str, number: int, trade: Trade | None, recv: int) -> Sequence[Event]:
        if trade is not None:
            flow.trades += 1
            flow.trade = trade
        return self._number(flow, target, number, recv)

    def _mend(self, flow: Flow, target: str, merge: Merge[Trade | None], recv: int) -> list[Event]:
        """Take what is kept aside as far as it continues the numbers, or as nobody is left who may fill the hole before it."""
        known: list[Event] = []
        done = 0
        for kept in merge.aside:
            last = flow.trade_number
            if last is not None and kept.last > last + 1 and not merge.is_lost(last, recv):
                break
            if last is None or kept.last > last:
                merge.continued(kept.connection, kept.last, kept.recv)
                known.extend(self._take(flow, target, kept.last, kept.item, recv))
            done += 1
        merge.done(done)
        sole = merge.sole(flow.trade_number)
        if sole is not None or not merge.lanes:
            flow.trade_source = sole or 0
            del self._merges[target]
        return known

    def leave(self, connection: int, recv: int) -> list[Event]:
        """Note that a connection is gone: trades go on with what others bring."""
        known: list[Event] = []
        for target, flow in self.by_target.items():
            merge = self._merges.get(target)
            if merge is not None and merge.lanes.pop(connection, None) is not None:
                known.extend(self._mend(flow, target, merge, recv))
            elif flow.trade_source == connection:
                flow.trade_source = 0
            # What is shown as current must have somebody who would tell its change.
            if flow.quote_source == connection:
                flow.quote_source = 0
            if connection in flow.derivative_sources:
                flow.derivative_sources.remove(connection)
                flow.derivative = flow.derivative if flow.derivative_sources else None
            gone = flow.option_views.pop(connection, None)
            if gone is not None and not flow.option_views:
                # Nobody knows what would have changed since; what it is an option on does not.
                terms = OptionSummary(target, gone.recv, gone.time, gone.option, gone.strike, gone.expiry)
                flow.option_views[0] = terms
        return known

    def end(self, connection: int, recv: int) -> list[Event]:
        """Note that the recording ends on a connection: what is kept aside behind a hole is taken, and the hole told."""
        return self.leave(connection, recv) if any(connection in merge.lanes for merge in self._merges.values()) else []

    def forget_numbers(self, target: str) -> None:
        """Let the next trade begin anew, whatever its number: what is missing before it is told by somebody else."""
        self.by_target[target].trade_number = None
        merge = self._merges.get(target)
        if merge is not None:
            merge.forget()

    def carriers(self, target: str) -> tuple[int, ...]:
        """Return the connections that carry a target's numbered trades."""
        merge, source = self._merges.get(target), self.by_target[target].trade_source
        return tuple(merge.lanes) if merge is not None else (source,) if source else ()

    def lose(self, connections: Sequence[int] | None) -> None:
        """Forget the numbers of every target that may have lost trades, all of whose connections are among these."""
        for target in self.by_target:
            carriers = self.carriers(target)
            if connections is None or (carriers and all(one in connections for one in carriers)):
                self.forget_numbers(target)

    # -- the rest

    def quote(self, event: Quote, connection: int) -> Sequence[Event] | None:
        """Take a quote, unless another connection brought it, or a newer one, before."""
        flow = self.by_target.get(event.target) or self._flow(event.target)
        if self.echoes.several and self.echoes.repeats(event, connection):
            return None
        last = flow.quote
        if last is not None and connection != flow.quote_source:
            if event.sequence is not None and last.sequence is not None and event.sequence <= last.sequence:
                return ()
            flow.quote_source = connection
        elif last is None:
            flow.quote_source = connection
        flow.quotes += 1
        flow.quote = event
        return ()

    def other(self, event: Event, connection: int) -> Sequence[Event] | None:
        """Take what changes nothing here."""
        return None if self.echoes.repeats(event, connection) else ()

    def derivative(self, event: Derivative, connection: int) -> Sequence[Event] | None:
        """Take the facts that a message tells; those that it does not tell stay as they were said last."""
        flow = self._flow(event.target)
        if connection not in flow.derivative_sources and connection in self._connections:
            flow.derivative_sources.append(connection)
        if self.echoes.repeats(event, connection):
            return None
        flow.derivative = event if flow.derivative is None else _merged(flow.derivative, event)
        return ()

    def option(self, event: OptionSummary, connection: int) -> Sequence[Event] | None:
        """Take what a message tells of an option, as `derivative` does; what it says there is none of is forgotten."""
        flow = self.by_target.get(event.target) or self._flow(event.target)
        view = flow.option_views.get(connection) or flow.option_views.pop(0, None)
        merged = event if view is None else _merged(view, event, event.none)
        flow.option_views[connection] = msgspec.structs.replace(merged, none=()) if merged.none else merged
        return None if self.echoes.repeats(event, connection) else ()

    def save(self) -> dict[str, Any]:
        """Return all flows as JSON values."""
        saved = {target: msgspec.to_builtins(flow, str_keys=True) for target, flow in self.by_target.items()}
        for target, merge in self._merges.items():
            saved[target]["merge"] = merge.save()
        return saved

    def load(self, saved: dict[str, Any]) -> None:
        """Take over what `save` returned."""
        self._merges.clear()
        self.by_target.clear()
        self.by_target.update(msgspec.convert(saved, dict[str, Flow], str_keys=True))
        for target, one in saved.items():
            if one.get("merge") is not None:
                self._merges[target] = Merge.load(one["merge"], self._tally, _trade)
            elif one.get("trades_ahead"):
                self._load_ahead(target, [_trade(trade) for trade in one["trades_ahead"]])

    def adopt(self, saved: dict[str, Any]) -> None:
        """Take over the flows of targets that are not known yet."""
        new = {target: one for target, one in saved.items() if target not in self.by_target}
        self.by_target.update(msgspec.convert(new, dict[str, Flow], str_keys=True))
        for target, one in new.items():
            if one.get("merge") is not None:
                self._merges[target] = Merge.load(one["merge"], self._tally, _trade)

    def _load_ahead(self, target: str, ahead: Sequence[Trade | None]) -> None:
        """Take over what version 0.1 let a newcomer's trades wait for: that the old connection goes."""
        flow = self.by_target[target]
        merge = self._merges[target] = Merge(self._tally)
        merge.join(flow.trade_source, flow.trade_number, flow.trade_recv)
        flow.trade_source = 0
        for trade in ahead:
            if trade is not None and trade.number is not None:
                merge.keep(0, trade.number - 1, trade.number, trade.recv, trade)


def _merged(old: _Told, event: _Told, none: Sequence[str] = ()) -> _Told:
    """Return what was told before and what a message tells, without that of which it says that there is none."""
    said: dict[str, Any] = dict.fromkeys(none)
    for name in event.__struct_fields__:
        value = getattr(event, name)
        if value is not None and value != "":
            said[name] = value
    return msgspec.structs.replace(old, **said)


def _trade(saved: Any) -> Trade | None:
    return msgspec.convert(saved, Trade | None)
