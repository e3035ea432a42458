"""`feedtape record`: a feed to a tape."""

from typing import TYPE_CHECKING, Annotated, Any

import typer

from feedtape.commands.options import (
    BookLevel,
    ChannelsOrUsual,
    Connections,
    Count,
    Duration,
    Json,
    MaxFrame,
    PanelDepth,
    Profile,
    Quiet,
    Silence,
    Sim,
    SimFaults,
    SimRate,
    SimSeed,
    Targets,
    Url,
    Verbose,
)
from feedtape.commands.screen import (
    ChainOption,
    Expiries,
    Fps,
    Group,
    Layout,
    Theme,
    chosen_chain,
    chosen_channels,
    screen_options,
)
from feedtape.errors import UsageError

if TYPE_CHECKING:
    from feedtape.tape.writer import TapeWriter


def record(
    targets: Targets,
    out: Annotated[
        str | None,
        typer.Option(
            "-o",
            "--out",
            help="File, or folder/; may hold %Y%m%d-%H%M%S and the like.",
            show_default="recordings/…",
            metavar="OUT",
        ),
    ] = None,
    channels: ChannelsOrUsual = None,
    chain: ChainOption = False,
    expiries: Expiries = 4,
    book_level: BookLevel = 2,
    duration: Duration = None,
    count: Count = None,
    max_size: Annotated[str | None, typer.Option("--max-size", help="Stop at so much tape.", metavar="SIZE")] = None,
    stop_after_silence: Annotated[
        str | None, typer.Option("--stop-after-silence", help="Stop when nothing comes for so long.", metavar="DURATION")
    ] = None,
    rotate_every: Annotated[
        str | None, typer.Option("--rotate-every", help="Begin a new segment so often, aligned to UTC.", metavar="DURATION")
    ] = None,
    rotate_size: Annotated[
        str | None, typer.Option("--rotate-size", help="Begin a new segment at this size.", metavar="SIZE")
    ] = None,
    keep: Annotated[int | None, typer.Option("--keep", help="Keep so many finished segments, delete older ones.", min=1)] = None,
    print_files: Annotated[bool, typer.Option("--print-files", help="Print each finished tape's name.")] = False,
    connections: Connections = 1,
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Replace a file that exists.")] = False,
    level: Annotated[int, typer.Option("--level", help="zstd level; less is used while the disk is behind.", min=1, max=19)] = 9,
    flush: Annotated[
        str, typer.Option("--flush", help="Longest time that a frame may sit unwritten.", metavar="DURATION")
    ] = "1s",
    buffer: Annotated[
        str,
        typer.Option(
            "--buffer", help="Memory for what waits for the disk; beyond it frames are dropped, counted.", metavar="SIZE"
        ),
    ] = "64MB",
    max_frame: MaxFrame = None,
    plan_only: Annotated[
        bool, typer.Option("--plan-only", help="Tell how it would connect, as plan does, and record nothing.")
    ] = False,
    note: Annotated[str | None, typer.Option("--note", help="Kept in the header.", metavar="TEXT")] = None,
    meta: Annotated[
        list[str] | None, typer.Option("--meta", help="Kept in the header; may be repeated.", metavar="KEY=VALUE")
    ] = None,
    silence: Silence = None,
    url: Url = None,
    sim: Sim = False,
    fault: SimFaults = None,
    rate: SimRate = 10,
    seed: SimSeed = 1,
    profile: Profile = None,
    json: Json = False,
    quiet: Quiet = False,
    verbose: Verbose = False,
    watch: Annotated[bool, typer.Option("--watch", help="Show the books at first; w goes to the status and back.")] = False,
    headless: Annotated[bool, typer.Option("--headless", help="Lines instead of a screen, as without a terminal.")] = False,
    depth: PanelDepth = 0,
    group: Group = None,
    layout: Layout = "ladder",
    fps: Fps = 10,
    theme: Theme = "dark",
) -> None:
    """Record every frame of a feed to a tape, until ctrl-c. SIGUSR1 or the key m drops a marker, SIGUSR2 prints the status.

    \b
    feedtape record binance:BTCUSDT binance-usdm:BTCUSDT --channels all
    feedtape record binance:BTCUSDT -o tapes/ --rotate-every 1h --keep 48
    feedtape record binance:BTCUSDT --sim --fault drop=0.01 -d 30s
    """
    from feedtape.commands.connect import SimOptions, addresses, at_level, parse_targets
    from feedtape.commands.options import seconds, size_bytes

    found = at_level(parse_targets(targets), book_level)
    wanted_channels = chosen_channels(channels, chain, "book,trades,quotes")
    wanted_chain = chosen_chain(chain, expiries)
    if plan_only:
        from feedtape.commands.plan import plan

        plan(targets, channels=channels, chain=chain, expiries=expiries, connections=connections, url=url, sim=sim, json=json)
        return
    flush_s = seconds(flush)
    if not 0.01 <= flush_s <= 60:
        raise UsageError(f"flush must be between 10ms and 60s, not {flush!r}")
    every_s = None if rotate_every is None else seconds(rotate_every)
    if every_s is not None and every_s < 1:
        raise UsageError(f"a segment lasts at least 1s, not {rotate_every!r}")
    if keep is not None and rotate_every is None and rotate_size is None:
        raise UsageError("--keep is for segments", hint="add --rotate-every 1h or --rotate-size 512MB")
    if print_files and json:
        raise UsageError("--print-files and --json both print to stdout: choose one")
    buffer_size = size_bytes(buffer)
    if buffer_size < 8_000_000:
        raise UsageError(f"the buffer is at least 8MB, not {buffer!r}")
    from feedtape.commands.names import tape_path
    from feedtape.model.secrets import redact_url
    from feedtape.tape.writer import TapeWriter
    from feedtape.ui import recording
    from feedtape.ui.output import printable
    from feedtape.ui.wanted import Wanted
    from feedtape.ui.watching import is_terminal
    from feedtape.venues import registry

    def make(start: int, segment: int | None) -> "TapeWriter":
        path = tape_path(out, found, start, segment)
        return TapeWriter(path, level=level, overwrite=overwrite, buffer=buffer_size, patient=False)

    with addresses(found, url, SimOptions(sim, fault or (), rate, seed, chain)) as urls:
        wanted = Wanted(
            found,
            wanted_channels,
            urls,
            duration_s=seconds(duration),
            frames=count,
            silence_s=seconds(silence),
            stop_after_silence_s=seconds(stop_after_silence),
            connections=connections,
            max_frame=size_bytes(max_frame),
            chain=wanted_chain,
        )
        header = {
            "targets": [str(target) for target in found],
            "channels": wanted_channels,
            "decoders": {target.venue: registry.venue(target.venue).decoder for target in found},
            "urls": {venue: printable(redact_url(address)) for venue, address in urls.items()},
            "simulated": sim,
            "connections": connections,
            "note": note,
            "meta": _meta(meta or ()),
        }
        if wanted_chain is not None:
            header["option_chain"] = {"expiries": wanted_chain.expiries}
        tapes = recording.Tapes(
            make,
            header,
            flush_s,
            rotate_every_ns=None if every_s is None else int(every_s * 1e9),
            rotate_size=size_bytes(rotate_size),
            keep=keep,
            max_size=size_bytes(max_size),
            print_files=print_files,
        )
        # Names of finished tapes go to the terminal that a screen would need.
        is_drawn = not (headless or quiet or json or print_files) and is_terminal()
        screen = screen_options(depth, fps, layout, group, theme, is_chain=chain) if is_drawn else None
        raise typer.Exit(recording.record(wanted, tapes, quiet=quiet, json=json, screen=screen, unfolded=watch, every=verbose))


def _meta(words: Any) -> dict[str, str]:
    pairs = {}
    for word in words:
        key, equals, value = word.partition("=")
        if not equals or not key.strip():
            raise UsageError(f"--meta is KEY=VALUE, not {word!r}")
        pairs[key.strip()] = value
    return pairs
