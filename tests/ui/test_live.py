"""How a live run ends: what its exit status says."""

import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import pytest

from feedtape.book.keeper import BookKeeper
from feedtape.session import Session
from feedtape.ui.live import status_of
from feedtape.venues import registry
from stage_cli import inside, is_one_error


class Denial(BaseHTTPRequestHandler):
    """A venue that answers everything, and always no."""

    def do_GET(self) -> None:
        """Answer that it does not work."""
        self.send_response(500)
        self.send_header("content-length", "2")
        self.end_headers()
        self.wfile.write(b"no")

    def log_message(self, *words: object) -> None:
        """Say nothing."""


@pytest.fixture
def denial() -> Iterator[str]:
    """Its address."""
    with HTTPServer(("127.0.0.1", 0), Denial) as server:
        serving = threading.Thread(target=server.serve_forever, args=(0.01,))
        serving.start()
        yield f"ws://127.0.0.1:{server.server_port}"
        server.shutdown()
        serving.join()


def test_a_venue_that_answers_and_never_connects_was_not_recorded(denial: str, tmp_path: Path) -> None:
    tape = tmp_path / "no.tape.zst"
    done = inside("record", "binance:BTCUSDT", "--url", denial, "-d", "300ms", "-o", tape)
    assert done.status == 4 and "no connection was opened to binance: " in done.err
    # What it answered is evidence all the same.
    assert inside("cat", tape, "--kind", "body", "--raw").out.startswith(b"no\n")
    assert is_one_error(inside("record", "binance:BTCUSDT", "--url", denial, "-d", "300ms", "-q", "-o", tmp_path / "q.tape.zst"))


def test_a_checksum_that_does_not_match_is_a_contradiction_to_whoever_records_as_to_whoever_verifies() -> None:
    session = Session(registry.venue)
    keeper = BookKeeper("kraken:BTC/USD", "book-100", registry.venue("kraken").integrity("book-100"))
    session.books[keeper.target] = keeper
    assert status_of(session) == 0
    keeper.counters.checksums_failed = 1
    assert status_of(session) == 5
