"""Records: notes are JSON, and a payload that is none says so."""

import pytest

from feedtape.model import records
from feedtape.model.records import GAP, RECV, Record, note


def test_a_note_is_json_on_the_recorders_own_connection() -> None:
    made = note(5, GAP, {"target": "binance:BTCUSDT", "since": "4"})
    assert (made.time, made.connection, made.kind) == (5, 0, GAP)
    assert made.json() == {"target": "binance:BTCUSDT", "since": "4"}
    assert note(5, GAP, {}, 3).connection == 3


def test_a_payload_that_is_no_json_is_a_value_error() -> None:
    with pytest.raises(ValueError):
        Record(5, 1, RECV, b"{").json()


def test_every_kind_is_a_word_of_its_own() -> None:
    kinds = [value for name, value in vars(records).items() if name.isupper() and isinstance(value, bytes)]
    assert len(kinds) == len(set(kinds)) > 20
    assert not [kind for kind in kinds if b" " in kind or b"\n" in kind]
    assert set(kinds) >= records.WIRE | records.ALWAYS_ENCODED
