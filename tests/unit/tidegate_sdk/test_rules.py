"""Conditions over a unit and its attributes."""

from collections.abc import Callable
from typing import Any

import msgspec
import pytest

from tidegate_sdk import predicates
from tidegate_sdk.predicates import Predicate
from tidegate_sdk.rules import (
    DEEPEST,
    AnyOf,
    Attribute,
    Condition,
    Every,
    InSegment,
    InvalidSegment,
    Not,
    Teams,
    Users,
    compile_segments,
    parts_of,
    segments_in,
)

VALUES_OF_ALL_TYPES = [None, True, False, 0, 1.5, "", "x", [], ["x"], {}, {"x": 1}]


def _meets(condition: Condition, unit: str = "u", **attributes: Any) -> bool:
    return condition.matcher({})(unit, attributes)


def _holds(predicate: Predicate, value: object) -> bool:
    return predicate.matcher("k")("u", {"k": value})


@pytest.mark.parametrize(
    ("predicate", "matching", "others"),
    [
        pytest.param(predicates.OneOf(("de", "at")), ["de", "at"], ["DE", "d", "fr"], id="texts"),
        pytest.param(
            predicates.OneOf(("1", "True", "None")), ["1"], [1, True, None], id="nothing converted"
        ),
        pytest.param(predicates.OneOf((1, 2.5)), [1, 1.0, 2.5], [2, -1, 1.01], id="numbers"),
        pytest.param(predicates.OneOf((True,)), [True], [False], id="a boolean"),
        pytest.param(predicates.OneOf(()), [], ["de", 1, True], id="nothing"),
        pytest.param(predicates.NoneOf(("de",)), ["fr", "DE"], ["de"], id="not a text"),
        pytest.param(predicates.NoneOf((1,)), [2, 0.5, -1], [1, 1.0], id="not a number"),
        pytest.param(predicates.NoneOf(()), ["de", 1, True], [], id="not in nothing"),
        pytest.param(predicates.Between(gte=18, lt=65), [18, 64.9], [17.9, 65, 1e400], id="bounds"),
        pytest.param(predicates.Between(gt=1), [1.1, 10**400], [1, -(10**400)], id="above"),
        pytest.param(predicates.Between(lte=1), [1, 0], [1.1], id="up to"),
        pytest.param(
            predicates.VersionIn(">=2.3.0 <3"),
            ["2.3.0", "v2.10.1", "2.99", "3.0.0-rc.1"],
            ["2.3.0-rc.1", "2.2.9", "3", "two"],
            id="versions",
        ),
        pytest.param(predicates.StartsWith("de-"), ["de-AT", "de-"], ["de", "DE-AT"], id="prefix"),
        pytest.param(predicates.EndsWith("@a.org"), ["x@a.org"], ["x@a.org "], id="suffix"),
        pytest.param(
            predicates.Contains("qa"), ["qa", "aqaa", ["b", "qa"]], ["q a", ["q", "a"], ["aqa"]],
            id="contains",
        ),
    ],
)  # fmt: skip
def test_predicate_holds_for_what_it_asks_and_for_nothing_else(
    predicate: Predicate, matching: list[object], others: list[object]
) -> None:
    assert [value for value in [*matching, *others] if _holds(predicate, value)] == matching


def _is_text(value: object) -> bool:
    return isinstance(value, str)


def _is_number(value: object) -> bool:
    return type(value) in (int, float)


@pytest.mark.parametrize(
    ("predicate", "is_of_its_type"),
    [
        pytest.param(predicates.OneOf(("x",)), lambda value: value == "x", id="in"),
        pytest.param(predicates.OneOf((0,)), lambda value: type(value) is int, id="zero"),
        pytest.param(predicates.OneOf((False,)), lambda value: value is False, id="false"),
        pytest.param(predicates.NoneOf(("y",)), _is_text, id="not in texts"),
        pytest.param(predicates.NoneOf((9,)), _is_number, id="not in numbers"),
        pytest.param(predicates.Between(gte=-9), _is_number, id="from"),
        pytest.param(predicates.VersionIn(">=0"), lambda _: False, id="semver"),
        pytest.param(predicates.StartsWith(""), _is_text, id="prefix"),
        pytest.param(predicates.EndsWith(""), _is_text, id="suffix"),
        pytest.param(predicates.Contains("x"), lambda value: value in ("x", ["x"]), id="contains"),
        pytest.param(predicates.Exists(), lambda value: value is not None, id="exists"),
        pytest.param(predicates.Exists(exists=False), lambda value: value is None, id="is missing"),
    ],
)
def test_predicate_on_a_value_of_another_type_does_not_hold(
    predicate: Predicate, is_of_its_type: Callable[[object], bool]
) -> None:
    for value in VALUES_OF_ALL_TYPES:
        assert _holds(predicate, value) is is_of_its_type(value), value


