"""Binance's REST interface, as far as a feed needs it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime

from .binance_payloads import Universe, mark
from .dialect import Answer, Desk, Rules
from .instrument import sides
from .listing import Listing

_INVALID_SYMBOL = {"code": -1121, "msg": "Invalid symbol."}
_FUTURES_LIMITS = (5, 10, 20, 50, 100, 500, 1000)
_FAR_MS = 4_133_404_800_000
_ONBOARD_MS = 1_567_965_300_000


@dataclass(frozen=True, slots=True)
class Rest:
    """The REST side of one market; `root` is the path before the method."""

    universe: Universe
    root: str
    rules: Rules

    def answer(self, path: str, query: Mapping[str, str], desk: Desk) -> Answer | None:
        """Answer a request, or None if the path is not one of this market."""
        if not path.startswith(self.root):
            return None
        method = path.removeprefix(self.root)
        now = desk.now_ns // 1_000_000
        if method == "ping":
            return Answer({})
        if method == "time":
            return Answer({"serverTime": now})
        if method == "exchangeInfo":
            return self._exchange_info(query, desk, now)
        if method == "depth":
            return self._of_symbol(query, desk, now, self._depth)
        if method == "openInterest" and self.universe.futures:
            return self._of_symbol(query, desk, now, self._open_interest)
        if method == "premiumIndex" and self.universe.futures:
            return self._premium_index(query, desk, now)
        return None

    def _of_symbol(
        self,
        query: Mapping[str, str],
        desk: Desk,
        now: int,
        method: Callable[[Mapping[str, str], Desk, int, Listing], Answer],
    ) -> Answer:
        symbol = query.get("symbol")
        if not symbol:
            message = "Mandatory parameter 'symbol' was not sent, was empty/null, or malformed."
            return Answer({"code": -1102, "msg": message}, 400)
        listing = desk.listings.get(symbol if not self.universe.futures else symbol.upper())
        return Answer(_INVALID_SYMBOL, 400) if listing is None else method(query, desk, now, listing)

    def _depth(self, query: Mapping[str, str], desk: Desk, now: int, listing: Listing) -> Answer:
        text = query.get("limit") or ("500" if self.universe.futures else "100")
        if not text.isascii() or not text.isdigit():
            return Answer({"code": -1100, "msg": "Illegal characters found in parameter 'limit'."}, 400)
        limit = int(text)
        if self.universe.futures and limit not in _FUTURES_LIMITS:
            return Answer({"code": -4021, "msg": f"{limit} is not valid depth limit."}, 400)
        if not self.universe.futures:
            limit = min(max(limit, 1), 5000)
        book = desk.book(listing)
        bids, asks = sides(listing.instrument, book.bids[:limit], book.asks[:limit])
        body: dict[str, object] = {"lastUpdateId": book.id}
        if self.universe.futures:
            body |= {"E": now, "T": now - 8}
        if self.universe.st == 2:
            body |= {"symbol": listing.instrument.symbol, "pair": listing.instrument.pair}
        return Answer(body | {"bids": bids, "asks": asks}, weight=self._depth_weight(limit))

    def _depth_weight(self, limit: int) -> int:
        steps = ((50, 2), (100, 5), (500, 10), (1000, 20)) if self.universe.futures else _SPOT_DEPTH_WEIGHTS
        return next(weight for most, weight in steps if limit <= most)

    def _open_interest(self, _query: Mapping[str, str], _desk: Desk, now: int, listing: Listing) -> Answer:
        fact = listing.instrument
        body: dict[str, object] = {"symbol": fact.symbol, "openInterest": fact.size(listing.open_interest), "time": now}
        if self.universe.st == 2:
            body |= {"pair": fact.pair, "contractType": fact.contract_type}
        return Answer(body)

    def _premium_index(self, query: Mapping[str, str], desk: Desk, now: int) -> Answer:
        symbol = query.get("symbol", "").upper()
        if symbol and symbol not in desk.listings:
            return Answer(_INVALID_SYMBOL, 400)
        chosen = [desk.listings[symbol]] if symbol else list(desk.listings.values())
        rows = []
        for listing in chosen:
            row = {"symbol": listing.instrument.symbol}
            if self.universe.st == 2:
                row["pair"] = listing.instrument.pair
            rows.append(row | mark(self.universe, listing, now) | {"interestRate": "0.00010000", "time": now})
        # COIN-M answers with a list even for one symbol.
        one = symbol and self.universe.st == 1
        return Answer(rows[0] if one else rows, weight=10 if self.universe.st == 2 or not symbol else 1)

    def _exchange_info(self, query: Mapping[str, str], desk: Desk, now: int) -> Answer:
        symbol = query.get("symbol") if not self.universe.futures else None
        if symbol and symbol not in desk.listings:
            return Answer(_INVALID_SYMBOL, 400, weight=20)
        chosen = [desk.listings[symbol]] if symbol else list(desk.listings.values())
        limit: dict[str, object] = {"rateLimitType": "REQUEST_WEIGHT", "interval": "MINUTE", "intervalNum": 1}
        body = {
            "timezone": "UTC",
            "serverTime": now,
            "rateLimits": [limit | {"limit": self.rules.weight_per_minute}],
            "exchangeFilters": [],
            "symbols": [self._symbol(listing) for listing in chosen],
        }
        return Answer(body, weight=1 if self.universe.futures else 20)

    def _symbol(self, listing: Listing) -> dict[str, object]:
        fact = listing.instrument
        digits: dict[str, object] = {"baseAssetPrecision": 8, "quotePrecision": 8}
        filters: list[dict[str, object]] = [
            {
                "filterType": "PRICE_FILTER",
                "minPrice": fact.tick,
                "maxPrice": fact.price(fact.shape.mid * 20),
                "tickSize": fact.tick,
            },
            {"filterType": "LOT_SIZE", "minQty": fact.lot, "maxQty": fact.size(10**9), "stepSize": fact.lot},
        ]
        row: dict[str, object] = {"symbol": fact.symbol}
        if not self.universe.futures:
            filters.append({"filterType": "NOTIONAL", "minNotional": "5.00000000", "applyMinToMarket": True})
            row |= {"status": "TRADING", "baseAsset": fact.base, "quoteAsset": fact.quote} | digits
            return row | {"isSpotTradingAllowed": True, "permissions": ["SPOT"], "filters": filters}
        margin = fact.base if self.universe.st == 2 else fact.quote
        row |= {"pair": fact.pair, "contractType": fact.contract_type, "deliveryDate": self._delivery_ms(listing)}
        row |= {"onboardDate": _ONBOARD_MS}
        if self.universe.st == 2:
            row |= {"contractStatus": "TRADING", "contractSize": fact.contract_size}
        else:
            filters.append({"filterType": "MIN_NOTIONAL", "notional": "5"})
            row["status"] = "TRADING"
        row |= {"baseAsset": fact.base, "quoteAsset": fact.quote, "marginAsset": margin}
        # Deliberately not the tick's number of decimals: the venue's precision fields are not either.
        return row | {"pricePrecision": fact.price_width, "quantityPrecision": fact.size_width, "filters": filters}

    def _delivery_ms(self, listing: Listing) -> int:
        date = listing.instrument.symbol.rpartition("_")[2]
        if not date.isdigit():
            return _FAR_MS
        try:
            day = datetime.strptime(date, "%y%m%d").replace(hour=8, tzinfo=UTC)
        except ValueError:
            return _FAR_MS
        return int(day.timestamp() * 1000)


_SPOT_DEPTH_WEIGHTS = ((100, 5), (500, 25), (1000, 50), (5000, 250))
