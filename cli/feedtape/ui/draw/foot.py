"""The last line of a screen: the keys that matter here, and what was said last; and all there is before the first picture."""

from collections.abc import Mapping, Sequence

from rich.cells import cell_len

from feedtape.ui.draw.rows import Row, fit
from feedtape.ui.keymap import FOOTER, Key, shown
from feedtape.ui.output import printable

_ALWAYS = ("app.help", "app.quit")


def foot_row(table: Sequence[Key], screen: str, columns: int, message: str = "") -> tuple[Row, list[tuple[int, int, str]]]:
    """Return the line, and where each key is: first column, end, and its id.

    At most six keys stand beside help and quit; those that do not fit beside what is said go from the right.
    """
    by_id = {key.id: key for key in table}
    wanted = [one for one in FOOTER[screen] if by_id[one].keys]
    last = [one for one in _ALWAYS if by_id[one].keys]
    said = printable(message)
    while wanted and _width(by_id, [*wanted, *last]) + cell_len(said) > columns:
        wanted.pop()
    row: Row = []
    places = []
    at = 0
    for one in [*wanted, *last]:
        key = by_id[one]
        text = f" {key.label}  "
        name = shown(key.keys[0])
        places.append((at, at + cell_len(name) + cell_len(text), one))
        at = places[-1][1]
        row += [(name, "key"), (text, "dim")]
    if said:
        row.append((said, "warn"))
    return fit(row, columns), places


def _width(by_id: Mapping[str, Key], ids: Sequence[str]) -> int:
    return sum(cell_len(shown(by_id[one].keys[0])) + len(by_id[one].label) + 3 for one in ids)


def waiting_rows(said: Sequence[str], width: int, height: int, heading: str) -> list[Row]:
    """Return what stands there before there is anything to show."""
    rows: list[Row] = [fit([], width)] * max(0, (height - len(said)) // 2 - 1)
    rows.append(fit([(f"  {heading}", "strong")], width))
    rows += [fit([(f"  {text}", "dim")], width) for text in said]
    return (rows + [fit([], width)] * height)[:height]
