"""Serving is a pure function of one commit: every case."""

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import msgspec
import pytest

from tidegate.domain.intent import AgentRelease
from tidegate.domain.state import BadVersion, Phase, ReleaseState
from tidegate.domain.traffic import Traffic, traffic_of

if TYPE_CHECKING:
    from tidegate.domain.release import Release

Make = Callable[..., Any]
DEPLOY, LATER = "d" * 40, "e" * 40
V2_IS_BAD = (BadVersion(version="v2", attempt="a" * 40, reason="harm"),)


def test_first_version_of_an_agent_is_served_to_all(intent: AgentRelease) -> None:
    assert _served(traffic_of(intent, None, DEPLOY)) == ("v2", None, 0, Phase.HEALTHY)


def test_first_version_whose_intent_was_edited_is_still_served_to_all(
    intent: AgentRelease,
) -> None:
    traffic = traffic_of(intent, None, DEPLOY, previous="v2")
    assert _served(traffic) == ("v2", None, 0, Phase.HEALTHY)


def test_new_version_without_any_state_waits_behind_the_previous_one(
    intent: AgentRelease,
) -> None:
    traffic = traffic_of(intent, None, DEPLOY, previous="v1")
    assert _served(traffic) == ("v1", "v2", 0, Phase.PENDING)
    assert "v2 waits for an engine" in traffic.reason


def test_new_version_with_a_void_state_waits_behind_the_stable_one(
    intent: AgentRelease, state: ReleaseState
) -> None:
    traffic = traffic_of(intent, state, LATER, previous="v7")
    assert _served(traffic) == ("v1", "v2", 0, Phase.PENDING)


@pytest.mark.parametrize("version", ["v1", "v0"])
def test_version_in_the_rollback_window_with_a_void_state_is_served_at_once(
    intent: AgentRelease, state: ReleaseState, version: str
) -> None:
    wanted = msgspec.structs.replace(intent, version=version)
    traffic = traffic_of(wanted, state, LATER)
    assert _served(traffic) == (version, None, 0, Phase.HEALTHY)
    assert "served at once" in traffic.reason


def test_stable_version_outside_the_window_with_a_void_state_is_served_at_once(
    intent: AgentRelease, state: ReleaseState
) -> None:
    wanted = msgspec.structs.replace(intent, version="v1")
    bare = msgspec.structs.replace(state, window=())
    assert _served(traffic_of(wanted, bare, LATER)) == ("v1", None, 0, Phase.HEALTHY)


def test_bad_version_without_force_is_not_served_and_the_reason_says_the_way_out(
    intent: AgentRelease, state: ReleaseState
) -> None:
    traffic = traffic_of(intent, msgspec.structs.replace(state, bad=V2_IS_BAD), LATER)
    assert _served(traffic) == ("v1", None, 0, Phase.DEGRADED)
    assert "set force: true" in traffic.reason


def test_bad_version_with_force_begins_again_from_the_first_step(
    intent: AgentRelease, state: ReleaseState
) -> None:
    forced = msgspec.structs.replace(intent, force=True)
    traffic = traffic_of(forced, msgspec.structs.replace(state, bad=V2_IS_BAD), LATER)
    assert _served(traffic) == ("v1", "v2", 0, Phase.PENDING)


def test_bad_version_in_the_window_without_force_is_not_served(
    intent: AgentRelease, state: ReleaseState
) -> None:
    known = msgspec.structs.replace(state, bad=V2_IS_BAD, window=("v1", "v2"))
    assert _served(traffic_of(intent, known, LATER)) == ("v1", None, 0, Phase.DEGRADED)


def test_bad_version_in_the_window_with_force_is_not_served_to_all_at_once(
    intent: AgentRelease, state: ReleaseState
) -> None:
    """Only a version "that is not marked bad" is served at 100 % at once; any other begins anew."""
    forced = msgspec.structs.replace(intent, force=True)
    known = msgspec.structs.replace(state, bad=V2_IS_BAD, window=("v1", "v2"))
    assert _served(traffic_of(forced, known, LATER)) == ("v1", "v2", 0, Phase.PENDING)


