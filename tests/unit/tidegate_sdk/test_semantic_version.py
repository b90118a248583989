"""Semantic versions sort as section 11 of the standard says."""

from itertools import pairwise

import pytest

from tidegate_sdk.semantic_version import version_bounds, version_key

RISING = [
    "0.0.1", "0.0.2-alpha", "0.9.99", "1.0.0-0", "1.0.0-0a", "1.0.0-alpha", "1.0.0-alpha.1",
    "1.0.0-alpha.beta", "1.0.0-beta", "1.0.0-beta.2", "1.0.0-beta.11", "1.0.0-rc.1", "1.0.0",
    "1.2.0", "1.10.0", "2.0.0-x-y", "2.0.0", "10.0.0", "99999999999999999999.0.0",
]  # fmt: skip


def test_versions_in_the_order_of_the_standard_have_rising_keys() -> None:
    for older, newer in pairwise(RISING):
        assert version_key(older) < version_key(newer), (older, newer)  # type: ignore[operator]


@pytest.mark.parametrize(
    ("one", "other"),
    [
        pytest.param("1.2.3+build.5", "1.2.3", id="build metadata"),
        pytest.param("v1.2.3", "1.2.3", id="a leading v"),
        pytest.param("2", "2.0.0", id="one number"),
        pytest.param("2.1", "2.1.0", id="two numbers"),
        pytest.param("2.1-rc.1", "2.1.0-rc.1", id="two numbers and a prerelease"),
        pytest.param("01.002.0", "1.2.0", id="leading zeros"),
    ],
)
def test_versions_that_mean_the_same_have_one_key(one: str, other: str) -> None:
    assert version_key(one) == version_key(other) is not None


@pytest.mark.parametrize(
    "text",
    ["", "one", "1.", ".1", "1.2.3.4", "1.2.3-", "1.2.3-a..b", "1.2.3+", " 1.2.3", "1.2.3\n", "-1",
     "1.2.x", "\u0661.2.3", "V1", "1" * 257],
)  # fmt: skip
def test_text_that_is_no_version_has_no_key(text: str) -> None:
    assert version_key(text) is None


def test_text_as_long_as_a_version_may_be_has_a_key() -> None:
    assert version_key("1" * 256) == ((256, "1" * 256), (0, ""), (0, ""), True, ())


@pytest.mark.parametrize(
    ("text", "named"),
    [
        pytest.param("", "is no range of versions", id="nothing"),
        pytest.param("  ", "is no range of versions", id="spaces"),
        pytest.param("2.3.0", "'2.3.0' bounds no version", id="no comparison"),
        pytest.param(">= 2.3.0", "'>=' bounds no version", id="a space inside a bound"),
        pytest.param(">=2.x", "'>=2.x' bounds no version", id="a wildcard"),
        pytest.param("~2.3.0", "'~2.3.0' bounds no version", id="an unknown comparison"),
        pytest.param("=>2.3.0", "'=>2.3.0' bounds no version", id="signs exchanged"),
    ],
)
def test_range_that_is_none_is_refused_with_an_example(text: str, named: str) -> None:
    with pytest.raises(ValueError, match=named) as refused:
        version_bounds(text)
    assert '">=2.3.0' in str(refused.value)
