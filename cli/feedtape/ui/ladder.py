"""Ladders: one book as lines of text, several side by side, as rich renderables.

Lines are built as `Text`: a table of the same size costs five times as much to draw. A book that is not live shows its state and
the reason where the levels would be, never an old level.
"""

from collections.abc import Sequence
from decimal import Decimal

from rich.columns import Columns
from rich.console import Group, RenderableType
from rich.text import Text

from feedtape.book.keeper import BookKeeper, State
from feedtape.replay.times import clock, span
from feedtape.session import Flow, Session
from feedtape.ui.output import printable

WIDTH = 44
_BAR = 10
_QUIET_NS = 3_000_000_000
"""A book without an update for so long says so; whether that is a stall is for the venue's heartbeat to tell."""
_EIGHTHS = " ▏▎▍▌▋▊▉█"


def state_word(keeper: BookKeeper, now: int) -> str:
    """Return the state of a book in words: `live`, `stale 3.2 s`, `live, quiet 4.0 s`, `syncing`, `broken: gap`."""
    if keeper.state is State.BROKEN:
        return f"broken: {keeper.reason.partition(':')[0]}"
    if keeper.state is State.SYNCING:
        return "syncing"
    if keeper.stale_since is not None:
        return f"stale {span(max(0, now - keeper.stale_since))}"
    if keeper.is_crossed:
        return "live, crossed"
    silent = now - keeper.last_recv
    return f"live, quiet {span(silent)}" if silent >= _QUIET_NS else "live"


def _bar(share: float) -> str:
    eighths = round(share * _BAR * 8)
    full, part = divmod(eighths, 8)
    return ("█" * full + (_EIGHTHS[part] if part else "")).ljust(_BAR)


def _levels(levels: Sequence[tuple[str, str]], style: str, largest: Decimal) -> list[Text]:
    lines = []
    for price, size in levels:
        share = float(Decimal(size) / largest) if largest else 0.0
        lines.append(Text.assemble((f"{price:>14} ", style), f"{size:>16} ", (_bar(share), style)))
    return lines


def ladder(keeper: BookKeeper, flow: Flow | None, now: int, depth: int) -> RenderableType:
    """Return one book: asks above, bids below, what is between them, the proof, the last trade."""
    proof, reason = keeper.proof()
    word = state_word(keeper, now)
    live = keeper.state is State.LIVE
    head = Text.assemble((printable(keeper.target), "bold"), "  ", (word, "bold green" if word == "live" else "bold reverse"))
    sequence = keeper.book.sequence if live else None
    facts = Text(f"proof {proof}  seq {'-' if sequence is None else sequence}  gaps {keeper.counters.gaps}", style="dim")
    lines: list[Text] = [head, facts]
    if live:
        bids, asks = list(keeper.book.bids.top(depth)), list(keeper.book.asks.top(depth))
        largest = max((Decimal(size) for _, size in [*bids, *asks]), default=Decimal(0))
        padding = [Text("")]
        lines += padding * (depth - len(asks)) + _levels(asks[::-1], "red", largest)
        lines.append(_between(bids, asks))
        lines += _levels(bids, "green", largest) + padding * (depth - len(bids))
    else:
        lines += [Text(""), Text(printable(reason), style="dim"), *[Text("")] * (2 * depth - 1)]
    lines += [_last_trade(flow), _marks(flow)]
    for line in lines:
        line.no_wrap = True
        line.truncate(WIDTH, overflow="ellipsis", pad=True)
    return Group(*lines)


def _between(bids: Sequence[tuple[str, str]], asks: Sequence[tuple[str, str]]) -> Text:
    if not bids or not asks:
        return Text("one-sided" if bids or asks else "empty", style="dim")
    bid, ask = Decimal(bids[0][0]), Decimal(asks[0][0])
    return Text(f"{(bid + ask) / 2:>14f}  spread {ask - bid:f}", style="bold")


def _last_trade(flow: Flow | None) -> Text:
    if flow is None or flow.trade is None:
        return Text("")
    trade = flow.trade
    mark, style = ("▲ buy ", "green") if trade.side == "buy" else ("▼ sell", "red")
    return Text.assemble("last ", (f"{mark} {printable(trade.price)} × {printable(trade.size)}", style))


def _marks(flow: Flow | None) -> Text:
    facts = flow.derivative if flow is not None else None
    if facts is None:
        return Text("")
    named = (("mark", facts.mark), ("index", facts.index), ("funding", facts.funding_rate), ("oi", facts.open_interest))
    return Text("  ".join(f"{name} {printable(value)}" for name, value in named if value is not None), style="dim")


def screen(session: Session, keepers: Sequence[BookKeeper], now: int, depth: int, width: int, footer: str) -> RenderableType:
    """Return some books of a session, as many side by side as the width holds, and one line below."""
    books = [ladder(keeper, session.flows.get(keeper.target), now, depth) for keeper in keepers]
    if not books:
        books = [Text("waiting for the first book", style="dim")]
    fitting = max(1, width // (WIDTH + 2))
    rows = [Columns(books[at : at + fitting], width=WIDTH, padding=(0, 1)) for at in range(0, len(books), fitting)]
    return Group(*rows, Text(f"{clock(now)}  {footer}", style="dim", no_wrap=True))


def plain_line(keeper: BookKeeper, flow: Flow | None, now: int) -> str:
    """Return one book as a line for a pipe."""
    best_bid, best_ask = keeper.book.bids.best(), keeper.book.asks.best()
    bid = f"{best_bid[0]} × {best_bid[1]}" if best_bid else "-"
    ask = f"{best_ask[0]} × {best_ask[1]}" if best_ask else "-"
    trades = flow.trades if flow else 0
    proof = keeper.proof()[0]
    return printable(
        f"{clock(now)} {keeper.target} {state_word(keeper, now)} [{proof}] bid {bid} ask {ask} updates {keeper.counters.updates} "
        f"trades {trades} gaps {keeper.counters.gaps}"
    )
