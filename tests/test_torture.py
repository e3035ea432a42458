"""A short torture; `make torture` is the long one."""

import pytest

from torture import KINDS, torture

PROCESSES = ("kill_writer", "fill_disk", "kill_program")


def test_tapes_survive_what_can_happen_to_them() -> None:
    said: list[str] = []
    kinds = [(kind, weight) for kind, weight in KINDS if kind.__name__ not in PROCESSES]
    assert torture(60, 7, said.append, kinds) == 0, "\n".join(said)


@pytest.mark.parametrize("name", PROCESSES)
def test_a_process_that_is_killed_or_refused_leaves_a_tape(name: str) -> None:
    said: list[str] = []
    kinds = [(kind, weight) for kind, weight in KINDS if kind.__name__ == name]
    assert torture(1, 7, said.append, kinds) == 0, "\n".join(said)
