"""A progress bar for what takes longer than a second; nothing anywhere but on a terminal."""

import os
import stat
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from feedtape.ui.summary import count

_SHOWN_AFTER_S = 1.0
_EVERY_S = 0.2
_LOOK_S = 0.2


def pause() -> bool:
    """Wait a little for more of a tape that is being written."""
    time.sleep(_LOOK_S)
    return True


def output_is_file() -> bool:
    """Tell whether what is printed goes to a file: then a bar beside it disturbs nobody, and elsewhere it might."""
    try:
        return stat.S_ISREG(os.fstat(sys.stdout.fileno()).st_mode)
    except (OSError, ValueError):
        return False


@contextmanager
def progress(
    what: str,
    total: int,
    *,
    quiet: bool = False,
    frames: Callable[[], int] | None = None,
    now: Callable[[], float] = time.monotonic,
) -> Iterator[Callable[[int], None] | None]:
    """Yield what takes the bytes done so far, out of `total`; None where nobody would see a bar.

    Args:
        frames: tells how many frames were read so far, where that is known, for their rate.
        now: tells monotonic seconds.
    """
    if quiet or not sys.stderr.isatty():
        yield None
        return
    from rich.console import Console
    from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TimeRemainingColumn, TransferSpeedColumn

    columns = (what, BarColumn(None), DownloadColumn(), TransferSpeedColumn(), TextColumn("{task.fields[rate]}"))
    # Drawn by whoever works, when it has got further: a thread of its own would take its time from the work.
    console = Console(stderr=True)
    bar = Progress(
        *columns, TimeRemainingColumn(), console=console, transient=True, auto_refresh=False, expand=True, get_time=now
    )
    task = bar.add_task(what, total=total, rate="")
    began, before = now(), frames() if frames else 0
    due = began + _SHOWN_AFTER_S

    def tell(done: int) -> None:
        nonlocal due
        moment = now()
        if moment >= due:
            due = moment + _EVERY_S
            rate = f"{count(round((frames() - before) / (moment - began)))} frames/s" if frames else ""
            bar.start()
            bar.update(task, completed=done, rate=rate, refresh=True)

    try:
        yield tell
    finally:
        bar.stop()
