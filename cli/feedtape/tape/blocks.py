"""The blocks of a file, found without an index: whole ones, the unfinished one at the end, and what damage left between them.

A zstd frame tells where its own blocks end, so walking a tape needs a few bytes of each 128 KiB. Where the walk fails, or a block
is not what its checksum says, the next whole block is looked for by its magic number and believed only if it can be decompressed.
"""

from collections.abc import Callable
from typing import IO, Final, NamedTuple

import zstandard

from feedtape.tape.disk import is_being_written
from feedtape.tape.format import MAX_LINE, proven_length

MAX_BLOCK: Final = MAX_LINE + 2 * 1024 * 1024
"""Most bytes of lines that a block may hold: no writer makes one that is larger, so it is damage or a decompression bomb."""

_MAGIC: Final = b"\x28\xb5\x2f\xfd"
_SKIPPABLE_LAST: Final = b"\x2a\x4d\x18"
_CHECKSUMMED: Final = 0x04
_SINGLE_SEGMENT: Final = 0x20
_LARGEST_ZSTD_BLOCK: Final = 128 * 1024
_SEARCH: Final = 4 * 1024 * 1024
_CANDIDATES: Final = 1000
"""Places that look like a block and are none, after which a search gives up: nobody shall make it go on for ever."""
_STEP: Final = 2 * 1024 * 1024
_BITE: Final = 1024
"""Bytes that are decompressed at once where nothing is known of them; they can hold 32 MiB of lines and no more."""
_DICTIONARY_SIZES: Final = (0, 1, 2, 4)
_CONTENT_SIZES: Final = (0, 2, 4, 8)

Tell = Callable[[int], None]
"""Takes how far into the file a search has come."""


class Extent(NamedTuple):
    """A stretch of the file that looks like one frame.

    Attributes:
        offset, size: where it is; an unfinished frame has the size of what is left of the file.
        is_whole: whether its end is there.
        is_skippable: whether it holds no lines.
        is_cut: whether it is unfinished because the file ends, and not because something else stands in it.
    """

    offset: int
    size: int
    is_whole: bool
    is_skippable: bool
    is_cut: bool = False


