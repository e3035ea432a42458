"""Choosing among what a tape holds."""

import difflib
from collections.abc import Iterable

from feedtape.book.keeper import BookKeeper
from feedtape.errors import UsageError
from feedtape.session import Session


def match_target(wanted: str, held: Iterable[str]) -> str:
    """Return the target that a person means, without regard to case; a bare symbol will do where it is the only such one.

    Raises:
        UsageError: when there is none, or more than one.
    """
    targets = list(held)
    found = [target for target in targets if target.lower() == wanted.lower()]
    if not found and ":" not in wanted:
        found = [target for target in targets if target.partition(":")[2].lower() == wanted.lower()]
    if len(found) == 1:
        return found[0]
    near = difflib.get_close_matches(wanted, targets, n=3, cutoff=0.4) or targets[:5]
    hint = f"it holds {', '.join(near)}" if near else None
    raise UsageError(f"the tape does not hold {wanted!r}" if not found else f"{wanted!r} is several targets", hint=hint)


def find_book(session: Session, wanted: str | None) -> BookKeeper:
    """Return the book that is asked for, or the only one.

    Raises:
        UsageError: when there is no such book, or several and none is named.
    """
    books = session.books
    if wanted is not None:
        return books[match_target(wanted, books)]
    if len(books) == 1:
        return next(iter(books.values()))
    if not books:
        raise UsageError("the tape holds no book up to that time")
    raise UsageError("the tape holds several books: name one", hint=", ".join(list(books)[:8]))
