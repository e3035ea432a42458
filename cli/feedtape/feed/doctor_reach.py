"""The way to a venue: names, TCP and TLS, the WebSocket handshake."""

import asyncio
import ipaddress
import socket
import ssl
import time
from collections.abc import Sequence
from typing import Any, Final, NamedTuple
from urllib.parse import urlsplit

from feedtape.errors import VenueError
from feedtape.feed.connection import Connection
from feedtape.feed.doctor import OTHER, UNREACHED, Check, Patient
from feedtape.feed.proxy import HINT, Proxy, proxy_of
from feedtape.feed.tunnel import reach, tls_context
from feedtape.feed.words import cause_of, plain
from feedtape.model.events import Event
from feedtape.model.records import ERROR, Record
from feedtape.model.targets import Target

NAMES_WITHIN_S: Final = 5.0
CONNECTED_WITHIN_S: Final = 10.0
_SOON_DAYS: Final = 7
_DAY_S: Final = 86_400

_WRONG_URL: Final = "look at --url (or FEEDTAPE_URL_…): it must be the venue's address, or that of what stands in for it"
_OTHER_URL: Final = "--url names another address of the venue"


class Host(NamedTuple):
    """Where a connection goes, and by which proxy, if any."""

    name: str
    port: int
    is_secure: bool
    proxy: Proxy | None

    @classmethod
    def of(cls, url: str) -> "Host":
        """Return the host of an address.

        Raises:
            UsageError: when what the environment names as proxy is none.
        """
        parts = urlsplit(url)
        is_secure = parts.scheme in ("wss", "https")
        return cls(parts.hostname or "", parts.port or (443 if is_secure else 80), is_secure, proxy_of(url))

    def __str__(self) -> str:
        name = f"[{self.name}]" if ":" in self.name else self.name
        return plain(f"{name}:{self.port}")

    @property
    def way(self) -> str:
        """Its proxy, to be said behind what happened; empty where none is in between."""
        return "" if self.proxy is None else f", by proxy {self.proxy.url}"


def hosts(patient: Patient) -> list[Host]:
    """Return the hosts of a venue, each once."""
    return list(dict.fromkeys(Host.of(url) for url in patient.address))


async def names(patient: Patient) -> Check:
    """Look up the venue's hosts, and the proxies; what a proxy looks up itself is left to it."""
    told, failed = [], []
    loop = asyncio.get_running_loop()
    wanted: dict[str, int] = {}
    left: dict[str, list[str]] = {}
    for host in hosts(patient):
        if host.proxy is not None:
            wanted[host.proxy.host] = host.proxy.port
        if host.proxy is not None and host.proxy.looks_up:
            left.setdefault(host.proxy.url, []).append(plain(host.name))
        else:
            wanted[host.name] = host.port
    told += [f"left to proxy {url}: {', '.join(dict.fromkeys(there))}" for url, there in left.items()]
    for name, port in wanted.items():
        shown = plain(name)
        try:
            ipaddress.ip_address(name)
        except ValueError:
            pass
        else:
            told.append(f"{shown} is an address, nothing to look up")
            continue
        try:
            async with asyncio.timeout(NAMES_WITHIN_S):
                found = await loop.getaddrinfo(name, port, type=socket.SOCK_STREAM)
        except TimeoutError:
            failed.append(f"{shown}: no answer within {NAMES_WITHIN_S:g} s")
        except (OSError, UnicodeError) as error:
            failed.append(f"{shown}: {cause_of(error)}")
        else:
            addresses = {str(entry[4][0]) for entry in found}
            told.append(f"{shown} has {len(addresses)} address{'es' if len(addresses) != 1 else ''}")
    if failed:
        remedy = "look at this machine's name service: the network, resolv.conf, a VPN, a filter"
        if any(host.proxy is not None for host in hosts(patient)):
            remedy = f"{HINT}; socks5h and socks4a have it look names up"
        elif patient.is_replaced:
            remedy = _WRONG_URL
        return Check("names", "failed", "; ".join(failed + told), remedy, UNREACHED)
    return Check("names", "fine", "; ".join(told))