class BlockSource:
    """Reads blocks out of a file that may be damaged, and may grow meanwhile."""

    def __init__(self, file: IO[bytes]) -> None:
        self._file = file
        self._decompressor = zstandard.ZstdDecompressor()

    def size(self) -> int:
        """Return the present size of the file."""
        return self._file.seek(0, 2)

    def read(self, offset: int, length: int) -> bytes:
        """Return so many bytes, fewer at the end of the file; none before its beginning."""
        if offset < 0 or length <= 0:
            return b""
        self._file.seek(offset)
        return self._file.read(length)

    def extent(self, offset: int, end: int) -> Extent | None:
        """Return the frame that begins there; None when nothing that begins there can be one.

        Args:
            end: where the file ends.
        """
        head = self.read(offset, 18)
        if head and head[0] & 0xF0 == 0x50 and _SKIPPABLE_LAST.startswith(head[1:4]):
            size = 8 + int.from_bytes(head[4:8], "little")
            whole = len(head) >= 8 and offset + size <= end
            return Extent(offset, size if whole else end - offset, whole, True)
        if not head or not _MAGIC.startswith(head[:4]):
            return None
        return self._walk(offset, head, end)

    def _walk(self, offset: int, head: bytes, end: int) -> Extent | None:
        unfinished = Extent(offset, end - offset, False, False)
        cut = unfinished._replace(is_cut=True)
        if len(head) < 5:
            return cut
        descriptor = head[4]
        if not descriptor & _CHECKSUMMED:
            # Every writer asks for checksums, so this bit is what is damaged; sums may prove what its checksum cannot.
            return unfinished
        single = bool(descriptor & _SINGLE_SEGMENT)
        content = _CONTENT_SIZES[descriptor >> 6] or (1 if single else 0)
        position = offset + 5 + (not single) + _DICTIONARY_SIZES[descriptor & 3] + content
        while True:
            header = int.from_bytes(part := self.read(position, 3), "little")
            if len(part) < 3:
                return cut
            last, kind, size = header & 1, header >> 1 & 3, header >> 3
            if kind == 3 or size > _LARGEST_ZSTD_BLOCK or not (size or last):
                # What is here is not what was written; what stands before it may be proven all the same. No compressor makes
                # an empty block that is not the last: zeros are a page that never reached the disk.
                return unfinished
            position += 3 + (1 if kind == 1 else size)
            if position > end:
                return cut
            if position - offset > MAX_BLOCK:
                return unfinished
            if last:
                position += 4
                return Extent(offset, position - offset, True, False) if position <= end else cut

    def lines(self, extent: Extent, raw_size: int | None = None) -> bytes | None:
        """Return all lines of a whole block, checked; None when it is damaged.

        Args:
            raw_size: how many bytes there must be, where that is known.
        """
        if extent.size > MAX_BLOCK or (raw_size or 0) > MAX_BLOCK:
            return None
        data = self.read(extent.offset, extent.size)
        if not data.startswith(_MAGIC) or not data[4:5] or not data[4] & _CHECKSUMMED:
            return None
        try:
            # A frame that claims a size of its own gets that much memory, however little it holds; no writer of ours says one.
            if raw_size is not None and zstandard.frame_content_size(data) not in (-1, raw_size):
                return None
            lines = _inflate(data) if raw_size is None else self._decompressor.decompress(data, max_output_size=max(raw_size, 1))
        except zstandard.ZstdError:
            return None
        if raw_size is not None and len(lines) != raw_size:
            return None
        return lines if lines.endswith(b"\n") else None

    def proven(self, extent: Extent, *, trust: bool = False) -> bytes:
        """Return the lines at the beginning of an unfinished or damaged block that their sums prove.

        Args:
            trust: take every whole line, for tapes of format 1, which have no sums.
        """
        lines = _inflate_what_can_be(self.read(extent.offset, min(extent.size, MAX_BLOCK)))
        return lines[: lines.rfind(b"\n") + 1 if trust else proven_length(lines)]

    def unproven(self, extent: Extent, proven: int) -> int:
        """Return how many bytes of lines can be decompressed of an unfinished block beyond those that are proven."""
        return len(_inflate_what_can_be(self.read(extent.offset, min(extent.size, MAX_BLOCK)))) - proven

    def is_being_written(self) -> bool:
        """Tell whether a writer has the file."""
        return is_being_written(self._file)

    def next_block(self, offset: int, end: int, tell: Tell | None = None) -> Extent | None:
        """Return the first block at or after an offset of which anything is proven: a whole one, or the beginning of one."""
        failures = 0
        while offset < end and failures < _CANDIDATES:
            window = self.read(offset, min(_SEARCH, end - offset))
            found = window.find(_MAGIC)
            while found >= 0 and failures < _CANDIDATES:
                extent = self.extent(offset + found, end)
                if extent is not None and self._begins_as_a_block(extent):
                    if (extent.is_whole and self.lines(extent) is not None) or self.proven(extent):
                        return extent
                    failures += 1
                found = window.find(_MAGIC, found + 1)
            if tell is not None:
                tell(offset)
            if offset + len(window) >= end or len(window) < len(_MAGIC):
                break
            offset += len(window) - len(_MAGIC) + 1
        return None

    def beginning(self, extent: Extent, size: int) -> bytes:
        """Return the first lines of a block as far as they can be read, unchecked."""
        # Nothing comes out before the first of zstd's own blocks is there in full.
        data = self.read(extent.offset, min(extent.size, size + 2 * _LARGEST_ZSTD_BLOCK))
        with zstandard.ZstdDecompressor().stream_reader(data) as stream:
            try:
                return stream.read(size)
            except zstandard.ZstdError:
                return b""

    def _begins_as_a_block(self, extent: Extent) -> bool:
        start = self.beginning(extent, 20)
        return start[:19].isdigit() and start[19:20] == b" "


def _inflate(data: bytes) -> bytes:
    """Decompress a whole frame, checksum included, and no more than a block may hold."""
    lines = bytearray()
    with zstandard.ZstdDecompressor().stream_reader(data, read_across_frames=False) as stream:
        while piece := stream.read(_STEP):
            lines += piece
            if len(lines) > MAX_BLOCK:
                raise zstandard.ZstdError(f"a block of more than {MAX_BLOCK} bytes")
    return bytes(lines)


def _inflate_what_can_be(data: bytes) -> bytes:
    """Decompress the beginning of a frame up to its end or its damage, to the byte: a failing call returns nothing at all."""
    lines, good = _fed(data, len(data), _BITE)
    return lines if good == len(data) else _fed(data, min(len(data), good + _BITE), 1, whole_upto=good)[0]


def _fed(data: bytes, end: int, step: int, whole_upto: int = 0) -> tuple[bytes, int]:
    """Feed data to a decompressor in steps; return what came out, and where it failed or ended."""
    stream, lines = zstandard.ZstdDecompressor().decompressobj(), bytearray()
    position = 0
    while position < end:
        size = _BITE if position < whole_upto else step
        try:
            lines += stream.decompress(data[position : position + size])
        except zstandard.ZstdError:
            return bytes(lines), position
        position += size
        if stream.eof or len(lines) > MAX_BLOCK:
            break
    return bytes(lines), len(data)
