"""Exact decimals: order, zero, one spelling, and what is refused."""

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from feedtape.errors import BadFrame
from feedtape.model.decimals import KEYS, SCALE, ZERO, MoreDecimals, canonical, checked

KEY = KEYS[SCALE]

DIGITS = "0123456789"

texts = st.one_of(
    st.from_regex(r"[0-9]{1,30}(\.[0-9]{1,18})?", fullmatch=True, alphabet=st.sampled_from(DIGITS + ".")),
    # Close neighbours: few digits, many zeros.
    st.from_regex(r"0{0,3}[01]{1,3}(\.[01]{0,3}0{1,3})?", fullmatch=True, alphabet=st.sampled_from("01.")),
)
signed = st.tuples(st.sampled_from(["", "-"]), texts).map("".join)

NOT_PLAIN = [
    "", ".", "1.", ".5", "1e40", "1e", "NaN", "nan", "inf", "Infinity", "１", "1１", "٣", "1_0", "+1", "--1", "0x1", " 1", "1 ",
    "1\n", "1,5", "1.2.3", "1" * 31, "0." + "1" * 19, "1\x00", "½", "²", "-", "-.5", "1/2",
]  # fmt: skip


@given(texts, texts)
def test_keys_are_ordered_as_the_numbers_are(one: str, other: str) -> None:
    assert (KEY[one] < KEY[other]) == (Decimal(one) < Decimal(other))
    assert (KEY[one] == KEY[other]) == (Decimal(one) == Decimal(other))


@given(texts)
def test_a_key_is_the_number_in_units_of_ten_to_minus_eighteen(text: str) -> None:
    whole, _, fraction = text.partition(".")
    assert KEY[text] == int(whole) * 10**18 + (int(fraction) * 10 ** (18 - len(fraction)) if fraction else 0)


@given(texts)
def test_zero_is_zero_in_every_spelling(text: str) -> None:
    assert ZERO[text] == (Decimal(text) == 0)


@given(texts, texts)
def test_equal_numbers_and_no_others_share_a_canonical_spelling(one: str, other: str) -> None:
    assert (canonical(one) == canonical(other)) == (Decimal(one) == Decimal(other))
    assert Decimal(canonical(one)) == Decimal(one)
    assert canonical(canonical(one)) == canonical(one)


@pytest.mark.parametrize(
    ("text", "spelling"),
    [
        ("1.50", "1.5"),
        ("1.5", "1.5"),
        ("01.5", "1.5"),
        ("100", "100"),
        ("100.00", "100"),
        ("0.0", "0"),
        ("000", "0"),
        ("00.10", "0.1"),
    ],
)
def test_the_canonical_spelling_has_no_padding(text: str, spelling: str) -> None:
    assert canonical(text) == spelling


@pytest.mark.parametrize("text", NOT_PLAIN)
def test_what_is_no_plain_decimal_is_refused_each_time(text: str) -> None:
    for _ in range(2):  # refusals must not be remembered as values
        for read in (KEY.__getitem__, ZERO.__getitem__, checked):
            with pytest.raises(BadFrame):
                read(text)


@pytest.mark.parametrize("text", ["-1", "-0", "-0.5"])
def test_rates_and_prices_may_be_negative_and_sizes_may_not(text: str) -> None:
    assert checked(text) == text
    assert KEY[text] == Decimal(text) * 10**SCALE
    with pytest.raises(BadFrame):
        ZERO[text]


@given(signed)
def test_checked_changes_nothing(text: str) -> None:
    assert checked(text) == text


@given(st.text(max_size=8))
def test_any_text_is_a_number_or_refused(text: str) -> None:
    try:
        key = KEY[text]
    except BadFrame:
        return
    assert text.isascii() and key == Decimal(text).scaleb(18)


def test_the_message_does_not_repeat_a_hostile_text_in_full() -> None:
    with pytest.raises(BadFrame) as refusal:
        KEY["9" * 100_000]
    assert len(str(refusal.value)) < 100


def test_remembering_is_bounded_and_stays_right() -> None:
    for number in range(70_000):
        assert KEY[f"{number}.25"] == number * 10**18 + 25 * 10**16
    assert len(KEY) <= 65_536
    assert KEY["7.25"] == 725 * 10**16


def test_a_scale_holds_what_it_can_and_says_what_would_do() -> None:
    assert KEYS[2]["61800.20"] == 6_180_020
    assert KEYS[0]["5.000"] == 5
    with pytest.raises(MoreDecimals) as refusal:
        KEYS[1]["0.12500"]
    assert refusal.value.decimals == 3


def test_all_memories_together_are_bounded() -> None:
    for scale in range(6):
        for number in range(60_000):
            KEYS[scale][str(number)]
    assert sum(len(one) for one in KEYS) + len(ZERO) <= 262_144


@pytest.mark.parametrize("text", ["1" * 10_000, "0." + "1" * 10_000, "0" * 5_000_000, "1" * 31])
def test_no_long_text_is_remembered(text: str) -> None:
    for memory in (KEY, ZERO):
        with pytest.raises(BadFrame):
            memory[text]
        assert text not in memory
