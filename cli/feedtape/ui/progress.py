"""A progress bar for what takes longer than a second; nothing anywhere but on a terminal."""

import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

_SHOWN_AFTER_S = 1.0
_EVERY_S = 0.1
_LOOK_S = 0.2


def pause() -> bool:
    """Wait a little for more of a tape that is being written."""
    time.sleep(_LOOK_S)
    return True


@contextmanager
def progress(what: str, total: int, *, quiet: bool = False) -> Iterator[Callable[[int], None] | None]:
    """Yield what takes the bytes done so far, out of `total`; None where nobody would see a bar."""
    if quiet or not sys.stderr.isatty():
        yield None
        return
    from rich.console import Console
    from rich.progress import BarColumn, DownloadColumn, Progress, TimeRemainingColumn, TransferSpeedColumn

    columns = (what, BarColumn(), DownloadColumn(), TransferSpeedColumn(), TimeRemainingColumn())
    bar = Progress(*columns, console=Console(stderr=True), transient=True)
    task = bar.add_task(what, total=total)
    due = time.monotonic() + _SHOWN_AFTER_S

    def tell(done: int) -> None:
        nonlocal due
        now = time.monotonic()
        if now >= due:
            due = now + _EVERY_S
            bar.start()
            bar.update(task, completed=done)

    try:
        yield tell
    finally:
        bar.stop()
