"""Who takes part in an experiment, and in which arm."""

from typing import Any

import msgspec
import pytest

from tidegate_sdk import PARTS, in_share
from tidegate_sdk.allocation import Allocation, Arm, Slice
from tidegate_sdk.enrolment import CompiledEnrolment, Enrolment, Forced, Placement
from tidegate_sdk.predicates import OneOf
from tidegate_sdk.rules import Attribute, InSegment, InvalidSegment, Users

UNITS = [f"user-{number}" for number in range(500)]
TESTERS = {"testers": Users(("ada",)).matcher({})}
FORCED = Forced(InSegment("testers"), "v3")
GERMANS = Attribute("country", OneOf(("DE",)))
NOBODY, EVERYBODY = Slice("layer:x", 0, 0), Slice("holdout:p", 0, PARTS)


def _enrolment(**changes: Any) -> CompiledEnrolment:
    known: dict[str, Any] = {
        "default": "v1",
        "versions": {"baseline": "v1", "candidate": "v2"},
        "allocation": Allocation("s", "baseline", (Arm("candidate", 300_000, PARTS),)),
    }
    return CompiledEnrolment(Enrolment(**(known | changes)), TESTERS)


def test_unit_of_a_plain_canary_is_placed_by_its_share_alone() -> None:
    enrolment = _enrolment()
    for unit in UNITS:
        inside = in_share("s", unit, 300_000)
        expected = ("v2", "candidate") if inside else ("v1", "baseline")
        assert enrolment.place(unit) == Placement(*expected, "SPLIT", "split")


@pytest.mark.parametrize(
    ("changes", "unit", "expected"),
    [
        pytest.param(
            {"forced": (FORCED,), "holdout": EVERYBODY, "audience": GERMANS, "layer": NOBODY},
            "ada",
            Placement("v3", None, "TARGETING_MATCH", "forced", 0),
            id="forced before all",
        ),
        pytest.param(
            {"forced": (Forced(Users(("bob",)), "v4"), FORCED)},
            "ada",
            Placement("v3", None, "TARGETING_MATCH", "forced", 1),
            id="by the rule that matches",
        ),
        pytest.param(
            {"forced": (FORCED,), "holdout": EVERYBODY, "audience": GERMANS, "layer": NOBODY},
            "bob",
            Placement("v1", None, "DEFAULT", "holdout"),
            id="holdout before audience",
        ),
        pytest.param(
            {"audience": GERMANS, "layer": NOBODY},
            "bob",
            Placement("v1", None, "DEFAULT", "audience"),
            id="audience before layer",
        ),
        pytest.param(
            {"layer": NOBODY}, "bob", Placement("v1", None, "DEFAULT", "layer"), id="layer"
        ),
        pytest.param(
            {"default": "v0", "layer": NOBODY}, "bob", Placement("v0", None, "DEFAULT", "layer"),
            id="the default version, not that of the control",
        ),
    ],
)  # fmt: skip
def test_questions_are_asked_in_their_order(
    changes: dict[str, Any], unit: str, expected: Placement
) -> None:
    assert _enrolment(**changes).place(unit) == expected


def test_unit_that_nothing_keeps_out_is_placed_as_if_there_were_no_questions() -> None:
    layer, holdout = Slice("layer:x", 100_000, 700_000), Slice("holdout:p", 0, 200_000)
    plain, asked = _enrolment(), _enrolment(layer=layer, holdout=holdout, audience=GERMANS)
    taken = [unit for unit in UNITS if layer.holds(unit) and not holdout.holds(unit)]
    assert 150 < len(taken) < 350
    for unit in UNITS:
        placement = asked.place(unit, {"country": "DE"})
        assert (placement.arm is not None) is (unit in taken)
        assert placement == plain.place(unit) or unit not in taken


@pytest.mark.parametrize(
    "changes",
    [
        pytest.param({"layer": Slice("s", 0, 1)}, id="split and layer"),
        pytest.param({"holdout": Slice("s", 0, 1)}, id="split and holdout"),
        pytest.param(
            {"layer": Slice("l", 0, 1), "holdout": Slice("l", 0, 1)}, id="layer and holdout"
        ),
    ],
)
def test_enrolment_that_draws_twice_by_one_salt_is_refused(changes: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match="decides twice"):
        _enrolment(**changes)


def test_enrolment_with_an_arm_that_has_no_version_is_refused() -> None:
    with pytest.raises(ValueError, match=r"arms \['candidate'\] have no version"):
        _enrolment(versions={"baseline": "v1"})


@pytest.mark.parametrize(
    "changes", [{"forced": (Forced(InSegment("x"), "v3"),)}, {"audience": InSegment("x")}]
)
def test_enrolment_on_a_segment_that_is_not_there_is_refused(changes: dict[str, Any]) -> None:
    with pytest.raises(InvalidSegment, match="segment 'x' is not defined; defined are: testers"):
        _enrolment(**changes)


def test_enrolment_survives_the_way_to_another_process() -> None:
    enrolment = Enrolment(
        default="v1",
        versions={"baseline": "v1", "candidate": "v2"},
        allocation=Allocation("s", "baseline", (Arm("candidate", 1, PARTS),)),
        forced=(FORCED,),
        audience=GERMANS,
        layer=NOBODY,
        holdout=EVERYBODY,
    )
    assert msgspec.json.decode(msgspec.json.encode(enrolment), type=Enrolment) == enrolment
