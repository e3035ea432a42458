"""Conditions as they are typed."""

import random
from pathlib import Path

import pytest

from feedtape.errors import UsageError
from feedtape.model.records import MARKER
from feedtape.replay.conditions import FIELDS, WORDS, parse_condition, parse_place
from feedtape.replay.playback import Playback
from feedtape.replay.reel import Reel
from stage_cli import START, TARGET, Script, eventful


@pytest.fixture(scope="module")
def reel(tmp_path_factory: pytest.TempPathFactory) -> Reel:
    """Stands at a trade of a live book: bid 61685.00000000, ask 61686.00."""
    script = Script(tmp_path_factory.mktemp("conditions") / "a.tape.zst").live(0)
    script.take(
        b"recv",
        b'{"stream":"btcusdt@depth@100ms","data":{"e":"depthUpdate","E":1,"s":"BTCUSDT","U":102,"u":102,'
        b'"b":[["61685","4"]],"a":[["61686.00","1.0"]]}}',
    )
    script.trade()
    with Playback(script.finish()) as playback:
        found = Reel(playback)
        found.step(4)
        return found


@pytest.mark.parametrize(
    ("text", "holds"),
    [
        ("spread = 1", True),
        ("spread==1", True),
        ("spread > 1", False),
        ("spread >= 1.000 and spread <= 1", True),
        ("mid = 61685.5", True),
        ("mid != 61685.5", False),
        ("microprice = 61685.8", True),
        ("bid = 61685", True),
        ("ask < 61686.000000000000000000000000001", True),
        ("BID.SIZE = 4 AND ask.size = 1", True),
        ("imbalance < 0.45", True),
        ("trade.price = 61685.9", True),
        ("trade.size = 0.001", True),
        ("trade.size > 0.001", False),
        ("sequence >= 102", True),
        ("sequence > 102", False),
        ("latency > 0", True),
        ("mark > 0", False),
        ("mark != 0", False),
        ("not mark > 0", True),
        ("index > 0 or funding > 0 or oi > 0", False),
        ("trade", True),
        ("liquidation or gap or resync or crossed or checksum or stale or stall or disconnect or bad-frame or mark", False),
        ("trade and not (gap or crossed)", True),
        ("not not trade", True),
        ("gap and gap or trade", True),
        ("gap and (gap or trade)", False),
        ("spread > -5", True),
    ],
)
def test_what_holds_at_a_trade(reel: Reel, text: str, holds: bool) -> None:
    assert reel.latest is not None
    condition = parse_condition(text)
    assert condition.text == text
    assert bool(condition.on(TARGET)(reel.session, *reel.latest)) is holds
    assert bool(condition(reel.session, *reel.latest)) is holds
    negated = parse_condition(f"not ({text})").on(TARGET)
    assert bool(negated(reel.session, *reel.latest)) is not holds


def test_nothing_holds_of_a_target_that_is_not_there(reel: Reel) -> None:
    assert reel.latest is not None
    for text in [*(f"{name} != 0" for name in FIELDS), *WORDS]:
        assert not parse_condition(text).on("binance:NONE")(reel.session, *reel.latest), text


def test_words_are_found_on_a_tape_where_everything_happens(tmp_path: Path) -> None:
    script = Script(tmp_path / "a.tape.zst").live()
    script.note(MARKER, {"note": "here"})
    with Playback(eventful(script)) as playback:
        reel = Reel(playback)
        for word in set(WORDS) - {"checksum", "crossed", "liquidation"}:
            reel.to_start()
            assert reel.find(parse_condition(word), forward=True), word
        assert reel.find_first(parse_condition("sequence >= 105 and spread > 0").on(TARGET))
        assert reel.session.books[TARGET].book.sequence == 105
        assert not reel.find_first(parse_condition("spread > 99999"))


def test_what_happens_is_found_at_each_record_and_what_lasts_where_it_begins(tmp_path: Path) -> None:
    script = Script(tmp_path / "a.tape.zst").live(2)
    for _ in range(3):
        script.trade()
    script.delta()
    script.trade()
    places: dict[str, list[int]] = {}
    with Playback(script.finish()) as playback:
        for text in ("trade", "trade.size < 1", "spread > 0", "trade and spread > 0", "trade or spread > 0", "not trade"):
            reel, condition = Reel(playback), parse_condition(text)
            reel.to_start()
            places[text] = []
            while reel.find(condition, forward=True):
                places[text].append(reel.position)
            back = []
            while reel.find(condition, forward=False):
                back.append(reel.position)
            assert back[::-1] == places[text][:-1], text
    first, *_ = places["trade"]
    assert places["trade"] == [first, first + 1, first + 2, first + 4]
    assert places["trade.size < 1"] == places["trade and spread > 0"] == places["trade"]
    assert len(places["spread > 0"]) == 1
    assert places["trade or spread > 0"] == [*places["spread > 0"], *places["trade"]]


@pytest.mark.parametrize(
    "text", ["", "spread", "spread >", "spread > x", "> 5", "spred > 5", "gap gap", "gap and", "(gap", "gap)", "not", "5", ">",
             "spread > 1 2", "spread ~ 5", "(" * 400 + "gap", "not " * 200 + "gap", "gap or " * 500, "spread > 1e5", "é"]
)  # fmt: skip
def test_what_is_no_condition_is_told_with_what_would_be(text: str) -> None:
    with pytest.raises(UsageError) as raised:
        parse_condition(text)
    assert raised.value.hint is not None
    assert "spread, bid, ask" in raised.value.hint


def test_no_text_does_any_other_harm() -> None:
    rng = random.Random(3)
    words = [
        *FIELDS,
        *WORDS,
        "and",
        "or",
        "not",
        "(",
        ")",
        "<",
        ">=",
        "!=",
        "=",
        "5",
        "-0.1",
        "9" * 99,
        "\x00",
        "٣",
        "#",
        "\n",
        "mark:",
    ]
    for _ in range(3000):
        text = rng.choice((" ", "", " ")).join(rng.choices(words, k=rng.randrange(9)))
        for read in (parse_condition, lambda text: parse_place(text, int)):
            try:
                read(text)
            except UsageError:
                continue
            except ValueError:
                assert read is not parse_condition


def test_places_are_times_numbers_and_conditions(tmp_path: Path) -> None:
    with Playback(Script(tmp_path / "a.tape.zst").live().finish()) as playback:
        assert parse_place(" +1s", playback.time).time == START + 10**9
        assert parse_place("40%", playback.time).time is not None
        with pytest.raises(UsageError, match="no marker"):
            parse_place("mark:2", playback.time)
        with pytest.raises(UsageError, match="not a time"):
            parse_place("12:xx", playback.time)
    goal = parse_place("#102", int)
    assert goal.from_start and goal.condition is not None and goal.condition.text == "sequence >= 102"
    goal = parse_place("spread > 1", int)
    assert not goal.from_start and goal.condition is not None and goal.time is None
