"""The file under a tape: made exclusively, locked, and watched. The only place that talks to the disk for a writer.

A test puts a disk of its own in its place: one that is full, slow, breaks, or loses what was not synced.
"""

import contextlib
import os
from collections.abc import Callable
from pathlib import Path
from typing import IO, Protocol

from feedtape.errors import TapeError


class Disk(Protocol):
    """What a writer needs of a file. Every method may raise OSError."""

    def write(self, data: memoryview) -> int:
        """Write some of the data; return how much."""
        ...

    def sync(self) -> None:
        """Return when everything written so far would survive a power cut."""
        ...

    def is_in_place(self) -> bool:
        """Whether the file can still be found under its name."""
        ...

    def close(self) -> None:
        """Let the file go; does not raise."""
        ...


Create = Callable[[Path, bool], Disk]
"""Makes the file of a path, over an existing one only if told so.

Raises:
    TapeError: when the file exists, is being written, or cannot be made.
"""

if os.name == "nt":
    import msvcrt

    def _lock(descriptor: int, *, shared: bool = False) -> None:
        msvcrt.locking(descriptor, msvcrt.LK_NBLCK, 1)  # type: ignore[attr-defined, unused-ignore]
else:
    import fcntl

    def _lock(descriptor: int, *, shared: bool = False) -> None:
        fcntl.flock(descriptor, (fcntl.LOCK_SH if shared else fcntl.LOCK_EX) | fcntl.LOCK_NB)


def is_being_written(file: IO[bytes]) -> bool:
    """Tell whether a writer holds the lock of a file that is open for reading."""
    try:
        _lock(file.fileno(), shared=True)
    except OSError:
        return True
    if os.name != "nt":
        with contextlib.suppress(OSError):
            fcntl.flock(file.fileno(), fcntl.LOCK_UN)
    return False


class LocalFile:
    """A file of the operating system."""

    def __init__(self, path: Path, descriptor: int) -> None:
        self._path = path
        self._descriptor = descriptor
        self._identity = _identity(os.fstat(descriptor))

    def write(self, data: memoryview) -> int:
        """See `Disk.write`."""
        return os.write(self._descriptor, data)

    def sync(self) -> None:
        """See `Disk.sync`."""
        os.fsync(self._descriptor)

    def is_in_place(self) -> bool:
        """See `Disk.is_in_place`."""
        try:
            return _identity(self._path.stat()) == self._identity
        except FileNotFoundError:
            return False

    def close(self) -> None:
        """See `Disk.close`."""
        with contextlib.suppress(OSError):
            os.close(self._descriptor)


def _identity(facts: os.stat_result) -> tuple[int, int]:
    return facts.st_dev, facts.st_ino


def create(path: Path, overwrite: bool) -> Disk:
    """Make the file of a tape under its final name, and lock it; see `Create`."""
    flags = os.O_CREAT | os.O_WRONLY | getattr(os, "O_BINARY", 0) | getattr(os, "O_CLOEXEC", 0)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise TapeError(f"{path} cannot be written: {error.strerror}") from error
    try:
        descriptor = os.open(path, flags if overwrite else flags | os.O_EXCL, 0o644)
    except FileExistsError:
        hint = "add --overwrite, or leave out -o to get a dated name"
        raise TapeError(f"{path} already exists", hint=hint) from None
    except OSError as error:
        raise TapeError(f"{path} cannot be written: {error.strerror}") from error
    try:
        _lock(descriptor)
    except OSError:
        os.close(descriptor)
        raise TapeError(f"{path} is being written by another process") from None
    try:
        if overwrite:
            os.ftruncate(descriptor, 0)
        _sync_folder(path.parent)
    except OSError as error:
        os.close(descriptor)
        raise TapeError(f"{path} cannot be written: {error.strerror}") from error
    return LocalFile(path, descriptor)


def _sync_folder(folder: Path) -> None:
    """Make the new name itself survive a power cut, where folders can be synced."""
    if os.name == "nt":
        return
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        # Some file systems do not sync folders; their files are no worse for it.
        with contextlib.suppress(OSError):
            os.fsync(descriptor)
    finally:
        os.close(descriptor)
