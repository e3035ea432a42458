"""HTTP exchanges of which a file kept only the body."""

from collections.abc import Iterator

import orjson

from feedtape.model.records import BODY, REQUEST, RESPONSE, Record, note

_ERROR_SIZE = 4096


def status_of(payload: bytes) -> tuple[int, str | None] | None:
    """Return the HTTP status that a body must have had, and the symbol that it names; None when it is a frame.

    A body with `lastUpdateId` that belongs to no stream is a depth snapshot; one of `code` and `msg` alone is a refusal.
    """
    if b'"lastUpdateId"' not in payload and (len(payload) > _ERROR_SIZE or b'"code"' not in payload):
        return None
    try:
        message = orjson.loads(payload)
    except ValueError:
        return None
    if type(message) is not dict:
        return None
    if message.keys() == {"code", "msg"}:
        return 400, None
    if "lastUpdateId" in message and not message.keys() & {"stream", "e", "data"}:
        symbol = message.get("symbol")
        return 200, symbol if type(symbol) is str else None
    return None


def exchange(
    number: int,
    time: int,
    venue: str,
    url: str,
    body: bytes,
    status: int,
    *,
    headers: dict[str, str] | None = None,
    is_url_known: bool = False,
) -> Iterator[Record]:
    """Yield the three records of an exchange. No tool keeps the status; where one kept no URL either, that is ours too."""
    made = {"synthesized": True}
    yield note(time, REQUEST, {"venue": venue, "url": url, **({} if is_url_known else made)}, number)
    yield note(time, RESPONSE, {"status": status, **({"headers": headers} if headers else {}), **made}, number)
    yield Record(time, number, BODY, body)
