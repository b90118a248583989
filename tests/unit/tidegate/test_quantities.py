"""How people write shares, rates and durations."""

import re

import pytest

from tidegate.domain.quantities import fraction, percent, seconds, share_ppm


@pytest.mark.parametrize(
    ("written", "ppm"),
    [
        ("0%", 0),
        ("0.0001%", 1),
        ("0.1%", 1000),
        ("1%", 10_000),
        ("1.0%", 10_000),
        ("1.00000000%", 10_000),
        ("12.5%", 125_000),
        ("33.3333%", 333_333),
        (" 5 % ", 50_000),
        ("100%", 1_000_000),
        (0, 0),
        (1, 1),
        (1_000_000, 1_000_000),
    ],
)
def test_share_as_people_write_it_is_exact_parts_per_million(written: int | str, ppm: int) -> None:
    assert share_ppm(written) == ppm


@pytest.mark.parametrize(
    "written", ["", "%", "1", "1.%", ".5%", "-1%", "1e1%", "one %", "1%%", "1,5%"]
)
def test_share_that_is_no_percentage_is_refused_with_a_way_out(written: str) -> None:
    with pytest.raises(ValueError, match=re.escape(repr(written)) + r" is no share: write \"1%\""):
        share_ppm(written)


@pytest.mark.parametrize("written", ["0.00001%", "33.33333%"])
def test_share_finer_than_a_part_per_million_is_refused(written: str) -> None:
    with pytest.raises(ValueError, match="finer than 1 part per million"):
        share_ppm(written)


@pytest.mark.parametrize("written", ["100.0001%", "101%", "1000%", -1, 1_000_001])
def test_share_outside_the_whole_is_refused(written: int | str) -> None:
    with pytest.raises(ValueError, match="outside 0 to 1000000"):
        share_ppm(written)


@pytest.mark.parametrize(
    ("ppm", "text"),
    [
        (0, "0%"),
        (1, "0.0001%"),
        (100, "0.01%"),
        (10_000, "1%"),
        (100_000, "10%"),
        (125_000, "12.5%"),
        (999_999, "99.9999%"),
        (1_000_000, "100%"),
    ],
)
def test_percent_of_parts_per_million_has_no_idle_digits(ppm: int, text: str) -> None:
    assert percent(ppm) == text


@pytest.mark.parametrize(
    ("written", "count"),
    [("0s", 0), ("90s", 90), ("10m", 600), ("72h", 259_200), ("7d", 604_800), (" 5 m ", 300)],
)
def test_seconds_of_a_duration_are_counted(written: str, count: int) -> None:
    assert seconds(written) == count


@pytest.mark.parametrize("written", ["", "10", "m", "1.5h", "-1m", "1w", "1h30m", "ten minutes"])
def test_duration_that_is_none_is_refused_with_a_way_out(written: str) -> None:
    with pytest.raises(ValueError, match=re.escape(repr(written)) + " is no duration: write"):
        seconds(written)


def test_fraction_of_a_percentage_is_a_rate() -> None:
    assert fraction("1%") == 0.01
    assert fraction("0.0001%") == 1e-6
