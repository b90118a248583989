"""When two JSON values are the same, and what is none."""

from datetime import date
from typing import Any

import pytest

from tidegate.domain.json_values import DEEPEST, MOST_VALUES, canonical, check_json


@pytest.mark.parametrize(
    ("left", "right"),
    [
        pytest.param(1, 1.0, id="a whole number"),
        pytest.param({"a": 1, "b": 2}, {"b": 2, "a": 1}, id="another order of keys"),
        pytest.param([{"a": [1]}], [{"a": [1.0]}], id="deep inside"),
        pytest.param(0.0, -0.0, id="zero"),
    ],
)
def test_values_that_json_holds_to_be_the_same_share_a_key(left: Any, right: Any) -> None:
    assert canonical(left) == canonical(right)


@pytest.mark.parametrize(
    ("left", "right"),
    [
        pytest.param(True, 1, id="true is no number"),
        pytest.param(False, 0, id="false is no number"),
        pytest.param(None, False, id="null is not false"),
        pytest.param(None, "null", id="null is no text"),
        pytest.param("1", 1, id="a text is no number"),
        pytest.param([1, 2], [2, 1], id="another order of items"),
        pytest.param([], {}, id="empty list and mapping"),
        pytest.param({"a": None}, {}, id="a key with null"),
        pytest.param([["a", 1]], {"a": 1}, id="pairs and mapping"),
        pytest.param(["string", "a"], "a", id="a list like a key"),
    ],
)
def test_values_that_json_tells_apart_have_other_keys(left: Any, right: Any) -> None:
    assert canonical(left) != canonical(right)


@pytest.mark.parametrize(
    "value", [None, True, 0, -1.5, "", [], {}, {"a": [1, {"b": [None, "x"]}]}, 10**400]
)
def test_json_value_passes(value: Any) -> None:
    check_json("params", value)


@pytest.mark.parametrize(
    ("value", "problem"),
    [
        pytest.param(float("nan"), "holds nan", id="no number"),
        pytest.param([float("-inf")], "holds -inf", id="no end"),
        pytest.param({"a": date(2026, 3, 1)}, "holds 2026-03-01, a date; quote it", id="a date"),
        pytest.param(b"x", "a bytes", id="bytes"),
        pytest.param({1: 2}, "key 1, which is no text; quote it", id="a number as key"),
        pytest.param([0] * (MOST_VALUES + 1), f"more than {MOST_VALUES}", id="too many"),
    ],
)
def test_value_that_json_cannot_hold_is_refused_with_its_key(value: Any, problem: str) -> None:
    with pytest.raises(ValueError, match=problem) as refused:
        check_json("params", value)
    assert str(refused.value).startswith("params ")


def test_depth_is_limited_at_the_stated_level() -> None:
    value: Any = 0
    for _ in range(DEEPEST):
        value = [value]
    check_json("params", value)
    with pytest.raises(ValueError, match=f"deeper than {DEEPEST} levels"):
        check_json("params", [value])
