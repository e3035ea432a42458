"""Where a venue is reached: its own addresses, or one that stands in for both of them."""

from typing import NamedTuple
from urllib.parse import urlsplit

from feedtape.errors import UsageError
from feedtape.model.secrets import redact_url
from feedtape.venues.contract import Venue

_HTTP = {"ws": "http", "wss": "https", "http": "http", "https": "https"}
_WS = {"http": "ws", "https": "wss"}


class Address(NamedTuple):
    """Base addresses of a venue, without a slash at the end."""

    ws: str
    http: str

    @classmethod
    def of(cls, venue: Venue, override: str | None = None) -> "Address":
        """Return the venue's addresses, or those that `override` (such as `ws://127.0.0.1:8765`) stands for.

        Raises:
            UsageError: when the override is no such address.
        """
        if override is None:
            return cls(venue.ws_url, venue.rest_url)
        shown = redact_url(override)
        try:
            parts = urlsplit(override)
        except ValueError:
            raise UsageError(f"the address of {venue.name} cannot be read: {shown}") from None
        try:
            port_is_one = parts.port is None or parts.port > 0
        except ValueError:
            port_is_one = False
        if not port_is_one or parts.scheme not in _HTTP or not parts.hostname or parts.query or parts.fragment:
            hint = f"{venue.name}=ws://127.0.0.1:8765"
            raise UsageError(f"the address of {venue.name} must be ws://HOST:PORT or wss://HOST:PORT, not {shown!r}", hint=hint)
        scheme, rest = _HTTP[parts.scheme], f"{parts.netloc}{parts.path.rstrip('/')}"
        return cls(f"{_WS[scheme]}://{rest}", f"{scheme}://{rest}")
