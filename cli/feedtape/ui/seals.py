"""Seals, in words."""

from collections.abc import Sequence

from feedtape.replay.seals import SealCheck
from feedtape.ui.output import printable

_SHOWN = 20


def seal_lines(checks: Sequence[SealCheck]) -> list[str]:
    """Return what `verify` says of the seals beside the tapes: one line for all that say the same, one for each fault."""
    lines = [f"seal     {printable(line)}" for line in (*_groups(checks), *_unreadable(checks))]
    faults = [fault for check in checks for fault in check.faults]
    lines += [f"seal     FAILED: {printable(fault)}" for fault in faults[:_SHOWN]]
    if len(faults) > _SHOWN:
        lines.append(f"seal     and {len(faults) - _SHOWN} more; --json lists them")
    return lines


def _groups(checks: Sequence[SealCheck]) -> list[str]:
    groups: dict[tuple[str, str], list[SealCheck]] = {}
    for check in checks:
        if check.seal is not None:
            groups.setdefault((check.seal.fingerprint, check.state), []).append(check)
    return [_group(key, state, group) for (key, state), group in groups.items()]


def _group(key: str, state: str, group: Sequence[SealCheck]) -> str:
    times = sorted(check.seal.sealed for check in group if check.seal is not None)
    when = times[0] if times[0] == times[-1] else f"{times[0]} to {times[-1]}"
    what = f"{key}, sealed {when}" if len(group) == 1 else f"{len(group)} seals of {key}, sealed {when}"
    names = [f"sealed as {check.seal.tape}" for check in group if check.seal and check.seal.tape != check.reader.path.name]
    what += f" ({names[0]})" if names else ""
    match state:
        case "holds":
            return f"{what}: holds"
        case "failed":
            return f"{what}: does not hold"
        case _:
            return f"{what}: NOT CHECKED, anybody could have made it; --key FILE checks whose it is"


def _unreadable(checks: Sequence[SealCheck]) -> list[str]:
    return [f"NOT CHECKED: {check.unread}" for check in checks if check.unread is not None]
