"""Splits as people write them."""

import pytest

from tidegate.domain.portions import Portion, Split, allocation_of
from tidegate_sdk.allocation import Arm
from tidegate_sdk.bucketing import PARTS


@pytest.mark.parametrize(
    ("split", "arms"),
    [
        pytest.param({"b": "1%"}, [Arm("b", 10_000, PARTS)], id="one arm may have the whole"),
        pytest.param(
            {"a": "99%", "b": "1%"}, [Arm("b", 10_000, PARTS)], id="the rest, written out"
        ),
        pytest.param({"b": 0}, [Arm("b", 0, PARTS)], id="nobody yet"),
        pytest.param(
            {"c": "50%", "b": "1%"},
            [Arm("c", 500_000, 500_000), Arm("b", 10_000, 500_000)],
            id="equal rooms in the order they are written",
        ),
        pytest.param(
            {"b": Portion(weight="10%", max="70%"), "c": 1, "d": 2},
            [Arm("b", 100_000, 700_000), Arm("c", 1, 150_000), Arm("d", 2, 150_000)],
            id="stated rooms first",
        ),
    ],
)
def test_split_is_the_allocation_it_reads_as(split: Split, arms: list[Arm]) -> None:
    made = allocation_of(split, "a", "salt")
    assert (made.control, made.salt, list(made.arms)) == ("a", "salt", arms)


@pytest.mark.parametrize(
    ("split", "problem"),
    [
        pytest.param({"b": "101%"}, "b: 1010000 parts per million is outside", id="over the whole"),
        pytest.param({"b": "0.00001%"}, "b: .* is finer than 1 part per million", id="too fine"),
        pytest.param({"b": "60%", "c": "60%"}, "b has 60% but room for 50%; state", id="no room"),
        pytest.param(
            {"b": Portion(weight="60%", max="50%")}, "b has 60% but room for 50%", id="over its max"
        ),
        pytest.param(
            {"b": Portion(weight=1, max="60%"), "c": Portion(weight=1, max="60%")},
            r"maxima of \['b', 'c'\] add up to 1200000 ppm",
            id="maxima over the whole",
        ),
        pytest.param(
            {"a": "98%", "b": "1%"}, "a takes what the others leave, 99%", id="wrong rest"
        ),
        pytest.param(
            {"a": Portion(weight="99%", max="99%"), "b": "1%"}, "write that and no max", id="a max"
        ),
    ],
)
def test_split_that_does_not_fit_is_refused_by_arm(split: Split, problem: str) -> None:
    with pytest.raises(ValueError, match=problem):
        allocation_of(split, "a", "salt")
