"""Books as lines: for a pipe, or a person who wants no picture. A line a book when it changed, once a second at most."""

import sys
from collections.abc import Callable, Collection
from typing import Any

from feedtape.book import measures
from feedtape.book.keeper import BookKeeper
from feedtape.replay.times import clock
from feedtape.session import Flow, Session
from feedtape.ui import chain_lines
from feedtape.ui.chain import chains, take_chain
from feedtape.ui.chain_lines import Seen, news
from feedtape.ui.draw.numbers import plain
from feedtape.ui.output import printable, put, put_json
from feedtape.ui.picture import state_word

EVERY_S = 1.0


class Lines:
    """Prints what changed."""

    def __init__(self, *, json: bool, only: list[str] | None = None, depth: int = 0) -> None:
        """Begin with nothing printed.

        Args:
            json: print JSON lines.
            only: targets of which alone lines are printed.
            depth: levels a side that JSON lines have; 0: the best one.
        """
        self._json = json
        self._only = {one.lower() for one in only or []}
        self._depth = depth
        self._printed: dict[str, Any] = {}

    def show(self, session: Session, now: int) -> None:
        """Print a line for each book that changed since its last line."""
        for target, keeper in session.books.items():
            flow = session.flows.get(target)
            key = (keeper.counters.updates, keeper.state, flow.trades if flow else 0, keeper.stale_since)
            if (self._only and target.lower() not in self._only) or self._printed.get(target) == key:
                continue
            self._printed[target] = key
            if self._json:
                put_json(json_line(keeper, flow, now, self._depth), indent=False)
            else:
                put(plain_line(keeper, flow, now))
        sys.stdout.flush()


class ChainLines:
    """Prints the options of a chain that say something else than before."""

    def __init__(
        self,
        *,
        json: bool,
        only: Callable[[], Collection[str]] | None = None,
        nearest: tuple[int, int] | None = None,
    ) -> None:
        """Begin with nothing printed; `only` and `nearest` are as `take_chain` has them."""
        self._json = json
        self._only = only
        self._nearest = nearest
        self._seen: Seen = {}

    def show(self, session: Session, now: int) -> None:
        """Print a line for each option that changed since its last line."""
        only = self._only() if self._only is not None else None
        for name in chains(session):
            picture = take_chain(session, now, name, only, nearest=self._nearest)
            for of, option in news(picture, self._seen):
                if self._json:
                    put_json(chain_lines.json_line(picture, of, option), indent=False)
                else:
                    put(chain_lines.plain_line(picture, of, option))
        sys.stdout.flush()


def plain_line(keeper: BookKeeper, flow: Flow | None, now: int) -> str:
    """Return one book as a line of text."""
    best_bid, best_ask = keeper.book.bids.best(), keeper.book.asks.best()
    bid = f"{best_bid[0]} × {best_bid[1]}" if best_bid else "-"
    ask = f"{best_ask[0]} × {best_ask[1]}" if best_ask else "-"
    trades = flow.trades if flow else 0
    proof = keeper.proof()[0]
    return printable(
        f"{clock(now)} {keeper.target} {state_word(keeper, now)[0]} [{proof}] bid {bid} ask {ask} "
        f"updates {keeper.counters.updates} trades {trades} gaps {keeper.counters.gaps}"
    )


def json_line(keeper: BookKeeper, flow: Flow | None, now: int, depth: int = 0) -> dict[str, Any]:
    """Return one book as a JSON value; `depth` levels a side where any are wanted."""
    best_bid, best_ask = keeper.book.bids.best(), keeper.book.asks.best()
    spread = measures.spread([best_bid], [best_ask]) if best_bid and best_ask else None
    fields: dict[str, Any] = {
        "time": str(now),
        "target": keeper.target,
        "state": state_word(keeper, now)[0],
        "proof": keeper.proof()[0],
        "sequence": keeper.book.sequence,
        "bid": best_bid,
        "ask": best_ask,
        "spread": None if spread is None else plain(spread),
        "updates": keeper.counters.updates,
        "trades": flow.trades if flow else 0,
        "gaps": keeper.counters.gaps,
        "missed": keeper.counters.missed,
        "resyncs": keeper.counters.resyncs,
    }
    if depth:
        fields |= {"bids": list(keeper.book.bids.top(depth)), "asks": list(keeper.book.asks.top(depth))}
    return fields
