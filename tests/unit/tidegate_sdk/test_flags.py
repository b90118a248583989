"""What a flag answers."""

from typing import Any

import msgspec
import pytest

from tidegate_sdk.allocation import Allocation, Arm, Slice
from tidegate_sdk.bucketing import PARTS
from tidegate_sdk.explanation import Step, explain
from tidegate_sdk.flags import CompiledFlag, Evaluation, FlagRule, FlagSpec
from tidegate_sdk.predicates import OneOf
from tidegate_sdk.rules import Attribute, Every, InSegment, InvalidSegment, Not, Users

UNITS = [f"user-{number}" for number in range(500)]
HALF = Allocation("new-page", "off", (Arm("on", PARTS // 2, PARTS),))
ADA = FlagRule(serve="on", when=Users(("ada",)))


def _flag(*rules: FlagRule, **changes: Any) -> CompiledFlag:
    known: dict[str, Any] = {
        "key": "new-page",
        "type": "string",
        "variants": {"on": "new", "off": "old"},
        "default": "off",
        "rules": rules,
    }
    return CompiledFlag(FlagSpec(**(known | changes)), {"staff": Users(("ada",)).matcher({})})


@pytest.mark.parametrize(
    ("flag", "expected"),
    [
        pytest.param(_flag(), Evaluation("old", "off", "STATIC"), id="no rules"),
        pytest.param(_flag(ADA), Evaluation("new", "on", "TARGETING_MATCH", 0), id="a match"),
        pytest.param(
            _flag(FlagRule(serve="on", when=Users(("bob",))), FlagRule(serve="on", when=Users(()))),
            Evaluation("old", "off", "DEFAULT"),
            id="no match",
        ),
        pytest.param(
            _flag(FlagRule(serve="off", when=Users(("bob",))), ADA, FlagRule(serve="off")),
            Evaluation("new", "on", "TARGETING_MATCH", 1),
            id="the first match decides",
        ),
        pytest.param(
            _flag(FlagRule(serve=Allocation("s", "off", (Arm("on", PARTS, PARTS),)))),
            Evaluation("new", "on", "SPLIT", 0),
            id="a split for everyone",
        ),
        pytest.param(_flag(ADA, killed="off"), Evaluation("old", "off", "DISABLED"), id="killed"),
        pytest.param(
            _flag(FlagRule(serve=HALF), holdout=Slice("h", 0, PARTS)),
            Evaluation("old", "off", "DEFAULT", 0),
            id="held out of a split",
        ),
        pytest.param(
            _flag(ADA, holdout=Slice("h", 0, PARTS)),
            Evaluation("new", "on", "TARGETING_MATCH", 0),
            id="held out, but named",
        ),
    ],
)  # fmt: skip
def test_flag_answers_value_variant_reason_and_rule(
    flag: CompiledFlag, expected: Evaluation
) -> None:
    assert flag.evaluate("ada") == expected


def test_split_of_a_flag_is_its_allocation() -> None:
    flag, arms = _flag(FlagRule(serve=HALF)), HALF.compiled()
    assert [flag.evaluate(unit).variant for unit in UNITS] == [arms.arm(unit) for unit in UNITS]


def test_holdout_takes_its_units_out_of_a_split_and_moves_no_other() -> None:
    part = Slice("holdout:production", 0, 200_000)
    plain, held = _flag(FlagRule(serve=HALF)), _flag(FlagRule(serve=HALF), holdout=part)
    for unit in UNITS:
        out = Evaluation("old", "off", "DEFAULT", 0)
        assert held.evaluate(unit) == (out if part.holds(unit) else plain.evaluate(unit))


def test_float_flag_answers_whole_numbers_with_a_point() -> None:
    values = {"one": 1, "half": 0.5}
    answer = _flag(type="float", variants=values, default="one").evaluate("ada")
    assert msgspec.json.encode(answer.value) == b"1.0"


def test_integer_flag_answers_whole_numbers_without_a_point() -> None:
    answer = _flag(type="integer", variants={"one": 1}, default="one").evaluate("ada")
    assert msgspec.json.encode(answer.value) == b"1"


def test_object_that_a_caller_changes_is_not_changed_for_the_next() -> None:
    flag = _flag(type="object", variants={"a": {"colours": ["red"], "x": {"y": 1}}}, default="a")
    got = flag.evaluate("ada").value
    got["colours"].append("blue")
    got["x"]["y"] = 2
    assert flag.evaluate("ada").value == {"colours": ["red"], "x": {"y": 1}}


@pytest.mark.parametrize(
    ("rules", "changes", "needs_unit"),
    [
        pytest.param((), {}, False, id="static"),
        pytest.param((ADA,), {}, False, id="named users"),
        pytest.param((ADA, FlagRule(serve=HALF)), {}, True, id="a split"),
        pytest.param((FlagRule(serve=HALF),), {"killed": "off"}, False, id="a killed split"),
    ],
)
def test_flag_needs_a_unit_if_it_splits(
    rules: tuple[FlagRule, ...],
    changes: dict[str, Any],
    needs_unit: bool,  # noqa: FBT001
) -> None:
    assert _flag(*rules, **changes).spec.needs_unit is needs_unit


def test_flag_survives_the_way_to_another_process() -> None:
    when = Every((Not(InSegment("staff")), Attribute("plan", OneOf(("pro",)))))
    spec = _flag(ADA, FlagRule(HALF, when), FlagRule("off"), holdout=Slice("h", 0, 1)).spec
    assert msgspec.json.decode(msgspec.json.encode(spec), type=FlagSpec) == spec


@pytest.mark.parametrize(
    ("rules", "changes", "problem"),
    [
        pytest.param((FlagRule("blue"),), {}, "no variant 'blue'; it has", id="served"),
        pytest.param((), {"default": "blue"}, "no variant 'blue'", id="by default"),
        pytest.param(
            (FlagRule(Allocation("s", "off", (Arm("blue", 1, 1),))),), {}, "'blue'", id="by a split"
        ),
        pytest.param(
            (FlagRule(HALF),), {"holdout": Slice("new-page", 0, 1)}, "decides twice", id="one salt"
        ),
    ],
)
def test_flag_that_could_not_answer_is_refused_when_it_is_compiled(
    rules: tuple[FlagRule, ...], changes: dict[str, Any], problem: str
) -> None:
    with pytest.raises(ValueError, match=problem):
        _flag(*rules, **changes)


def test_flag_on_a_segment_that_is_not_there_is_refused_unless_it_is_killed() -> None:
    """The kill switch must work whatever else is wrong."""
    lost = FlagRule("on", InSegment("gone"))
    with pytest.raises(InvalidSegment, match="segment 'gone' is not defined; defined are: staff"):
        _flag(lost)
    assert _flag(lost, killed="off").evaluate("ada").reason == "DISABLED"


def test_explanation_shows_each_question_down_to_the_rule_that_decided() -> None:
    when = Every((Not(InSegment("staff")), Attribute("plan", OneOf(("pro",)))))
    flag = _flag(ADA, FlagRule(HALF, when), FlagRule("off"))
    arms = "on [0, 500000), off [500000, 1000000)"
    by_bucket = f"rule 1 splits by bucket 623241 of 1000000 among {arms}"
    assert explain(flag, "user-1", {"plan": "pro"}) == [
        Step(None, 0, "flag is killed", holds=False),
        Step(0, 0, "rule 0 matches", holds=False),
        Step(0, 1, "unit in ['ada']", holds=False),
        Step(1, 0, "rule 1 matches", holds=True),
        Step(1, 1, "all of", holds=True),
        Step(1, 2, "not", holds=True),
        Step(1, 3, "in segment 'staff'", holds=False),
        Step(1, 2, "plan in ['pro']", holds=True),
        Step(1, 0, f"{by_bucket}: 'off' (SPLIT)", holds=True),
    ]


@pytest.mark.parametrize(
    ("flag", "end"),
    [
        pytest.param(_flag(), "no rule matched: 'off' (STATIC)", id="static"),
        pytest.param(_flag(ADA), "no rule matched: 'off' (DEFAULT)", id="default"),
        pytest.param(_flag(ADA, killed="on"), "kill switch: 'on' (DISABLED)", id="killed"),
        pytest.param(_flag(FlagRule("on")), "rule 0 serves: 'on' (TARGETING_MATCH)", id="everyone"),
        pytest.param(
            _flag(FlagRule(HALF), holdout=Slice("h", 0, PARTS)),
            "rule 0 splits, and the unit is held out: 'off' (DEFAULT)",
            id="held out",
        ),
    ],
)
def test_explanation_ends_with_the_variant_and_its_grounds(flag: CompiledFlag, end: str) -> None:
    *_, last = explain(flag, "user-1")
    assert last.question == end
