"""`feedtape verify`: the audit of a tape."""

import typer

from feedtape.commands.options import Json, Quiet, Tape


def verify(tape: Tape, json: Json = False, quiet: Quiet = False) -> None:
    """Audit a tape: container, order, every book's chain, checksums and digests. It keeps going after the first problem.

    \b
    feedtape verify night.tape.zst
    feedtape verify night.tape.zst --json | jq .loss
    Exit status: 0 whole, 3 something was lost, 5 a checksum or digest contradicts, 1 unreadable.
    """
    from feedtape.replay.audit import audit
    from feedtape.ui.audit import audit_lines
    from feedtape.ui.output import put, put_json

    result = audit(tape)
    if json:
        put_json(result.as_json())
    elif not quiet:
        for line in audit_lines(result):
            put(line)
    raise typer.Exit(result.status)
