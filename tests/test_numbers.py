"""Counts as badges show them."""

from __future__ import annotations

from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

import script

ABBREVIATION, INTERNATIONAL, NONE = "abbreviation", "international_system", "none"


@pytest.mark.parametrize(
    ("count", "units", "decimals", "shown"),
    [
        (0, ABBREVIATION, 1, "0"),
        (999, ABBREVIATION, 1, "999"),
        (1000, ABBREVIATION, 1, "1K"),
        (1049, ABBREVIATION, 1, "1K"),
        (1050, ABBREVIATION, 1, "1.1K"),  # half up, where a float is just below the half
        (1150, ABBREVIATION, 1, "1.2K"),
        (11_000, ABBREVIATION, 1, "11K"),
        (85_449, ABBREVIATION, 1, "85.4K"),
        (999_949, ABBREVIATION, 1, "999.9K"),
        (999_950, ABBREVIATION, 1, "1M"),
        (999_999_999, ABBREVIATION, 1, "1B"),
        (1_395_207_458, ABBREVIATION, 1, "1.4B"),
        (1_395_207_458, ABBREVIATION, 0, "1B"),
        (1_395_207_458, ABBREVIATION, 2, "1.4B"),
        (1_395_207_458, ABBREVIATION, 3, "1.395B"),
        (1_395_207_458, NONE, 1, "1,395,207,458"),
        (999_499, ABBREVIATION, 0, "999K"),
        (999_500, ABBREVIATION, 0, "1M"),
        (999_999, ABBREVIATION, 3, "999.999K"),
        (999_999_500, ABBREVIATION, 3, "1B"),
        (1500, INTERNATIONAL, 1, "1.5k"),
        (1_500_000, INTERNATIONAL, 1, "1.5M"),
        (1_500_000_000, INTERNATIONAL, 1, "1.5G"),
        (1_500_000_000_000, INTERNATIONAL, 1, "1.5T"),
        (999_999_999_999_999, ABBREVIATION, 3, "1000T"),  # the largest unit has no next
        (12, NONE, 0, "12"),
    ],
)
def test_counts_are_rounded_half_up_and_carry(
    count: int, units: str, decimals: int, shown: str
) -> None:
    assert script.format_count(count, units, decimals) == shown


counts = st.integers(0, 10**15 - 1) | st.builds(
    lambda digits, power, off: max(digits * 10**power + off, 0),
    st.integers(0, 1999),
    st.integers(0, 11),
    st.integers(-2, 2),
)
shown_units = st.sampled_from([ABBREVIATION, INTERNATIONAL])
SIZES = {"K": 10**3, "k": 10**3, "M": 10**6, "B": 10**9, "G": 10**9, "T": 10**12}


def value(shown: str) -> Fraction:
    """The number that a reader of the badge understands."""
    if shown[-1] in SIZES:
        return Fraction(shown[:-1]) * SIZES[shown[-1]]
    return Fraction(shown)


@given(counts, counts, shown_units, st.integers(0, 3))
def test_shown_numbers_never_fall_as_downloads_grow(
    one: int, other: int, units: str, decimals: int
) -> None:
    low, high = sorted([one, other])
    shown_low, shown_high = (script.format_count(n, units, decimals) for n in (low, high))
    assert value(shown_low) <= value(shown_high)


@given(counts, shown_units, st.integers(0, 3))
def test_shown_numbers_are_off_by_at_most_half_of_the_last_digit(
    count: int, units: str, decimals: int
) -> None:
    shown = script.format_count(count, units, decimals)
    unit = SIZES.get(shown[-1], 1)
    step = Fraction(unit, 10**decimals) if unit > 1 else Fraction(1)
    assert abs(value(shown) - count) <= step / 2
    assert "." not in shown or not shown[:-1].endswith("0")
    assert value(shown) < 1000 * unit or unit == 10**12
