"""The simulated exchange as a process of its own, so that it never shares a core's time with its client."""

from __future__ import annotations

import contextlib
import subprocess
import sys
import tempfile
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import IO

import orjson

from feedtape.errors import FeedtapeError, UsageError

COMMAND = (sys.executable, "-m", "feedtape", "--no-config", "sim")

_START_WITHIN_S = 20.0
_END_WITHIN_S = 5.0


@contextmanager
def launch(
    venue: str,
    *,
    symbols: Sequence[str] | None = None,
    seed: int = 1,
    rate: float = 10,
    faults: Sequence[str] = (),
    limits: bool = False,
    ping_every: float | None = None,
    max_life: float | None = None,
    command: Sequence[str] = COMMAND,
) -> Iterator[str]:
    """Start an exchange on a free port, yield its `ws://` address, and end it afterwards.

    It also ends when this process dies, however that happens. `command` is what to run before the arguments.

    Raises:
        UsageError: If it refuses its arguments: it knows no such symbol, or no such fault.
        FeedtapeError: If the exchange did not come up.
    """
    arguments = [*command, venue, "--port", "0", "--json", "--quiet", "--until-stdin-closes"]
    arguments += ["--seed", str(seed), "--rate", repr(rate)]
    arguments += ["--symbols", ",".join(symbols)] if symbols else []
    for fault in faults:
        arguments += ["--fault", fault]
    arguments += ["--limits"] if limits else []
    arguments += ["--ping-every", f"{ping_every:f}s"] if ping_every else []
    arguments += ["--max-life", f"{max_life:f}s"] if max_life else []
    with tempfile.TemporaryFile() as complaints:
        child = subprocess.Popen(arguments, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=complaints)
        try:
            yield _read_url(child, complaints)
        finally:
            _end(child)


def _read_url(child: subprocess.Popen[bytes], complaints: IO[bytes]) -> str:
    assert child.stdout is not None
    deadline = threading.Timer(_START_WITHIN_S, child.kill)
    deadline.start()
    try:
        line = child.stdout.readline()
    finally:
        deadline.cancel()
    if not line:
        child.wait()
        complaints.seek(0)
        said, _, hint = complaints.read().decode(errors="replace").strip().partition("\nhint: ")
        said = said.removeprefix("feedtape: error: ") or f"exit status {child.returncode}"
        if child.returncode == UsageError.exit_status:
            raise UsageError(said, hint=hint or None)
        raise FeedtapeError(f"the simulated exchange did not start: {said}", hint=hint or None)
    return str(orjson.loads(line)["url"])


def _end(child: subprocess.Popen[bytes]) -> None:
    child.terminate()
    try:
        child.wait(_END_WITHIN_S)
    except subprocess.TimeoutExpired:
        child.kill()
        child.wait()
    for pipe in (child.stdin, child.stdout):
        if pipe is not None:
            with contextlib.suppress(OSError):
                pipe.close()
