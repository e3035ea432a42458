"""The exchange's own side door, `/sim/`: the true book at any id, the faults so far, pause and resume."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from typing import TYPE_CHECKING

from .dialect import Answer
from .instrument import sides

if TYPE_CHECKING:
    from .exchange import SimulatedExchange


def tell_truth(exchange: SimulatedExchange, path: str, query: Mapping[str, str]) -> Answer | None:
    """Answer a question about the exchange itself, or None if there is no such question."""
    match path.removeprefix("/sim/"):
        case "book":
            return _book(exchange, query)
        case "published":
            return _published(exchange, query)
        case "faults":
            return Answer({"faults": [asdict(fault) for fault in exchange.log.faults], "counts": exchange.log.counts})
        case "calm":
            exchange.calm()
        case "pause":
            exchange.pause()
        case "resume":
            exchange.resume()
        case "status":
            pass
        case _:
            return None
    return Answer(_status(exchange))


def _book(exchange: SimulatedExchange, query: Mapping[str, str]) -> Answer:
    wanted = query.get("symbol", "")
    listing = exchange.listings.get(wanted) or exchange.listings.get(wanted.upper())
    if listing is None:
        known = ", ".join(exchange.listings)
        return Answer({"error": f"unknown symbol {query.get('symbol')!r}; there are {known}"}, 404)
    try:
        at = query.get("at")
        state = listing.market.state() if at is None else listing.market.state_at(int(at))
        limit = int(query["limit"]) if "limit" in query else None
    except ValueError:
        return Answer({"error": "at and limit are whole numbers"}, 400)
    except LookupError as error:
        return Answer({"error": str(error)}, 404)
    bids, asks = sides(listing.instrument, state.bids[:limit], state.asks[:limit])
    return Answer({"symbol": listing.instrument.symbol, "sequence": state.id, "bids": bids, "asks": asks})


def _published(exchange: SimulatedExchange, query: Mapping[str, str]) -> Answer:
    """What a stream's listeners were told last, of a stream that publishes a window."""
    name = query.get("stream", "")
    for listing in exchange.listings.values():
        window = listing.windows.get(name)
        if window is not None:
            state = window.state
            bids, asks = sides(listing.instrument, state.bids, state.asks)
            return Answer({"symbol": listing.instrument.symbol, "sequence": state.id, "bids": bids, "asks": asks})
    known = ", ".join(name for listing in exchange.listings.values() for name in listing.windows)
    return Answer({"error": f"nothing was published on {name!r}; there are {known}"}, 404)


def _status(exchange: SimulatedExchange) -> dict[str, object]:
    return {
        "venue": exchange.dialect.name,
        "seed": exchange.seed,
        "rate": exchange.rate,
        "paused": exchange.paused,
        "elapsed": exchange.elapsed(),
        "steps": exchange.steps,
        "steps_skipped": exchange.steps_skipped,
        "refused_connections": exchange.refused_connections,
        "symbols": {symbol: listing.market.last_id for symbol, listing in exchange.listings.items()},
        "connections": [
            {
                "connection": peer.number,
                "target": peer.session.target,
                "streams": list(peer.session.streams),
                "silent_streams": [name for name, stream in peer.session.streams.items() if stream is None],
                "frames_sent": peer.frames_sent,
            }
            for peer in exchange.peers.values()
        ],
    }
