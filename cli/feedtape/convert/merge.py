"""Several streams of records as one, in order of time."""

import heapq
from collections.abc import Iterable, Iterator
from operator import itemgetter

from feedtape.model.records import Record


def merged(streams: Iterable[Iterable[Record]]) -> Iterator[Record]:
    """Yield the records of all streams by time, those of one stream in their order also where its times run backwards.

    Of equal times the earlier stream's come first.
    """
    return (record for _, record in heapq.merge(*map(_keyed, streams), key=itemgetter(0)))


def _keyed(records: Iterable[Record]) -> Iterator[tuple[int, Record]]:
    latest = 0
    for record in records:
        latest = max(latest, record.time)
        yield latest, record