async def tls(patient: Patient, context: ssl.SSLContext | None = None) -> Check:
    """Connect to the venue's hosts by TCP, and by TLS where the address says so."""
    told: list[str] = []
    facts: dict[str, Any] = {"hosts": []}
    soon = False
    for host in hosts(patient):
        try:
            found = await _connect(host, context)
        except ssl.SSLCertVerificationError as error:
            words = plain(error.verify_message or str(error))
            return Check(
                "tls", "failed", f"{host}: the certificate is not good: {words}", _remedy_of_certificate(words), UNREACHED
            )
        except ssl.SSLError as error:
            remedy = (
                "does it speak TLS there at all? ws:// in place of wss://"
                if patient.is_replaced
                else "something in between breaks TLS"
            )
            return Check("tls", "failed", f"{host}: no TLS: {cause_of(error)}", remedy, UNREACHED)
        except TimeoutError:
            remedy = _remedy_of_way(patient, host, "a firewall drops it")
            return Check("tls", "failed", f"{host}: no answer within {CONNECTED_WITHIN_S:g} s{host.way}", remedy, UNREACHED)
        except (OSError, ValueError) as error:
            words = str(error) if isinstance(error, VenueError) else cause_of(error) + host.way
            return Check("tls", "failed", f"{host}: {words}", _remedy_of_way(patient, host, "a firewall"), UNREACHED)
        facts["hosts"].append({"host": str(host)} | found)
        if not host.is_secure:
            told.append(f"{host} connected in {found['connect_ms']:g} ms, without TLS{host.way}")
            continue
        days = found["certificate_days"]
        soon = soon or days < _SOON_DAYS
        took = f"{found['tls']} in {found['connect_ms']:g} ms"
        told.append(f"{host} {took}{host.way}, certificate verified, expires in {days} days")
    if soon:
        remedy = "the venue must renew it; after that day nothing connects. Is this machine's date right?"
        return Check("tls", "warning", "; ".join(told), remedy, OTHER, facts)
    return Check("tls", "fine", "; ".join(told), facts=facts)


def _remedy_of_way(patient: Patient, host: Host, in_between: str) -> str:
    if host.proxy is not None:
        return HINT
    return _WRONG_URL if patient.is_replaced else f"{in_between}, or the venue is down; {_OTHER_URL}"


async def _connect(host: Host, context: ssl.SSLContext | None) -> dict[str, Any]:
    secure = (context or tls_context()) if host.is_secure else None
    started = time.monotonic()
    async with asyncio.timeout(CONNECTED_WITHIN_S):
        transport = await reach(asyncio.Protocol(), host.name, host.port, tls=secure, proxy=host.proxy)
    found: dict[str, Any] = {"connect_ms": round((time.monotonic() - started) * 1000)}
    if host.proxy is not None:
        found["proxy"] = host.proxy.url
    try:
        spoken = transport.get_extra_info("ssl_object")
        if spoken is not None:
            expires = ssl.cert_time_to_seconds(spoken.getpeercert()["notAfter"])
            found |= {"tls": spoken.version(), "certificate_days": int((expires - time.time()) // _DAY_S)}
    finally:
        transport.abort()
    return found


def _remedy_of_certificate(words: str) -> str:
    if "expired" in words or "not yet valid" in words:
        return "is this machine's date right? If it is, the venue must renew its certificate"
    return "a proxy or filter in between presents its own: trust its root here (SSL_CERT_FILE), or have it let this host pass"


async def handshake(patient: Patient) -> Check:
    """Open a WebSocket on each path that a recording would use, and close it again."""
    venue, told = patient.venue, []
    plans = venue.plan([Target(venue.name, patient.symbol)], venue.channels)
    for path in dict.fromkeys(plan.path for plan in plans):
        errors: list[Record] = []

        def take(record: Record, errors: list[Record] = errors) -> Sequence[Event]:
            if record.kind == ERROR:
                errors.append(record)
            return ()

        started = time.monotonic()
        try:
            connection = Connection(
                1, venue.name, patient.address.ws + path, take=take, clock=patient.clock, headers=venue.headers
            )
            await connection.connect(within_s=CONNECTED_WITHIN_S)
        except VenueError as error:
            status = next((record.json().get("status") for record in errors), None)
            facts = {} if status is None else {"http": status}
            remedy = error.hint or remedy_of_status(status, is_replaced=patient.is_replaced)
            words = str(error).removeprefix(f"{venue.name}: ")
            return Check("handshake", "failed", f"refused: {words}", remedy, UNREACHED, facts)
        told.append(round((time.monotonic() - started) * 1000))
        connection.close(final=True)
        await connection.wait_closed()
    opened = "opened" if len(told) == 1 else f"{len(told)} paths opened"
    return Check(
        "handshake", "fine", f"{opened} in {' and '.join(f'{ms} ms' for ms in told)}", facts={"http": 101, "open_ms": told}
    )


def remedy_of_status(status: int | None, *, is_replaced: bool) -> str:
    """Return what to do about an HTTP status that is not the one hoped for."""
    if status in (403, 451):
        return (
            "so do venues answer networks that they do not serve: a country, a region, a data centre. "
            f"Run feedtape where the venue serves; {_OTHER_URL}"
        )
    if status in (418, 429):
        return "too much came from this address: wait before the next attempt, and see what else here uses the venue"
    if status is not None and status >= 500:
        return "the venue is down or in maintenance: its status page tells; try again later"
    if is_replaced:
        return _WRONG_URL
    if status is not None:
        return "the venue no longer offers it at this address: a newer feedtape may know the new one"
    return f"something in between ends WebSockets (a proxy, a filter), or the venue is down; {_OTHER_URL}"
