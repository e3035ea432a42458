"""Bitget: spot, and USDT-, USDC- and coin-margined futures, on one public socket that serves all of them.

Sources, cited below by letter:
    [U] bitget.com, unified account (UTA, v3): quick start, change log, and the public channels ticker, depth, trades, liquidation
    [C] bitget.com, classic account (v2), in maintenance mode: websocket introduction and public channels
    [P] notes of live probes of both sockets, 2026-09 (nemanull/arbitrage-observatory, docs/profiles/bitget; go-bitget)
    [V] captures of the first protocol, 2022-04 (cryptofeed)

Live connections speak v3: it is the generation that is still developed, its book is deeper and twice as fast (1,000 levels,
50 ms) [P], it alone has liquidations and the coin-margined contracts that replaced the classic ones (`BTCUSD_CM`) [U]. Both
generations push the same books under the same numbers [P], and frames of either are read: v2 says `channel` and `instId` where
v3 says `topic` and `symbol`.

Trades of coin-margined contracts are counted in the quote coin and liquidations are everywhere; all else is in the base coin, but
for the books of those contracts, of which nothing is told [U].
"""

from typing import ClassVar

from feedtape.venues.bitget_frames import V1, V2, Arg, Generation
from feedtape.venues.bitget_market import BitgetFamily


class _Bitget(BitgetFamily):
    name = "bitget"
    title = "Bitget spot"
    families: ClassVar[tuple[str, ...]] = ("spot",)


class _BitgetFutures(BitgetFamily):
    name = "bitget-futures"
    title = "Bitget futures"
    channels = ("book", "trades", "quotes", "derivatives", "liquidations")
    families: ClassVar[tuple[str, ...]] = ("usdt-futures", "usdc-futures", "coin-futures")
    has_marks = True

    def family(self, symbol: str) -> str:
        """Tell by the symbol's end: `BTCUSDT`, `BTCPERP` of USDC, and `BTCUSD_CM` or a date of the coins."""
        usdt, usdc, coin = self.families
        return usdt if symbol.endswith("USDT") else usdc if symbol.endswith("PERP") else coin


class _V2(BitgetFamily):
    """The classic protocol before its books were numbered: what a checksum does not cover is unproven."""

    since = "2023-10-01"
    books = ("books", "books15", "books5")
    has_sequence = False

    def _told(self, arg: Arg) -> tuple[Generation, str, str]:
        return V2, arg.channel, arg.instId


class BitgetV2(_V2, _Bitget):
    """Bitget spot, classic, without numbers."""

    decoder = "bitget/2"


class BitgetFuturesV2(_V2, _BitgetFutures):
    """Bitget futures, classic, without numbers."""

    decoder = "bitget-futures/2"


class _V1(BitgetFamily):
    """The first protocol: trades without ids, books with checksums and without numbers [V]."""

    since = "2021-01-01"
    books = ("books", "books5")
    has_sequence = False

    def _told(self, arg: Arg) -> tuple[Generation, str, str]:
        return V1, arg.channel, arg.instId


class BitgetV1(_V1, _Bitget):
    """Bitget spot in its first protocol."""

    decoder = "bitget/1"
    families = ("sp",)


class BitgetFuturesV1(_V1, _BitgetFutures):
    """Bitget futures in their first protocol."""

    decoder = "bitget-futures/1"
    families = ("mc",)


class Bitget(_Bitget):
    """Bitget spot."""

    decoder = "bitget/3"
    since = "2025-08-07"
    earlier = (BitgetV2, BitgetV1)


class BitgetFutures(_BitgetFutures):
    """Bitget futures: perpetuals and dated contracts, margined in USDT, in USDC and in the coin."""

    decoder = "bitget-futures/3"
    since = "2025-08-07"
    earlier = (BitgetFuturesV2, BitgetFuturesV1)