def test_predicate_on_a_missing_attribute_is_the_one_on_null() -> None:
    assert not _meets(Attribute("k", predicates.NoneOf(("x",))))
    assert _meets(Attribute("k", predicates.Exists(exists=False)))


def test_predicate_that_mixes_kinds_is_refused_when_it_is_compiled() -> None:
    with pytest.raises(ValueError, match=r"\['de', False\] mixes texts, numbers and booleans"):
        predicates.OneOf(("de", False)).matcher("k")


@pytest.mark.parametrize(
    ("team", "belongs"),
    [("qa", True), ("QA", False), (["dev", "qa"], True), (("qa",), True), ([], False),
     ([None, ["qa"]], False), ({"qa": 1}, False), (None, False), (True, False)],
)  # fmt: skip
def test_team_is_a_text_or_a_list_of_texts(team: object, belongs: bool) -> None:  # noqa: FBT001
    assert _meets(Teams(("qa", "ops")), team=team) is belongs


def test_unit_is_named_by_its_id_alone() -> None:
    assert _meets(Users(("ada",)), "ada")
    assert not _meets(Users(("ada",)), "bob", user="ada", users=["ada"])


@pytest.mark.parametrize("unit", ["ada", "bob", "eve"])
def test_combined_conditions_are_those_of_logic(unit: str) -> None:
    ada, bob = Users(("ada",)), Users(("bob",))
    assert _meets(Every((ada, bob)), unit) is False
    assert _meets(AnyOf((ada, bob)), unit) is (unit != "eve")
    assert _meets(Not(ada), unit) is (unit != "ada")
    assert _meets(Every(()), unit) is True
    assert _meets(AnyOf(()), unit) is False


def test_segments_are_compiled_in_any_order() -> None:
    conditions: dict[str, Condition] = {
        "all": AnyOf((InSegment("testers"), InSegment("staff"))),
        "testers": Every((InSegment("staff"), Not(Users(("bob",))))),
        "staff": Users(("ada", "bob")),
    }
    for order in (list(conditions), list(reversed(conditions))):
        made = compile_segments({name: conditions[name] for name in order})
        assert [made["testers"](unit, {}) for unit in ("ada", "bob", "eve")] == [True, False, False]
        assert [made["all"](unit, {}) for unit in ("ada", "bob", "eve")] == [True, True, False]


@pytest.mark.parametrize(
    ("references", "segment", "problem"),
    [
        pytest.param({"a": "a"}, "a", "refers to itself: a -> a; take one", id="itself"),
        pytest.param({"c": "b", "b": "a", "a": "c"}, "a", "a -> c -> b -> a", id="a circle"),
        pytest.param({"x": "b", "b": "c", "c": "b"}, "b", "b -> c -> b", id="a circle further on"),
        pytest.param({"a": "nobody"}, "a", "'nobody' is not defined; defined are: a", id="unknown"),
        pytest.param(
            {f"s{number}": f"s{number + 1}" for number in range(DEEPEST)} | {f"s{DEEPEST}": None},
            "s0",
            f"through {DEEPEST} others",
            id="too long a row",
        ),
    ],
)
def test_segments_that_end_nowhere_are_refused_by_name(
    references: dict[str, str | None], segment: str, problem: str
) -> None:
    conditions: dict[str, Condition] = {
        name: Users(()) if other is None else Not(InSegment(other))
        for name, other in references.items()
    }
    with pytest.raises(InvalidSegment, match=problem) as refused:
        compile_segments(conditions)
    assert refused.value.segment == segment


def test_segments_in_as_long_a_row_as_allowed_are_compiled() -> None:
    conditions: dict[str, Condition] = {
        f"s{number}": InSegment(f"s{number + 1}") for number in range(DEEPEST - 1)
    }
    made = compile_segments(conditions | {f"s{DEEPEST - 1}": Users(("ada",))})
    assert made["s0"]("ada", {})


def test_condition_on_a_segment_that_is_not_there_is_refused() -> None:
    with pytest.raises(InvalidSegment, match="segment 'beta' is not defined; defined are: none"):
        InSegment("beta").matcher({})


def test_segments_of_a_condition_are_found_however_deep() -> None:
    inner = AnyOf((InSegment("a"), Not(InSegment("b"))))
    assert segments_in(Every((Users(()), inner, InSegment("c")))) == {"a", "b", "c"}
    assert parts_of(inner) == inner.parts
    assert parts_of(Users(())) == ()


def test_condition_survives_the_way_to_another_process() -> None:
    condition = Every(
        (
            Attribute("age", predicates.Between(gte=18)),
            Attribute("plan", predicates.OneOf(("pro", "team"))),
            AnyOf((Not(Users(("ada",))), Teams(("qa",)), InSegment("beta"))),
        )
    )
    sent = msgspec.json.encode(condition)
    assert msgspec.json.decode(sent, type=Condition) == condition
