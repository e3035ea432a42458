"""A tape played at its own pace on the same display as a live feed, with pauses and jumps from marker to marker."""

import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from feedtape.model.events import Event, Gap, Resync
from feedtape.model.records import MARKER, Record
from feedtape.replay.markers import markers_of
from feedtape.replay.pacing import Pace
from feedtape.replay.playback import Playback
from feedtape.replay.times import span
from feedtape.session import Marker
from feedtape.ui.display import Display
from feedtape.ui.keys import Keyboard
from feedtape.ui.status import told_status

PAUSES = ("gap", "resync", "mark")
_FOLLOW_S = 0.2


@dataclass(frozen=True)
class Playing:
    """How a tape is to be played.

    Attributes:
        since, until: times between which it is played; `until` belongs to it.
        speed: how many times as fast as it was recorded.
        pause_on: what pauses it, of `PAUSES`.
        follow: go on while the tape is being written, as fast as it comes.
    """

    since: int | None = None
    until: int | None = None
    only: Sequence[str] = ()
    speed: float = 1.0
    idle_limit_s: float | None = None
    depth: int = 10
    pause_on: frozenset[str] = frozenset()
    follow: bool = False


class _Quit(Exception):
    """The person has seen enough."""


class _Jump(Exception):
    """Go on at another time."""

    def __init__(self, time: int) -> None:
        super().__init__(time)
        self.time = time


class Player:
    """Plays one tape on a display."""

    def __init__(self, playback: Playback, playing: Playing, display: Display, keyboard: Keyboard) -> None:
        self._playback = playback
        self._playing = playing
        self._display = display
        self._keyboard = keyboard
        self._markers: list[Marker] | None = None
        self._first = self._now = 0

    def run(self) -> bool:
        """Play until the end; return whether it came there."""
        since = self._playing.since
        while True:
            try:
                self._pass(since)
                return True
            except _Jump as jump:
                since = jump.time
                self._playback.restart()
                self._display.show_session(self._playback.session)
            except _Quit:
                return False

    def _pass(self, since: int | None) -> None:
        playing = self._playing
        pace = None if playing.follow else Pace(playing.speed, time.monotonic, playing.idle_limit_s)
        self._now = 0
        for record, events in self._records(since):
            self._now = record.time
            if since is not None and record.time < since:
                continue
            self._first = self._first or record.time
            while pace is not None and (wait := pace.wait_s(record.time)) > 0:
                self._display.show(record.time, self._footer())
                self._keys(self._keyboard.wait(min(wait, self._display.interval_s)), pace)
            self._display.show(record.time, self._footer())
            if playing.pause_on and self._pauses(record, events):
                self._pause(pace)
        if self._now:
            self._display.show(self._now, self._footer(), force=True)

    def _records(self, since: int | None) -> Iterator[tuple[Record, Sequence[Event]]]:
        wait = self._wait_for_more if self._playing.follow else None
        return self._playback.play(self._playing.until, after=since, wait=wait)

    def _wait_for_more(self) -> bool:
        self._display.show(self._now, self._footer(), force=True)
        self._keys(self._keyboard.wait(_FOLLOW_S), None)
        return True

    def _footer(self) -> str:
        keys = "  space pauses  [ ] markers  q quits" if self._keyboard.is_there else "  ctrl-c ends"
        how = "following" if self._playing.follow else f"replay {self._playing.speed:g}x"
        return f"{how}  +{span(max(0, self._now - self._first))}{keys}"

    def _pauses(self, record: Record, events: Sequence[Event]) -> bool:
        on = self._playing.pause_on
        return (
            ("mark" in on and record.kind == MARKER)
            or ("gap" in on and any(type(event) is Gap for event in events))
            or ("resync" in on and any(type(event) is Resync for event in events))
        )

    def _keys(self, pressed: str, pace: Pace | None) -> None:
        for key in pressed:
            if key == "q":
                raise _Quit
            if key == " ":
                self._pause(pace)
            elif key in "[]":
                self._jump(forward=key == "]")

    def _pause(self, pace: Pace | None) -> None:
        """Hold until a key goes on. Where there is no keyboard nothing could ever end a pause, so there is none."""
        started = time.monotonic()
        while self._keyboard.is_there:
            self._display.show(self._now, "PAUSED  space goes on  [ ] markers  q quits", force=True)
            pressed = self._keyboard.wait(1.0)
            if " " in pressed:
                break
            self._keys(pressed.replace(" ", ""), pace)
        if pace is not None:
            pace.shift(time.monotonic() - started)

    def _jump(self, *, forward: bool) -> None:
        if self._markers is None:
            self._markers = markers_of(self._playback.tape)
        times = [marker.time for marker in self._markers]
        if forward:
            later = [one for one in times if one > self._now]
            if later:
                raise _Jump(later[0])
        else:
            # The marker that was just jumped to is not the one before.
            earlier = [one for one in times if one < self._now - 10**9]
            raise _Jump(earlier[-1] if earlier else self._playback.bounds()[0])


def play(playback: Playback, playing: Playing, *, plain: bool, json: bool) -> int:
    """Play a tape and return the exit status. Ctrl-C ends it like the end of the tape."""
    display = Display(playback.session, playing.depth, plain=plain, json=json, only=list(playing.only))
    whole = False
    try:
        with display, Keyboard() as keyboard:
            whole = Player(playback, playing, display, keyboard).run()
    except KeyboardInterrupt:
        return 0
    return told_status(playback, whole=whole and playing.until is None)
