"""Shares are written and read without loss, at the finest resolution."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tidegate.domain.quantities import fraction, percent, seconds, share_ppm
from tidegate_sdk import PARTS


@given(st.integers(0, PARTS))
def test_share_written_as_a_percentage_and_read_is_the_same(ppm: int) -> None:
    assert share_ppm(percent(ppm)) == ppm


def test_neighbouring_shares_are_written_differently() -> None:
    edges = [*range(2000), *range(499_000, 501_000), *range(PARTS - 2000, PARTS + 1)]
    assert len({percent(ppm) for ppm in edges}) == len(edges)


@given(st.integers(0, PARTS))
def test_share_given_in_parts_per_million_is_taken_as_it_is(ppm: int) -> None:
    assert share_ppm(ppm) == ppm


@given(st.integers(0, PARTS))
def test_fraction_of_a_written_share_is_the_nearest_number(ppm: int) -> None:
    assert fraction(percent(ppm)) == ppm / PARTS


@given(st.text(max_size=20))
def test_share_of_any_text_is_a_share_or_a_value_error(text: str) -> None:
    try:
        assert 0 <= share_ppm(text) <= PARTS
    except ValueError as error:
        assert str(error)  # noqa: PT017 - either outcome is right


@pytest.mark.parametrize(("unit", "length"), [("s", 1), ("m", 60), ("h", 3600), ("d", 86_400)])
@given(count=st.integers(0, 10**6))
def test_duration_of_any_count_is_that_many_units(count: int, unit: str, length: int) -> None:
    assert seconds(f"{count}{unit}") == count * length
