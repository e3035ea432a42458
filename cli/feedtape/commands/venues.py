"""`feedtape venues`: what can be connected to."""

from typing import Annotated

import typer

from feedtape.commands.options import Json


def venues(
    name: Annotated[str | None, typer.Argument(help="Only this venue.", metavar="VENUE")] = None,
    json: Json = False,
) -> None:
    """List the venues, what each offers, and how far its books can be proven."""
    from feedtape.ui.output import put, put_json
    from feedtape.venues import registry

    names = [name] if name is not None else list(registry.names())
    rows = []
    for one in names:
        venue = registry.venue(one)
        rows.append(
            {
                "venue": venue.name,
                "title": venue.title,
                "channels": list(venue.channels),
                "proof": venue.integrity("").proof,
                "decoder": venue.decoder,
                "websocket": venue.ws_url,
                "rest": venue.rest_url,
                "example": f"{venue.name}:{venue.example}",
            }
        )
    if json:
        put_json(rows)
        return
    for row in rows:
        put(f"{row['venue']:<14} {row['title']:<24} proof {row['proof']:<10} {', '.join(row['channels'])}")
        if name is not None:
            put(f"{'':<14} {row['websocket']}  {row['rest']}  decoder {row['decoder']}  try feedtape watch {row['example']}")
