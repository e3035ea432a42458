"""What a shell offers when tab is pressed. Nothing goes to the network, and no word is offered that a shell would act on."""

import io
import os
from collections.abc import Callable, Iterable, Iterator, MutableMapping, Sequence
from contextlib import redirect_stderr, redirect_stdout
from pathlib import Path
from typing import Any, Final

import typer

ASKED: Final = "_FEEDTAPE_COMPLETE"
"""Environment variable by which a shell asks."""

_CUT: Final = frozenset(":=@")
_SAFE: Final = frozenset("._/:@+-=,~%#")


def answer(run: Callable[[], object], environment: MutableMapping[str, str]) -> int:
    """Print what a shell asks for and return the exit status; whatever goes wrong, nothing is said into the line being typed.

    bash cuts words at colons and wants no more than the rest: what it cut is joined here, and cut off the answers again.
    """
    kept = ""
    status = 0
    text = io.StringIO()
    try:
        if environment[ASKED] == "complete_bash":
            words, at = environment["COMP_WORDS"].split("\n"), int(environment["COMP_CWORD"])
            words, kept = joined(words[: at + 1])
            environment.update(COMP_WORDS="\n".join(words), COMP_CWORD=str(len(words) - 1))
        with redirect_stdout(text), redirect_stderr(io.StringIO()):
            run()
    except SystemExit as ended:
        status = ended.code if isinstance(ended.code, int) else 0
    except Exception:  # noqa: BLE001  the edge of the process, and nobody who could read what went wrong
        return 1
    typer.echo("\n".join(line.removeprefix(kept) for line in text.getvalue().splitlines()))
    return status


class _AsTyped:
    """Takes a word as it was typed."""

    def coerce(self, value: Any, **_: Any) -> Any:
        """Return the value."""
        return value


def unread(command: Any, parent: Any = None) -> Any:
    """Return a command line that does not turn words into values: nothing here needs them, and what reads them starts slowly."""
    context = command.context_class(command, parent=parent, **command.context_settings)
    for one in command.get_params(context):
        one.get_runtime_param = _AsTyped
    for inner in getattr(command, "commands", {}).values():
        unread(inner, context)
    return command


def joined(pieces: list[str]) -> tuple[list[str], str]:
    """Return words as they were typed, from the pieces that bash cut them into, and what it keeps of the last one."""
    words: list[str] = []
    kept, was_cut = "", False
    for piece in pieces:
        cut = bool(piece) and _CUT.issuperset(piece)
        if words and (cut or was_cut):
            kept = words[-1]
            words[-1] += piece
        else:
            kept = ""
            words.append(piece)
        if cut:
            kept = words[-1]
        was_cut = cut
    return words, kept


def _safe(words: Iterable[str]) -> Iterator[str]:
    # zsh evaluates what it is answered, and file names and symbols are anybody's.
    return (word for word in words if word and all(char.isalnum() or char in _SAFE for char in word))


def venues() -> list[str]:
    """Offer venues."""
    from feedtape.venues import registry

    return list(registry.names())


def targets(context: typer.Context, incomplete: str) -> list[str]:
    """Offer venues, then the symbols of one, then its book streams; behind `--chain` venues with options, then underlyings."""
    from feedtape.venues import registry

    is_chain = bool(context.params.get("chain"))
    venue, colon, symbol = incomplete.partition(":")
    if not colon:
        names = [name for name in registry.names() if name.startswith(venue)]
        if is_chain:
            names = [name for name in names if "options" in registry.venue(name).channels]
        if len(names) != 1:
            return [f"{name}:" for name in names]
        # A shell would put a space behind the only word.
        return _symbols(names[0], "", is_chain=is_chain)
    return _symbols(venue, symbol, is_chain=is_chain) if venue in registry.names() else []


def _symbols(venue: str, typed: str, *, is_chain: bool) -> list[str]:
    from feedtape.feed.chain import family_of
    from feedtape.feed.known import known
    from feedtape.venues import registry

    symbol, at, _ = typed.partition("@")
    if symbol and at:
        return list(_safe(f"{venue}:{symbol}@{stream}" for stream in registry.venue(venue).books))
    found = known(venue, os.environ) or [registry.venue(venue).example]
    if is_chain:
        found = list(filter(None, dict.fromkeys(map(family_of, found)))) or ["BTC"]
    # In the case that was typed, which is as good: a shell takes no word that begins otherwise.
    fitting = (one for one in found if one.upper().startswith(typed.upper()))
    return list(_safe(f"{venue}:{typed}{one[len(typed) :]}" for one in fitting))


def tapes(incomplete: str) -> list[str]:
    """Offer tapes and folders."""
    from feedtape.tape.format import SUFFIX

    folder, name = os.path.split(incomplete)
    prefix = incomplete.removesuffix(name)
    found = []
    with os.scandir(Path(folder or ".").expanduser()) as entries:
        for entry in entries:
            hidden = entry.name.startswith(".") and not name.startswith(".")
            if entry.name.startswith(name) and not hidden and (entry.is_dir() or entry.name.endswith(SUFFIX)):
                found.append(prefix + entry.name + ("/" if entry.is_dir() else ""))
    offered = sorted(_safe(found))
    # A shell would put a space behind the only word.
    return tapes(offered[0]) if len(offered) == 1 and offered[0].endswith("/") else offered


def recorded(context: typer.Context, incomplete: str) -> list[str]:
    """Offer the targets of the tape that was typed before, or what `targets` offers."""
    from feedtape.tape.reader import TapeReader

    # Behind an option that still lacks its value, nothing is parsed.
    named = (*(context.params.get("tapes") or ()), context.params.get("tape"), *context.args)
    tape = next((Path(word) for word in named if word is not None and Path(word).is_file()), None)
    if tape is None:
        return targets(context, incomplete)
    with TapeReader(tape) as reader:
        return list(_safe(map(str, reader.header().get("targets", ()))))


def _listed(words: Sequence[str], incomplete: str) -> list[str]:
    """Offer the words that a list with commas does not have yet."""
    before, comma, _ = incomplete.rpartition(",")
    return [f"{before}{comma}{word}" for word in words if word not in before.split(",")]


def channels(incomplete: str) -> list[str]:
    """Offer the channels that a list does not have yet."""
    from feedtape.model.channels import CHANNELS

    return _listed(CHANNELS if "," in incomplete else (*CHANNELS, "all"), incomplete)


def pauses(incomplete: str) -> list[str]:
    """Offer what can pause a replay, without what a list has already."""
    from feedtape.ui.playing import PAUSES

    return _listed(PAUSES, incomplete)


def faults() -> list[str]:
    """Offer each fault of the simulated exchange with a value to begin from."""
    from feedtape.sim.faults import DURATIONS, PROBABILITIES

    return [*(f"{name}=0.01" for name in PROBABILITIES), *(f"{name}=30s" for name in DURATIONS), "all"]


def speeds() -> list[str]:
    """Offer speeds of a replay."""
    return ["0.1", "0.5", "1", "2", "5", "10", "60", "max"]


def profiles() -> list[str]:
    """Offer the profiles of the configuration."""
    from feedtape.commands.config_files import profile_names

    return list(_safe(profile_names(os.environ)))
