"""A session in figures, for machines: what `verify --json` prints of books, and what a tape's index holds."""

from collections.abc import Mapping
from typing import Any

from feedtape.book.keeper import BookKeeper
from feedtape.session.pages import Page


def books_as_json(books: Mapping[str, BookKeeper], page: Page) -> dict[str, dict[str, Any]]:
    """Return every book's proof, and its counters of a page; those of the whole session for an empty one."""
    found = {}
    for target, keeper in books.items():
        proof, reason = keeper.proof()
        counters = page.counters(target, keeper.counters)
        covers = keeper.integrity.checksum.covers if keeper.integrity.checksum else 0
        found[target] = {
            "state": keeper.state.value,
            "proof": proof,
            "reason": reason,
            "updates": counters.updates,
            "gaps": counters.gaps,
            "missed": counters.missed,
            "resyncs": counters.resyncs,
            "repeated": counters.repeated,
            "snapshots": counters.snapshots,
            "snapshots_too_old": counters.snapshots_too_old,
            "checksums": {"matched": counters.checksums_matched, "failed": counters.checksums_failed, "covers": covers},
            "crossed": counters.crossed,
            "stale_ns": str(counters.stale_ns),
            "sequence": keeper.book.sequence,
            "levels": [len(keeper.book.bids), len(keeper.book.asks)],
            "digest": keeper.digest(),
        }
    return found
