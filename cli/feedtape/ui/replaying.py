"""Playing a tape at its own pace: on a screen, as lines, or as one picture in a file."""

import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from feedtape.errors import FeedtapeError
from feedtape.model.events import Event
from feedtape.model.records import Record
from feedtape.replay.pacing import Pace
from feedtape.replay.playback import Playback
from feedtape.ui.lines import EVERY_S, ChainLines, Lines
from feedtape.ui.play_stage import PlayStage, nearest_of
from feedtape.ui.playing import Playing
from feedtape.ui.status import Played, told_end, told_status
from feedtape.ui.watching import ScreenOptions

if TYPE_CHECKING:
    from textual.pilot import Pilot

_FOLLOW_S: Final = 0.2


def replay_lines(playback: Playback, playing: Playing, options: ScreenOptions, *, json: bool) -> int:
    """Play a tape as lines and return the exit status. Ctrl-C ends it like the end of the tape."""
    only = playing.only
    lines = (
        ChainLines(json=json, only=(lambda: only) if only else None, nearest=nearest_of(playback))
        if options.is_chain
        else Lines(json=json, depth=options.depth, only=list(only))
    )
    now, due = 0, 0.0
    try:
        for record, _ in _paced(playback, playing):
            now = record.time
            if time.monotonic() >= due:
                lines.show(playback.session, now)
                due = time.monotonic() + EVERY_S
    except KeyboardInterrupt:
        return told_replay(playback, playing)
    if now:
        lines.show(playback.session, now)
    return told_status(playback, whole=playing.until is None)


def _paced(playback: Playback, playing: Playing) -> Iterator[tuple[Record, Sequence[Event]]]:
    """Yield records when they are due."""
    pace = None if playing.follow else Pace(playing.speed, time.monotonic, playing.idle_limit_s)

    def wait() -> bool:
        time.sleep(_FOLLOW_S)
        return True

    for record, events in playback.play(playing.until, after=playing.since, wait=wait if playing.follow else None):
        if playing.since is not None and record.time < playing.since:
            continue
        if pace is not None and (due := pace.wait_s(record.time)) > 0:
            time.sleep(due)
        yield record, events


def replay_screen(playback: Playback, playing: Playing, options: ScreenOptions) -> int:
    """Play a tape on a screen and return the exit status."""
    from feedtape.ui.screen.run import replay_desk, show

    stage = PlayStage(playback, playing)
    # What it said was about moves on the screen, which is gone.
    show(stage, *_screen(playback, playing, options), options, replay_desk)
    return told_replay(playback, playing, stage)


def told_replay(playback: Playback, playing: Playing, stage: PlayStage | None = None) -> int:
    """Say how a tape is that may not have been played to its end, by what was played and looked through; return the status."""
    played = Played() if stage is None else stage.played
    played.look(playback)
    cut, frames = None, None
    if playing.until is None:
        is_followed = playing.follow and playback.tape.segments[-1].source.is_being_written()
        cut = None if is_followed else playback.tape.ending()
        if stage is not None and stage.looked_through is not None and stage.timeline is not None:
            played.see(stage.looked_through.holes, stage.looked_through.faults)
            frames = int(sum(stage.timeline.counts)) if stage.timeline.is_whole else None
        if stage is not None and frames is None and stage.head.is_at_end:
            frames = stage.reel.frame
    last = playback.bounds()[1] if stage is None else stage.head.last
    return told_end(playback, played, cut, last, frames)


def _screen(playback: Playback, playing: Playing, options: ScreenOptions) -> tuple[Any, Any]:
    from feedtape.ui.keymap import REPLAY, keymap

    targets = playback.header.get("targets")
    view = options.view(REPLAY, targets if isinstance(targets, list) else ())
    view.only = frozenset(one.lower() for one in playing.only)
    return view, keymap(options.keys)


def replay_picture(
    playback: Playback, playing: Playing, options: ScreenOptions, path: Path, size: tuple[int, int], press: str
) -> int:
    """Write one picture of the screen into an SVG file, and return the exit status.

    Args:
        size: columns and lines.
        press: keys that are pressed before.
    """
    from feedtape.ui.screen.app import BoardApp
    from feedtape.ui.screen.run import replay_desk
    from feedtape.ui.screen.svg import picture_of

    stage = PlayStage(playback, playing)
    app = BoardApp(stage, *_screen(playback, playing, options), replay_desk, fps=options.fps, theme=options.theme)
    drawn: list[str] = []

    async def draw(pilot: "Pilot[Any]") -> None:
        await app.drawn.wait()
        if stage.ended.done():
            return
        for key in press.split():
            await pilot.press(key)
        # What the keys want is done before the next picture is taken; another one shows panels that were moved.
        for _ in range(2):
            app.drawn.clear()
            await app.drawn.wait()
        await pilot.pause()
        drawn.append(picture_of(app, f"feedtape replay {playback.tape.path.name}"))
        app.quit("q")

    app.run(headless=True, size=size, auto_pilot=draw)
    if app.failure is not None:
        stage.stop("the screen failed")
        raise app.failure
    stage.ended.result()
    try:
        path.write_text(drawn[0], encoding="utf-8")
    except OSError as error:
        raise FeedtapeError(f"{path} cannot be written: {error.strerror}") from error
    return told_replay(playback, playing, stage)
