"""What parallel connections were good for, in words."""

from feedtape.session import Session
from feedtape.ui.summary import count


def lane_lines(session: Session) -> list[str]:
    """Return a line for each lane of a session: how often it was first, how far behind otherwise, what it alone brought.

    Empty where a recording had no lanes.
    """
    lines = []
    for lane, facts in sorted(session.lanes.items()):
        behind = f"behind {count(facts.second)} times"
        if facts.second:
            behind += f" by {_lag(facts.behind_ns / facts.second)} on average, {_lag(facts.most_behind_ns)} at most"
        first, filled = f"first {count(facts.first)} times", f"filled {count(facts.filled)} holes of others"
        lines.append(f"  lane {lane}   {first}   {behind}   {filled}")
    return lines


def _lag(ns: float) -> str:
    return f"{ns / 1e6:.1f} ms" if ns < 1e9 else f"{ns / 1e9:.1f} s"
