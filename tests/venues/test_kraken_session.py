"""Kraken's captures through a session, as an import records them: books, proofs, losses, instruments."""

from __future__ import annotations

import gzip
from collections.abc import Iterator
from pathlib import Path

import pytest

from feedtape.model.records import BODY, HEADER, OPEN, RECV, REQUEST, RESPONSE, Record, note
from feedtape.session import Session
from feedtape.venues import registry

pytestmark = pytest.mark.frames

START = 1_600_000_000_000_000_000


def received(frames: Path, name: str) -> Iterator[bytes]:
    """The received frames of a dump."""
    with gzip.open(frames / "cryptofeed" / name, "rb") as lines:
        for line in lines:
            seconds, _, frame = line.rstrip(b"\n").partition(b": ")
            if frame and seconds.replace(b".", b"").isdigit():
                yield frame


def body(frames: Path, name: str) -> tuple[str, bytes]:
    """Address and body of the REST answer that a dump begins with."""
    with gzip.open(frames / "cryptofeed" / name, "rb") as lines:
        about, _, answer = next(lines).rstrip(b"\n").partition(b": ")
    return about.decode().partition(" ")[0], answer


def imported(venue: str, payloads: list[bytes], decoder: str = "", rest: tuple[str, bytes] | None = None) -> Session:
    """A session that was told what an import writes."""
    records = [note(START, HEADER, {"decoders": {venue: decoder or f"{venue}/1"}})] if decoder else []
    if rest is not None:
        url, answer = rest
        records.append(note(START, REQUEST, {"venue": venue, "method": "GET", "url": url}, 9))
        records += [note(START, RESPONSE, {"status": 200}, 9), Record(START, 9, BODY, answer)]
    records.append(note(START, OPEN, {"venue": venue, "imported": "a dump"}, 1))
    records += [Record(START + 1000 * number, 1, RECV, payload) for number, payload in enumerate(payloads)]
    session = Session(registry.venue)
    for record in records:
        session.feed(record)
    return session


def test_v1_as_of_2021(frames: Path) -> None:
    payloads = list(received(frames, "KRAKEN.ws.50.0.gz"))
    session = imported("kraken", payloads, "kraken/1", body(frames, "KRAKEN.0.gz"))
    keepers = session.books.values()
    assert len(keepers) == 10 and not session.losses
    assert sum(keeper.counters.checksums_matched for keeper in keepers) == 2551
    assert sum(keeper.counters.checksums_failed + keeper.counters.gaps for keeper in keepers) == 0
    for keeper in keepers:
        assert keeper.channel == "book-1000" and keeper.proof()[0] == "checksum"
    facts = session.instruments["kraken:XBT/CHF"]
    assert (facts.symbol, facts.kind, facts.tick, facts.lot) == ("XBT/CHF", "spot", "0.1", "0.00000001")


def test_v2(frames: Path) -> None:
    lines = (frames / "kraken-v2" / "btcusd_d10_20260816.ndjson").read_bytes().splitlines()
    payloads = [line.partition(b'"frame": ')[2][:-1] for line in lines if b'"dir": "tx"' not in line]
    session = imported("kraken", payloads)
    [keeper] = session.books.values()
    assert (keeper.target, keeper.channel, keeper.proof()[0]) == ("kraken:BTC/USD", "book-10", "checksum")
    assert (keeper.counters.checksums_matched, keeper.counters.updates, keeper.counters.gaps) == (21, 20, 0)


@pytest.mark.parametrize("lost", [5, 9, 14])
def test_a_lost_update_is_found_by_the_checksum(frames: Path, lost: int) -> None:
    lines = (frames / "kraken-v2" / "btcusd_d10_20260816.ndjson").read_bytes().splitlines()
    payloads = [line.partition(b'"frame": ')[2][:-1] for line in lines if b'"channel":"book","type"' in line]
    del payloads[lost]
    [keeper] = imported("kraken", payloads).books.values()
    assert keeper.proof()[0] == "broken" and keeper.counters.checksums_failed == 1 and len(keeper.book.bids) == 0


def test_futures_as_of_2021(frames: Path) -> None:
    payloads = list(received(frames, "KRAKEN_FUTURES.ws.1.0.gz"))
    session = imported("kraken-futures", payloads, rest=body(frames, "KRAKEN_FUTURES.0.gz"))
    keepers = session.books.values()
    assert len(keepers) == 10 and not session.losses
    assert sum(keeper.counters.updates for keeper in keepers) == 4171
    assert {keeper.proof()[0] for keeper in keepers} == {"sequence"}
    facts = session.instruments["kraken-futures:FI_XBTUSD_210924"]
    assert (facts.kind, facts.tick, facts.expiry) == ("future", "0.5", 1_632_495_600_000_000_000)


def test_a_lost_update_of_futures_is_a_gap(frames: Path) -> None:
    payloads = list(received(frames, "KRAKEN_FUTURES.ws.1.0.gz"))
    lost = next(number for number, payload in enumerate(payloads) if b'"feed":"book"' in payload and b'"seq":26660870' in payload)
    del payloads[lost]
    session = imported("kraken-futures", payloads)
    assert [(loss.target, loss.kind, loss.missed) for loss in session.losses] == [("kraken-futures:PI_ETHUSD", "gap", 1)]
    assert session.books["kraken-futures:PI_ETHUSD"].proof()[0] == "broken"
