"""The digest: a short name for a book's exact state.

Two books have the same digest when they have the same sequence number and the same numbers at the same levels, whatever zeros
the venue padded them with. `docs/tape-format.md` gives the bytes that are hashed, so that any program can check a tape's.
"""

from hashlib import blake2b

from feedtape.book.ladder import Book, Ladder
from feedtape.model.decimals import canonical


def digest(book: Book) -> str:
    """Return the digest as 32 hexadecimal digits (BLAKE2b-128)."""
    text = f"{book.sequence}\n{_side(book.bids)}\n{_side(book.asks)}"
    return blake2b(text.encode(), digest_size=16).hexdigest()


def _side(side: Ladder) -> str:
    sizes, prices = side.sizes, side.prices
    lines = []
    for key in reversed(side.order):
        price = prices[key]
        lines.append(f"\n{canonical(price)} {canonical(sizes[price])}")
    return "".join(lines)
