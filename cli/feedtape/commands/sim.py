"""`feedtape sim`: run the simulated exchange."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    import asyncio

    from feedtape.sim.exchange import SimulatedExchange
    from feedtape.sim.faults import Fault

EPILOG = """\
Examples:

  feedtape sim binance

  feedtape sim binance-usdm --symbols BTCUSDT,SOLUSDT --rate 100 --seed 7

  feedtape sim binance --fault drop=0.01 --fault disconnect=30s --limits
"""


def sim(
    venue: Annotated[str, typer.Argument(help="Whose protocol to speak; feedtape venues lists them.")],
    port: Annotated[int, typer.Option(help="Port to listen on; 0 takes a free one.", min=0, max=65535)] = 0,
    host: Annotated[str, typer.Option(help="Address to listen on.")] = "127.0.0.1",
    seed: Annotated[int, typer.Option(help="The same seed makes the same market.")] = 1,
    symbols: Annotated[str, typer.Option(help="Symbols to list, separated by commas.", show_default="the venue's")] = "",
    rate: Annotated[float, typer.Option(help="Depth updates per second and symbol.")] = 10,
    fault: Annotated[
        list[str] | None,
        typer.Option(help="A fault to inject, NAME=VALUE, or 'all'; may be repeated.", metavar="NAME=VALUE"),
    ] = None,
    limits: Annotated[bool, typer.Option("--limits", help="Enforce the venue's limits.")] = False,
    ping_every: Annotated[str, typer.Option(help="Time between two pings.", metavar="DURATION", show_default="the venue's")] = "",
    max_life: Annotated[
        str, typer.Option(help="Close connections this old.", metavar="DURATION", show_default="the venue's")
    ] = "",
    duration: Annotated[
        str, typer.Option("--duration", "-d", help="Stop after this long.", metavar="DURATION", show_default="never")
    ] = "",
    json: Annotated[bool, typer.Option("--json", help="Print the address as a JSON object.")] = False,
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="Do not tell each fault on stderr.")] = False,
    until_stdin_closes: Annotated[bool, typer.Option("--until-stdin-closes", hidden=True)] = False,
) -> None:
    """Run a simulated exchange on this machine, with a seeded market and faults on request."""
    import asyncio

    from feedtape.sim.exchange import SimulatedExchange
    from feedtape.sim.faults import parse_duration

    exchange = SimulatedExchange(
        venue,
        symbols=[symbol.strip() for symbol in symbols.split(",") if symbol.strip()],
        seed=seed,
        rate=rate,
        faults=fault or (),
        limits=limits,
        ping_every=parse_duration(ping_every, what="--ping-every") if ping_every else None,
        max_life=parse_duration(max_life, what="--max-life") if max_life else None,
        tell=None if quiet else _tell,
    )
    seconds = parse_duration(duration, what="--duration") if duration else None
    asyncio.run(_serve(exchange, host, port, seconds, as_json=json, until_stdin_closes=until_stdin_closes))


async def _serve(
    exchange: SimulatedExchange,
    host: str,
    port: int,
    seconds: float | None,
    *,
    as_json: bool,
    until_stdin_closes: bool,
) -> None:
    import asyncio
    import contextlib
    import os
    import signal

    from feedtape.errors import FeedtapeError

    loop, stop = asyncio.get_running_loop(), asyncio.Event()
    # Windows has no signal handlers in its loop; Ctrl-C ends asyncio.run there.
    with contextlib.suppress(NotImplementedError):
        for number in (signal.SIGINT, signal.SIGTERM):
            loop.add_signal_handler(number, stop.set)
    if until_stdin_closes:
        _watch_stdin(loop, stop)
    try:
        async with exchange.serve(host, port) as url:
            _announce(exchange, url, as_json=as_json)
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(stop.wait(), seconds)
    except OSError as error:
        reason = os.strerror(error.errno) if error.errno else str(error)
        message = f"cannot listen on {host}:{port}: {reason}"
        raise FeedtapeError(message, hint="--port 0 takes a free port") from error


def _announce(exchange: SimulatedExchange, url: str, *, as_json: bool) -> None:
    import sys

    import orjson

    venue, symbols = exchange.dialect.name, list(exchange.listings)
    if as_json:
        typer.echo(orjson.dumps({"url": url, "venue": venue, "symbols": symbols, "seed": exchange.seed}))
    else:
        typer.echo(f"{venue} at {url}  try: feedtape watch {venue}:{symbols[0]} --url {url}")
    sys.stdout.flush()


def _tell(fault: Fault) -> None:
    place = " ".join(part for part in (fault.stream, f"connection {fault.connection}" if fault.connection else None) if part)
    line = f"+{fault.time:.3f}s {fault.fault} {place}: {fault.what}"
    # Names and paths in it come from a client.
    typer.echo("".join(char if char.isprintable() else "?" for char in line), err=True)


def _watch_stdin(loop: asyncio.AbstractEventLoop, stop: asyncio.Event) -> None:
    """Set `stop` once the parent is gone, which closes the pipe to our stdin whatever killed it."""
    import contextlib
    import os
    import sys
    import threading

    descriptor = sys.stdin.fileno()

    def wait() -> None:
        # Not sys.stdin: a thread blocked in its lock aborts the interpreter's shutdown.
        while os.read(descriptor, 4096):
            pass
        with contextlib.suppress(RuntimeError):  # the loop has already ended
            loop.call_soon_threadsafe(stop.set)

    threading.Thread(target=wait, daemon=True).start()
