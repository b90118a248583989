"""The answer to "which version does this unit get?"."""

from collections.abc import Callable
from itertools import pairwise
from typing import Any

import pytest

from tidegate.domain.assignment import assign
from tidegate.domain.state import Phase
from tidegate_sdk import in_share

Make = Callable[..., Any]
UNITS = [f"user-{number}" for number in range(300)]


def test_unit_inside_the_share_is_assigned_the_candidate(make_release: Make) -> None:
    release = make_release(weight=500_000)
    for unit in UNITS:
        found = assign(release, unit)
        inside = in_share("support:dddddddddddd", unit, 500_000)
        assert found.arm == ("candidate" if inside else "baseline")
        assert found.version == ("v2" if inside else "v1")
        assert (found.reason, found.phase) == ("SPLIT", "Progressing")


def test_unit_outside_a_rollout_is_assigned_statically_without_an_arm(make_release: Make) -> None:
    found = assign(make_release(phase=Phase.COMPLETED, stable="v2"), "user-1")
    assert (found.version, found.arm, found.reason) == ("v2", None, "STATIC")
    assert (found.phase, found.step) == ("Completed", 0)


def test_unit_of_a_version_that_waits_is_assigned_the_baseline(make_release: Make) -> None:
    found = assign(make_release(state=None), "user-1")
    assert (found.version, found.arm, found.phase) == ("v1", None, "Pending")


def test_assignment_names_the_commit_and_the_rollout_it_comes_from(make_release: Make) -> None:
    found = assign(make_release(step=1, weight=100_000, commit="b" * 40), "user-1")
    assert (found.manifest_commit, found.rollout, found.step) == (
        "b" * 40,
        "support@" + "d" * 16,
        1,
    )
    assert (found.agent, found.environment, found.unit) == ("support", "production", "user-1")


def test_assignment_at_another_commit_of_the_same_stage_is_the_same(make_release: Make) -> None:
    one, other = make_release(commit="1" * 40), make_release(commit="2" * 40)
    for unit in UNITS:
        first, second = assign(one, unit), assign(other, unit)
        assert (first.arm, first.exposure_id) == (second.arm, second.exposure_id)


def test_exposure_of_repeated_visits_in_one_stage_has_one_id(make_release: Make) -> None:
    release = make_release()
    assert assign(release, "user-1").exposure_id == assign(release, "user-1").exposure_id


@pytest.mark.parametrize(
    "changes",
    [
        pytest.param({"weight": 100_000, "step": 1}, id="the next stage"),
        pytest.param({"attempt": "e" * 40}, id="another attempt"),
    ],
)
def test_exposure_in_another_stage_has_another_id(
    make_release: Make, changes: dict[str, Any]
) -> None:
    before = {assign(make_release(), unit).exposure_id for unit in UNITS}
    after = {assign(make_release(**changes), unit).exposure_id for unit in UNITS}
    assert len(before) == len(after) == len(UNITS)
    assert not before & after


def test_exposure_of_a_paused_stage_keeps_its_id(make_release: Make) -> None:
    """A pause changes nobody's version, so it begins no new stage."""
    running, paused = make_release(), make_release(phase=Phase.PAUSED)
    assert assign(running, "user-1").exposure_id == assign(paused, "user-1").exposure_id


def test_raising_the_weight_never_moves_a_unit_out_of_the_candidate(make_release: Make) -> None:
    weights = [1, 10_000, 100_000, 500_000, 999_999, 1_000_000]
    inside = [
        {unit for unit in UNITS if assign(make_release(weight=weight), unit).arm == "candidate"}
        for weight in weights
    ]
    for smaller, larger in pairwise(inside):
        assert smaller <= larger
    assert inside[-1] == set(UNITS)
