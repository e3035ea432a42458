"""`feedtape seal`: sign what a tape is, so that nobody can change it unnoticed."""

import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from feedtape.commands import complete
from feedtape.commands.options import Alone, Json, Quiet

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

    from feedtape.replay.playback import Playback
    from feedtape.tape.seal import Seal

_TAPES = typer.Argument(
    help="A tape, or a folder, pattern or any segment of one recording.",
    metavar="[TAPE]...",
    show_default=False,
    autocompletion=complete.tapes,
)


def seal(
    tapes: Annotated[list[Path] | None, _TAPES] = None,
    key: Annotated[Path | None, typer.Option("--key", help="Ed25519 private key, PEM or OpenSSH.", metavar="FILE")] = None,
    new_key: Annotated[
        Path | None,
        typer.Option("--new-key", help="Make a key pair, FILE and FILE.pub, and seal with it.", metavar="FILE"),
    ] = None,
    alone: Alone = False,
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Replace a seal that is there.")] = False,
    json: Json = False,
    quiet: Quiet = False,
) -> None:
    """Sign a tape: TAPE.seal beside it lets anybody find out which block was altered, removed or moved since.

    \b
    feedtape seal --new-key ~/tapes.key
    feedtape seal night.tape.zst --key ~/tapes.key
    feedtape verify night.tape.zst --key ~/tapes.key.pub
    A set of segments gets a seal each. A tape that contradicts itself, or is being written, is not sealed.
    Exit status: 0 sealed, 3 sealed though cut or damaged, 5 refused as it contradicts itself.
    """
    from feedtape.errors import UsageError
    from feedtape.tape.keys import make_key, read_private_key
    from feedtape.ui.output import put

    if (key is None) == (new_key is None):
        raise UsageError("sealing takes one key: --key FILE, or --new-key FILE to make it", hint="feedtape seal --new-key FILE")
    if key is not None and not tapes:
        raise UsageError("name a tape to seal", hint="feedtape seal TAPE --key FILE")
    if new_key is not None:
        made = make_key(new_key)
        if not quiet and not json:
            put(f"key      {made}, in {_shown(new_key)} (keep it secret) and {_shown(new_key)}.pub (give it away)")
    path = key or new_key
    if tapes and path is not None:
        _warn_of_mode(path)
        raise typer.Exit(_seal(tapes, read_private_key(path, _ask), alone=alone, overwrite=overwrite, json=json, quiet=quiet))


def _seal(tapes: list[Path], key: "Ed25519PrivateKey", *, alone: bool, overwrite: bool, json: bool, quiet: bool) -> int:
    from feedtape.commands.tapes import open_tapes
    from feedtape.replay.audit import audit
    from feedtape.tape.seal import encode_seal, seal_path
    from feedtape.ui.output import say_error
    from feedtape.ui.progress import progress
    from feedtape.ui.status import ended

    with open_tapes(tapes, alone=alone) as playback:
        _check_that_all_can_be_sealed(playback, overwrite)
        size = playback.tape.size
        with progress("sealing", size, quiet=quiet or json, frames=lambda: playback.session.totals.frames) as tell:
            result = audit(playback, tell=tell)
        if result.contradicted:
            hint = f"feedtape verify {playback.tape.path} tells what"
            say_error(f"{playback.tape.name} contradicts itself and is not sealed: a seal would vouch for it", hint)
            return 5
        seals = {seal_path(reader.path): seal for reader, seal in zip(playback.tape.segments, _made(playback, key), strict=True)}
    files = {path: encode_seal(seal) for path, seal in seals.items()}
    for path, data in files.items():
        _write(path, data, overwrite)
    _tell(seals, json=json, quiet=quiet)
    broken = [seal.tape for seal in seals.values() if seal.state != "complete"]
    return ended(3 if broken else 0, [f"{name} is cut or damaged" for name in broken], quiet=quiet)


def _check_that_all_can_be_sealed(playback: "Playback", overwrite: bool) -> None:
    from feedtape.errors import TapeError
    from feedtape.tape.seal import seal_path

    for reader in playback.tape.segments:
        if reader.source.is_being_written():
            raise TapeError(f"{reader.path} is being written", hint="seal it when its recorder has ended, or a segment --alone")
        if seal_path(reader.path).exists() and not overwrite:
            raise TapeError(f"{reader.path} is sealed", hint="feedtape verify checks it; --overwrite seals it anew")
        reader.marked = True


def _made(playback: "Playback", key: "Ed25519PrivateKey") -> "list[Seal]":
    import time

    from feedtape.tape.keys import public_bytes
    from feedtape.tape.seal import contents_of, signed, unsigned

    now = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())
    seals = []
    for reader, header in zip(playback.tape.segments, playback.tape.headers, strict=True):
        seal = unsigned(contents_of(reader, header), tape=reader.path.name, sealed=now, public_key=public_bytes(key))
        seals.append(signed(seal, key.sign(seal.signed_bytes())))
    return seals


def _write(path: Path, data: bytes, overwrite: bool) -> None:
    """Write a seal, whole or not at all."""
    from feedtape.errors import TapeError

    fresh = path.with_name(f"{path.name}.{os.getpid()}") if overwrite else path
    try:
        with fresh.open("xb") as file:
            try:
                file.write(data)
                file.flush()
                os.fsync(file.fileno())
            except BaseException:
                fresh.unlink()
                raise
        if overwrite:
            fresh.replace(path)
    except OSError as error:
        raise TapeError(f"{path} cannot be written: {error.strerror}") from error


def _tell(seals: "dict[Path, Seal]", *, json: bool, quiet: bool) -> None:
    from feedtape.ui.output import put, put_json

    for path, seal in seals.items():
        if json:
            fields = {"schema": 1, "seal": str(path), "state": seal.state, "blocks": len(seal.blocks), "frames": seal.frames}
            put_json(fields | seal.origin(), indent=len(seals) == 1)
        elif not quiet:
            state = "" if seal.state == "complete" else f", which is {seal.state}"
            put(f"sealed   {_shown(path)}: {len(seal.blocks)} blocks, {seal.frames} frames{state}")
    if not json and not quiet:
        last = next(reversed(seals.values()))
        put(f"head     {last.head}")
        put(f"key      {last.fingerprint}")


def _shown(path: Path) -> str:
    from feedtape.ui.output import printable

    return printable(str(path))


def _ask(prompt: str) -> str:
    import getpass

    from feedtape.errors import FeedtapeError

    if not sys.stdin.isatty():
        hint = "run it on a terminal, or give a key without one"
        raise FeedtapeError("that private key has a password, and there is nobody to ask for it", hint=hint)
    try:
        return getpass.getpass(prompt)
    except EOFError:
        raise FeedtapeError("that private key has a password, and none was given") from None


def _warn_of_mode(path: Path) -> None:
    """Warn of a private key that others can read, as ssh would."""
    from feedtape.ui.output import warn

    try:
        mode = path.stat().st_mode
    except OSError:
        return
    if os.name != "nt" and path.is_file() and mode & 0o077:
        warn(f"others can read the private key {path}: chmod 600 it")
