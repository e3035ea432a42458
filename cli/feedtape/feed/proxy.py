"""Which proxy stands between us and an address, as the environment and the system have it.

The variables and the rules of `NO_PROXY` are `urllib`'s, so that they mean here what they mean elsewhere. This machine itself is
never reached by a proxy.
"""

import urllib.request
from dataclasses import dataclass, field
from ipaddress import ip_address
from typing import Final
from urllib.parse import SplitResult, unquote, urlsplit

from feedtape.errors import UsageError, VenueError
from feedtape.feed.words import plain
from feedtape.model.secrets import Hidden

HINT: Final = "HTTPS_PROXY and ALL_PROXY name the proxy; NO_PROXY=HOST goes without it"

_PORTS: Final = {"http": 80, "https": 443, "socks4": 1080, "socks4a": 1080, "socks5": 1080, "socks5h": 1080}
_DEFAULT_PORTS: Final = {"wss": 443, "https": 443, "ws": 80, "http": 80}


@dataclass(frozen=True)
class Proxy:
    """A proxy's address.

    Attributes:
        kind: `http`, `https` (the way to the proxy itself is over TLS), `socks4`, `socks4a`, `socks5` or `socks5h`.
        user: whom it knows us as; `password` likewise. Neither is ever shown.
    """

    kind: str
    host: str
    port: int
    user: str | None = field(default=None, repr=False)
    password: str | None = field(default=None, repr=False)
    hidden: Hidden = field(default_factory=lambda: Hidden(""), repr=False, compare=False)

    def __str__(self) -> str:
        return plain(f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}")

    @property
    def url(self) -> str:
        """The address without credentials."""
        return f"{self.kind}://{self}"

    @property
    def is_socks(self) -> bool:
        """Whether it speaks SOCKS, not HTTP."""
        return self.kind.startswith("socks")

    @property
    def looks_up(self) -> bool:
        """Whether it is told names and looks them up itself; otherwise they are looked up here."""
        return self.kind not in ("socks4", "socks5")

    def refusal(self, why: str) -> VenueError:
        """Return its refusal as an error; `why` may be its own words."""
        return VenueError(f"proxy {self} refused: {self.hidden.out_of(plain(why))}", hint=HINT)

    def unreached(self, why: str) -> VenueError:
        """Return as an error that there is no way to the proxy itself."""
        return VenueError(f"proxy {self} cannot be reached: {why}", hint=HINT)


def proxy_of(url: str) -> Proxy | None:
    """Return the proxy by which an address (`wss`, `ws`, `https`, `http`) is reached; None where that is directly.

    Raises:
        UsageError: when what is named as proxy cannot be one.
    """
    parts = urlsplit(url)
    host = parts.hostname or ""
    if is_loopback(host) or urllib.request.proxy_bypass(f"{host}:{parts.port or _DEFAULT_PORTS[parts.scheme]}"):
        return None
    proxies = urllib.request.getproxies()
    # A venue's WebSockets go the way of its requests, unless something is meant for them alone.
    names = (parts.scheme, parts.scheme.replace("ws", "http"), "socks", "all")
    name = next((name for name in names if proxies.get(name)), None)
    return None if name is None else _parsed(proxies[name], name)


def is_loopback(host: str) -> bool:
    """Tell whether a host is this machine, where no proxy belongs in between."""
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def _parsed(text: str, name: str) -> Proxy:
    kind, mark, rest = text.strip().partition("://")
    kind, rest = (kind.lower(), rest) if mark else ("http", kind)
    if kind == "socks" or (name == "socks" and kind == "http"):
        # Systems name a SOCKS proxy so, without its version.
        kind = "socks5h"
    url = f"{kind}://{rest}"
    try:
        parts = urlsplit(url)
        port = parts.port or _PORTS.get(parts.scheme, 0)
        whole = parts.scheme in _PORTS and bool(parts.hostname) and parts.path in ("", "/") and not parts.query + parts.fragment
    except ValueError:
        whole = False
    if not whole:
        # The text is not shown: where it is no address, nothing tells what of it is the password.
        hint = "http://HOST:PORT, https, socks4, socks4a, socks5 or socks5h; @, :, / and # in a password as %40, %3A, %2F, %23"
        raise UsageError(f"{name.upper()}_PROXY names no proxy that can be used", hint=hint)
    return _of_parts(parts, port, Hidden(url))


def _of_parts(parts: SplitResult, port: int, hidden: Hidden) -> Proxy:
    user = None if parts.username is None else unquote(parts.username)
    password = None if parts.password is None else unquote(parts.password)
    return Proxy(parts.scheme, parts.hostname or "", port, user, password, hidden)
