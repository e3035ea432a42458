"""Every input that is kept, through its target; and what hypothesis makes of them."""

import random
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fuzz.targets import TARGETS
from venues.test_binance_fuzz import damaged

CORPUS = Path(__file__).parent / "corpus"
INPUTS = sorted(path for path in CORPUS.glob("*/*") if path.is_file())


def test_every_folder_of_the_corpus_has_a_target() -> None:
    assert {path.parent.name for path in INPUTS} <= TARGETS.keys()
    assert len(INPUTS) > 20


@pytest.mark.parametrize("path", INPUTS, ids=lambda path: f"{path.parent.name}/{path.name}")
def test_a_kept_input_is_harmless(path: Path) -> None:
    TARGETS[path.parent.name](path.read_bytes())


@pytest.mark.parametrize("name", TARGETS)
@settings(deadline=None, max_examples=25)
@given(seed=st.integers(0, 2**32), junk=st.binary(max_size=80))
def test_damaged_inputs_are_harmless(name: str, seed: int, junk: bytes) -> None:
    rng = random.Random(seed)
    target = TARGETS[name]
    target(junk)
    kept = [path for path in INPUTS if path.parent.name == name and path.stat().st_size < 5000]
    if kept:
        target(damaged(rng.choice(kept).read_bytes(), rng))