@pytest.mark.parametrize("phase", [Phase.PROGRESSING, Phase.PAUSED])
def test_rollout_under_way_is_served_at_its_weight(
    intent: AgentRelease, state: ReleaseState, phase: Phase
) -> None:
    known = msgspec.structs.replace(state, phase=phase, weight=50_000, reason="as it was")
    traffic = traffic_of(intent, known, DEPLOY)
    assert _served(traffic) == ("v1", "v2", 50_000, phase)
    assert traffic.reason == "as it was"


@pytest.mark.parametrize(
    "phase", [Phase.HEALTHY, Phase.PENDING, Phase.COMPLETED, Phase.ROLLED_BACK, Phase.DEGRADED]
)
def test_outside_a_rollout_the_stable_version_is_served_to_all(
    intent: AgentRelease, state: ReleaseState, phase: Phase
) -> None:
    known = msgspec.structs.replace(state, phase=phase, weight=50_000)
    assert _served(traffic_of(intent, known, DEPLOY)) == ("v1", None, 0, phase)


def test_completed_rollout_serves_what_was_promoted(
    intent: AgentRelease, state: ReleaseState
) -> None:
    known = msgspec.structs.replace(state, phase=Phase.COMPLETED, stable="v2", candidate=None)
    assert _served(traffic_of(intent, known, DEPLOY)) == ("v2", None, 0, Phase.COMPLETED)


def test_rollout_without_a_candidate_serves_the_stable_version(
    intent: AgentRelease, state: ReleaseState
) -> None:
    known = msgspec.structs.replace(state, candidate=None, weight=50_000)
    assert _served(traffic_of(intent, known, DEPLOY))[:3] == ("v1", None, 0)


def test_revert_of_an_attempt_that_failed_is_served_with_no_engine_alive(
    intent: AgentRelease, state: ReleaseState
) -> None:
    """The push of a rollback: STATE names the failed attempt, the revert of INTENT is a new one."""
    reverted = msgspec.structs.replace(intent, version="v1")
    known = msgspec.structs.replace(
        state, phase=Phase.ROLLED_BACK, candidate=None, bad=V2_IS_BAD, window=()
    )
    assert _served(traffic_of(reverted, known, LATER)) == ("v1", None, 0, Phase.HEALTHY)


def test_traffic_of_the_same_commit_is_always_the_same(
    intent: AgentRelease, state: ReleaseState
) -> None:
    assert traffic_of(intent, state, DEPLOY) == traffic_of(intent, state, DEPLOY)


def test_halted_release_serves_its_baseline_to_every_unit(make_release: Make) -> None:
    running: Release = make_release(weight=1_000_000)
    halted = running.halted("error: 12 of 40")
    assert _served(halted.traffic) == ("v1", None, 0, Phase.ROLLED_BACK)
    assert halted.traffic.reason == "override: error: 12 of 40"
    assert not halted.in_rollout
    units = [f"user-{number}" for number in range(200)]
    assert {running.version(unit) for unit in units} == {"v2"}
    assert {halted.version(unit) for unit in units} == {"v1"}
    assert {halted.arm(unit) for unit in units} == {None}


def test_halted_release_changes_nothing_but_the_traffic(make_release: Make) -> None:
    running: Release = make_release()
    halted = running.halted("harm")
    assert msgspec.structs.replace(halted, traffic=running.traffic) == running


def test_step_outside_a_rollout_is_the_first_and_has_no_beginning(make_release: Make) -> None:
    running: Release = make_release(step=1, weight=100_000)
    waiting: Release = make_release(attempt=LATER, step=1)
    assert (running.in_rollout, running.step) == (True, 1)
    assert running.step_started is not None
    assert (waiting.in_rollout, waiting.step, waiting.step_started) == (False, 0, None)


def _served(traffic: Traffic) -> tuple[str, str | None, int, Phase]:
    return traffic.baseline, traffic.candidate, traffic.share_ppm, traffic.phase
