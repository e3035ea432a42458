"""Reading the lines of another tool's file: gzip, zstd or plain, whole, cut or with something else behind it.

Collectors that are killed leave compressed files without their end, and some write over older files without emptying them, so
that the rest of the older one follows. Everything that can be read is; what stopped the reading is kept as `damage`.
"""

import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import IO, Any, NamedTuple

import orjson
import zstandard

from feedtape.errors import InputError
from feedtape.model.records import MARKER, Record, note
from feedtape.tape.format import SIGNATURE_MAGIC

LONGEST_LINE = 32 * 1024 * 1024
"""No venue sends as much in one message; a longer line is damage or a decompression bomb."""

_GZIP = b"\x1f\x8b"
_ZSTD = b"\x28\xb5\x2f\xfd"
_PIECE = 64 * 1024
_OUTPUT = 1024 * 1024
# zstd has no way to bound what one call puts out, so that a call gets little to expand.
_ZSTD_PIECE = 1024
_SAMPLE_LINES = 200


class Cut(NamedTuple):
    """What could not be read of a file.

    Attributes:
        why: what stopped the reading.
        last: receipt time of the last record that was kept; None: there was none.
        lines: whole lines that were kept.
        dropped: lines at the end that were left out because they are damaged.
        read, size: bytes of the file that were read, and that it has.
    """

    file: str
    why: str
    last: int | None
    lines: int
    dropped: int
    read: int
    size: int

    def as_json(self) -> dict[str, Any]:
        """The cut as JSON values."""
        return self._asdict() | {"last": None if self.last is None else str(self.last)}


class SourceFile:
    """One file to import. `lines` can be called again and starts over."""

    def __init__(self, path: Path) -> None:
        """Look at a file.

        Raises:
            InputError: when it cannot be read, or is a tape.
        """
        self.path = path
        self.name = path.name
        try:
            if not path.is_file():
                raise InputError(f"{path} is not a file" if path.exists() else f"{path} cannot be read: no such file")
            self.size = path.stat().st_size
            with path.open("rb") as file:
                start = file.read(4)
        except OSError as error:
            raise InputError(f"{path} cannot be read: {error.strerror}") from error
        if start == SIGNATURE_MAGIC.to_bytes(4, "little"):
            raise InputError(f"{path} is a tape already", hint=f"feedtape info {path}")
        self.read = 0
        """Bytes read so far."""
        self.count = 0
        """Lines yielded so far."""
        self.damage: str | None = None
        self.tail = b""
        """What stands behind the last line end, after a full pass."""
        self.cut: Cut | None = None

    @property
    def stem(self) -> str:
        """The name without the suffixes of compression."""
        name = self.name
        for suffix in (".gz", ".zst"):
            name = name.removesuffix(suffix)
        return name

    def sample(self) -> list[bytes]:
        """Return the first lines, without line ends, to recognise the file by."""
        sample: list[bytes] = []
        size = 0
        for line in self.lines():
            sample.append(line.removesuffix(b"\r"))
            size += len(line)
            if len(sample) >= _SAMPLE_LINES or size >= LONGEST_LINE:
                return sample
        if self.tail:
            sample.append(self.tail)
        return sample

    def lines(self) -> Iterator[bytes]:
        """Yield the lines that end, without their newline; a carriage return before it is left on.

        Raises:
            InputError: when the disk does not give them.
        """
        self.read = self.count = 0
        self.damage = self.cut = None
        self.tail = b""
        parts: list[bytes] = []
        held = 0
        try:
            with self.path.open("rb") as file:
                for piece in self._pieces(file):
                    first, *others = piece.split(b"\n")
                    parts.append(first)
                    held += len(first)
                    if held > LONGEST_LINE:
                        self.damage = f"a line of more than {LONGEST_LINE} bytes"
                        return
                    if others:
                        others.insert(0, b"".join(parts))
                        parts = [others.pop()]
                        held = len(parts[0])
                        for line in others:
                            self.count += 1
                            yield line
        except OSError as error:
            raise InputError(f"{self.path} cannot be read any further: {error.strerror}") from error
        self.tail = b"".join(parts)

    def end(self, last: int | None, dropped: int = 0) -> list[Record]:
        """Tell that reading is over; return the marker for the tape when something was cut off."""
        if self.damage is None:
            return []
        self.cut = Cut(self.name, self.damage, last, self.count - dropped, dropped, self.read, self.size)
        return [] if last is None else [note(last, MARKER, {"cut": self.cut.as_json()})]

    def _pieces(self, file: IO[bytes]) -> Iterator[bytes]:
        start = file.read(4)
        file.seek(0)
        if start.startswith(_GZIP):
            return self._inflated(file)
        return self._zstd(file) if start == _ZSTD else self._raw(file, _PIECE)

    def _raw(self, file: IO[bytes], size: int) -> Iterator[bytes]:
        while piece := file.read(size):
            self.read += len(piece)
            yield piece

    def _inflated(self, file: IO[bytes]) -> Iterator[bytes]:
        inflater = zlib.decompressobj(31)
        for piece in self._raw(file, _PIECE):
            while piece:
                if inflater.eof:
                    # Zeros after a member are padding, as for gzip itself.
                    piece = piece.lstrip(b"\0")
                    if not piece:
                        break
                    if not piece.startswith(_GZIP) and piece != _GZIP[:1]:
                        self.damage = "something that is not gzip follows a complete gzip file, as an older file's rest would"
                        return
                    inflater = zlib.decompressobj(31)
                before = inflater.copy()
                try:
                    output = inflater.decompress(piece, _OUTPUT)
                except zlib.error as error:
                    self.damage = f"damaged gzip data: {error}"
                    yield _salvaged(before, piece)
                    return
                if output:
                    yield output
                piece = inflater.unused_data if inflater.eof else inflater.unconsumed_tail
        if not inflater.eof:
            self.damage = "it ends in the middle of its gzip data"

    def _zstd(self, file: IO[bytes]) -> Iterator[bytes]:
        context = zstandard.ZstdDecompressor()
        frame = context.decompressobj()
        for piece in self._raw(file, _ZSTD_PIECE):
            while piece:
                if frame.eof:
                    frame = context.decompressobj()
                try:
                    output = frame.decompress(piece)
                except zstandard.ZstdError as error:
                    self.damage = f"damaged zstd data: {error}"
                    return
                if output:
                    yield output
                piece = frame.unused_data if frame.eof else b""
        if not frame.eof:
            self.damage = "it ends in the middle of its zstd data"


def is_whole(payload: bytes) -> bool:
    """Tell whether JSON ends where it should: an object or array, since a part of a number is a number too."""
    try:
        return payload[-1:] in (b"}", b"]") and orjson.loads(payload) is not None
    except ValueError:
        return False


def _salvaged(inflater: "zlib._Decompress", piece: bytes) -> bytes:
    """Return what a piece holds up to its damage; a failing call alone returns nothing of it."""
    output = bytearray()
    try:
        for index in range(len(piece)):
            output += inflater.decompress(piece[index : index + 1], _OUTPUT)
    except zlib.error:
        pass
    return bytes(output)
