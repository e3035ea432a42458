"""Files of hftbacktest's collector: `<arrival><space><JSON>`, one symbol and one UTC day a file, gzip.

The arrival is 19 digits of ns; older files have 16 of µs. REST snapshots and refusals stand among the frames without their
request. Connections, acknowledgements and disconnects are not in the files, so what is missing shows in the sequence alone.

Source: github.com/nkaz001/hftbacktest, `collector/src/file.rs` and `collector/src/binancefuturesum/mod.rs`, 5f3ec40.
"""

from feedtape.convert.chain import Line
from feedtape.convert.times import of_digits
from feedtape.model.records import RECV

NAME = "hftbacktest"

_WIDTHS = (19, 16)


def is_line(line: bytes) -> bool:
    """Tell whether a line is one of these files."""
    time, _, payload = split(line)
    return time is not None and payload[:1] in (b"{", b"[")


def split(line: bytes) -> Line:
    """Split a line; one without an arrival is taken whole, at the time of the one before."""
    stamp, _, payload = line.partition(b" ")
    time = of_digits(stamp) if len(stamp) in _WIDTHS else None
    return Line(None, RECV, line) if time is None else Line(time, RECV, payload)
