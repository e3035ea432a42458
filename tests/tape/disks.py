"""Disks that tests put under a writer: slow, full, broken, or gone."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable
from pathlib import Path

from feedtape.tape.disk import Create, Disk, create


class Wrapped:
    """A real file with something in its way."""

    def __init__(self, disk: Disk) -> None:
        self.disk = disk
        self.closed = False

    def write(self, data: memoryview) -> int:
        """Write."""
        return self.disk.write(data)

    def sync(self) -> None:
        """Sync."""
        self.disk.sync()

    def is_in_place(self) -> bool:
        """Look."""
        return self.disk.is_in_place()

    def close(self) -> None:
        """Close."""
        self.closed = True
        self.disk.close()


class Gated(Wrapped):
    """Takes nothing while its gate is shut. `before` is called with each write."""

    def __init__(self, disk: Disk) -> None:
        super().__init__(disk)
        self.gate = threading.Event()
        self.gate.set()
        self.before: Callable[[], None] = lambda: None

    def write(self, data: memoryview) -> int:
        """Write, once the gate is open."""
        assert self.gate.wait(20), "nobody opened the gate"
        self.before()
        return self.disk.write(data)


class Short(Wrapped):
    """Takes a few bytes at a time."""

    def write(self, data: memoryview) -> int:
        """Write the beginning."""
        return self.disk.write(data[:7])


class Failing(Wrapped):
    """Fails once so many bytes are written, or when it is to sync."""

    def __init__(self, disk: Disk, after: int, error: Exception, *, at_sync: bool = False) -> None:
        super().__init__(disk)
        self._left = after
        self._error = error
        self._at_sync = at_sync

    def write(self, data: memoryview) -> int:
        """Write what fits, then fail."""
        if self._at_sync:
            return self.disk.write(data)
        if not self._left:
            raise self._error
        written = self.disk.write(data[: self._left])
        self._left -= written
        return written

    def sync(self) -> None:
        """Sync, or fail."""
        if self._at_sync:
            raise self._error
        self.disk.sync()


class Deaf(Wrapped):
    """Takes nothing and says so, after its first bytes."""

    def write(self, data: memoryview) -> int:
        """Take the signature, and nothing more."""
        return self.disk.write(data) if len(data) == 24 else 0


class Synced(Wrapped):
    """Remembers how much of what was written is safe."""

    def __init__(self, disk: Disk) -> None:
        super().__init__(disk)
        self.written = self.safe = 0

    def write(self, data: memoryview) -> int:
        """Write, and count."""
        self.written += len(data)
        return self.disk.write(data)

    def sync(self) -> None:
        """Remember."""
        self.safe = self.written


def over(wrap: Callable[[Disk], Disk]) -> Create:
    """Return what makes a file of the system with something in its way."""
    return lambda path, overwrite: wrap(create(path, overwrite))


def error_of(number: int) -> OSError:
    """Return the system's own error."""
    return OSError(number, os.strerror(number))


def gated(made: list[Gated]) -> Create:
    """Return what makes gated files, and keeps them in a list."""

    def make(path: Path, overwrite: bool) -> Disk:
        made.append(Gated(create(path, overwrite)))
        return made[-1]

    return make
