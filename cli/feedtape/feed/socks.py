"""SOCKS proxies, for WebSockets and for requests. Loaded only where one is named: `python-socks` speaks their protocols."""

import socket
import ssl

import anyio
import httpx
from httpx_socks import AsyncProxyTransport
from python_socks import ProxyConnectionError, ProxyError, ProxyTimeoutError, ProxyType
from python_socks.async_.asyncio import Proxy as Way

from feedtape.feed.proxy import Proxy
from feedtape.feed.words import cause_of

_WORDLESS = "its credentials or the host's name cannot be written in its protocol"


async def tunnel(proxy: Proxy, host: str, port: int) -> socket.socket:
    """Return a socket that leads to a host. The caller bounds the time.

    Raises:
        VenueError: when the proxy refuses or is not reached.
        OSError: when the host's name is to be looked up here and cannot be.
    """
    way = Way(_type_of(proxy), proxy.host, proxy.port, proxy.user, proxy.password, rdns=proxy.looks_up)
    try:
        return await way.connect(host, port)
    except ProxyConnectionError as error:
        raise proxy.unreached(cause_of(error.__cause__ or error)) from error
    except ProxyError as error:
        raise proxy.refusal(str(error)) from error
    except ValueError:
        # From nothing: the error quotes what it could not encode.
        raise proxy.refusal(_WORDLESS) from None


def _type_of(proxy: Proxy) -> ProxyType:
    return ProxyType.SOCKS4 if proxy.kind.startswith("socks4") else ProxyType.SOCKS5


class SocksTransport(AsyncProxyTransport):
    """Sends requests through a SOCKS proxy; fails as httpx's own transports do."""

    def __init__(self, proxy: Proxy, tls: ssl.SSLContext) -> None:
        super().__init__(
            proxy_type=_type_of(proxy),
            proxy_host=proxy.host,
            proxy_port=proxy.port,
            username=proxy.user,
            password=proxy.password,
            rdns=proxy.looks_up,
            verify=tls,
        )

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        try:
            return await super().handle_async_request(request)
        except ProxyError as error:
            raise httpx.ProxyError(str(error), request=request) from error
        except ProxyTimeoutError as error:
            raise httpx.ConnectTimeout(str(error), request=request) from error
        except (ProxyConnectionError, anyio.BrokenResourceError, anyio.EndOfStream) as error:
            raise httpx.ConnectError(cause_of(error.__context__ or error), request=request) from error
        except OSError as error:
            raise httpx.ConnectError(cause_of(error), request=request) from error
        except UnicodeError:
            raise httpx.ProxyError(_WORDLESS, request=request) from None
