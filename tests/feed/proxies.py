"""Two small proxies on loopback. Whatever host they are asked for, they lead to one port: a venue's name needs no resolver."""

import asyncio
import ipaddress
import ssl
from base64 import b64decode
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress

Reader = asyncio.StreamReader
Writer = asyncio.StreamWriter


class TinyProxy:
    """What both have in common.

    Attributes:
        login: `user:password` that is asked for; none when empty.
        refusal: what is answered in place of a tunnel, in the protocol's bytes.
        asked: the destinations, in order.
        seen: every byte that went out through the tunnels.
    """

    def __init__(self, login: str = "", refusal: bytes | None = None) -> None:
        self.login = login
        self.refusal = refusal
        self.asked: list[str] = []
        self.seen = bytearray()
        self.open: set[Writer] = set()
        self.leads_to = 0

    @asynccontextmanager
    async def serve(self, leads_to: str, tls: ssl.SSLContext | None = None) -> AsyncIterator[str]:
        """Yield `host:port`; `leads_to` is the address of the venue."""
        self.leads_to = int(leads_to.rpartition(":")[2])
        async with await asyncio.start_server(self._handle, "127.0.0.1", 0, ssl=tls) as server:
            yield f"127.0.0.1:{server.sockets[0].getsockname()[1]}"
            self.drop()

    def drop(self) -> None:
        """End all tunnels."""
        for writer in self.open:
            writer.transport.abort()

    async def _handle(self, reader: Reader, writer: Writer) -> None:
        self.open.add(writer)
        with suppress(ConnectionError, asyncio.IncompleteReadError):
            head = await self._grant(reader, writer)
            if head is not None:
                await self._relay(reader, writer, head)
        self.open.discard(writer)
        writer.close()

    async def _grant(self, reader: Reader, writer: Writer) -> bytes | None:
        """Return what is to be sent on before the rest; None when the client is refused."""
        raise NotImplementedError

    async def _relay(self, reader: Reader, writer: Writer, head: bytes) -> None:
        far_reader, far_writer = await asyncio.open_connection("127.0.0.1", self.leads_to)
        far_writer.write(head)

        async def back() -> None:
            with suppress(ConnectionError):
                while data := await far_reader.read(65536):
                    writer.write(data)
            writer.close()

        async with asyncio.TaskGroup() as group:
            group.create_task(back())
            with suppress(ConnectionError):
                while data := await reader.read(65536):
                    self.seen += data
                    far_writer.write(data)
            far_writer.transport.abort()


class HttpProxy(TinyProxy):
    """CONNECT, and plain requests by their whole address; `answers` are sent one by one in place of the usual one."""

    answers: tuple[bytes, ...] = (b"HTTP/1.1 200 Connection established\r\n\r\n",)

    async def _grant(self, reader: Reader, writer: Writer) -> bytes | None:
        line, *headers = (await reader.readuntil(b"\r\n\r\n")).split(b"\r\n")
        method, target, version = line.split(b" ")
        self.asked.append(f"{method.decode()} {target.decode()}")
        sent = [b64decode(header.split()[-1]).decode() for header in headers if header.startswith(b"Proxy-Authorization: Basic ")]
        refusal = b"HTTP/1.1 407 Proxy Authentication Required\r\nContent-Length: 4\r\n\r\nno.\n"
        if self.refusal is not None or sent != [self.login][: bool(self.login)]:
            writer.write(refusal if self.refusal is None else self.refusal)
            return None
        if method != b"CONNECT":
            path = b"/" + target.split(b"/", 3)[3]
            return b"\r\n".join([b" ".join([method, path, version]), *headers])
        for answer in self.answers:
            writer.write(answer)
            await writer.drain()
            await asyncio.sleep(0)
        return b""


class SocksProxy(TinyProxy):
    """SOCKS 5, and 4 with names (4a)."""

    async def _grant(self, reader: Reader, writer: Writer) -> bytes | None:
        version, count = await reader.readexactly(2)
        if version == 4:
            return await self._four(reader, writer)
        methods = await reader.readexactly(count)
        wanted = 2 if self.login else 0
        writer.write(bytes([5, wanted if wanted in methods else 0xFF]))
        if wanted not in methods:
            return None
        if self.login:
            user = await reader.readexactly((await reader.readexactly(2))[1])
            password = await reader.readexactly((await reader.readexactly(1))[0])
            good = f"{user.decode()}:{password.decode()}" == self.login
            writer.write(bytes([1, not good]))
            if not good:
                return None
        kind = (await reader.readexactly(4))[3]
        size = (await reader.readexactly(1))[0] if kind == 3 else 4
        host = await reader.readexactly(size)
        port = int.from_bytes(await reader.readexactly(2))
        name = host.decode() if kind == 3 else str(ipaddress.IPv4Address(host))
        return self._answer(writer, f"5 {name}:{port}", b"\5\0\0\1" + bytes(6))

    async def _four(self, reader: Reader, writer: Writer) -> bytes | None:
        port, address = int.from_bytes(await reader.readexactly(2)), await reader.readexactly(4)
        user = (await reader.readuntil(b"\0"))[:-1].decode()
        name = (await reader.readuntil(b"\0"))[:-1].decode() if address[:3] == bytes(3) else str(ipaddress.IPv4Address(address))
        return self._answer(writer, f"4 {user} {name}:{port}", b"\0\x5a" + bytes(6))

    def _answer(self, writer: Writer, asked: str, granted: bytes) -> bytes | None:
        self.asked.append(asked)
        writer.write(granted if self.refusal is None else self.refusal)
        return b"" if self.refusal is None else None
