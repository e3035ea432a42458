"""The new tape: never in the place of one that it is made from, and never left behind half-written."""

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from feedtape.errors import TapeError, UsageError
from feedtape.tape.seal import seal_of
from feedtape.tape.writer import TapeWriter


def check_out(out: Path, paths: Iterable[Path], *, overwrite: bool) -> None:
    """Check, before anything is read, that a new tape may be written, and would replace none of those that it is made from.

    Raises:
        TapeError: when it exists and is not to be replaced.
        UsageError: when it is one of them, or a folder.
    """
    if out.is_dir():
        raise UsageError(f"{out} is a folder", hint=f"-o {out / 'NAME.tape.zst'}")
    for path in paths:
        if out.exists() and path.exists() and out.samefile(path):
            raise UsageError(f"{out} is what the new tape is made from", hint="-o names another file")
    if out.exists() and not overwrite:
        raise TapeError(f"{out} already exists", hint="add --overwrite, or name another file")


@contextmanager
def removed_if_it_fails(writer: TapeWriter) -> Iterator[None]:
    """Remove the tape of a writer when it cannot be finished: what it is made from is still there."""
    try:
        yield
    except BaseException:
        writer.abandon()
        writer.path.unlink(missing_ok=True)
        raise


def origin_of(paths: Iterable[Path]) -> list[dict[str, Any]]:
    """Return what the seals beside tapes say, unverified; nothing for a tape without one."""
    found = []
    for path in paths:
        try:
            seal = seal_of(path)
        except TapeError as error:
            found.append({"tape": path.name, "unreadable": str(error)})
            continue
        if seal is not None:
            found.append(seal.origin())
    return found
