"""`feedtape verify`: the audit of a tape."""

from pathlib import Path
from typing import Annotated

import typer

from feedtape.commands.options import Alone, Follow, Json, Quiet, Tapes, Verbose


def verify(
    tapes: Tapes,
    alone: Alone = False,
    follow: Follow = False,
    strict: Annotated[bool, typer.Option("--strict", help="Take notes for failures: status 3 by any of them.")] = False,
    key: Annotated[
        str | None,
        typer.Option("--key", help="Check the seals: the public key, as a file, or its text or fingerprint.", metavar="KEY"),
    ] = None,
    seal: Annotated[Path | None, typer.Option("--seal", help="The seal, where it is not TAPE.seal.", metavar="FILE")] = None,
    json: Json = False,
    quiet: Quiet = False,
    verbose: Verbose = False,
) -> None:
    """Audit a tape: container, order, every book's chain, checksums and digests. It keeps going after the first problem.

    \b
    feedtape verify night.tape.zst
    feedtape verify night.tape.zst --json | jq .loss
    feedtape verify night.tape.zst --key tapes.key.pub
    Exit status: 0 whole, 3 something was lost, 5 a checksum, digest or seal contradicts, 1 unreadable, or no seal for --key.
    """
    import sys

    from feedtape.commands.tapes import open_tapes
    from feedtape.replay.audit import audit
    from feedtape.replay.seals import find_seals
    from feedtape.ui.audit import audit_lines, reasons
    from feedtape.ui.output import put_json, put_lines, width_of
    from feedtape.ui.progress import pause, progress
    from feedtape.ui.status import ended

    trusted = _trusted(key, follow=follow)
    with open_tapes(tapes, alone=alone) as playback:
        size = playback.tape.size
        with progress("verifying", size, quiet=quiet or json, frames=lambda: playback.session.totals.frames) as tell:
            seals = find_seals(playback.tape, trusted=trusted, file=seal)
            result = audit(playback, seals=seals, wait=pause if follow else None, tell=tell)
    if json:
        put_json(result.as_json())
    elif not quiet:
        put_lines(audit_lines(result, width_of(sys.stdout), every=verbose))
    status = result.status or (3 if strict and result.notes() else 0)
    raise typer.Exit(ended(status, reasons(result), quiet=quiet))


def _trusted(key: str | None, *, follow: bool) -> str | None:
    """Return the fingerprint of the key that must have made the seals."""
    from feedtape.errors import UsageError
    from feedtape.tape.keys import trusted_key

    if key is None:
        return None
    if follow:
        raise UsageError("a tape that is being written has no seal yet", hint="leave out --follow")
    return trusted_key(key)
