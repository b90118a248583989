"""What becomes of a version that gets worse once everyone has it, on real git and a real log."""

from collections.abc import Callable, Sequence
from typing import Any

import msgspec
import pytest

from release_files import canary, intent_path, release_file
from tidegate.domain import manifest_files as files
from tidegate.domain.commits import PlannedCommit
from tidegate.domain.decision import Verdict
from tidegate.domain.state import Phase, ReleaseState
from tidegate.domain.watch import WatchEvidence
from worlds import AGENT, World

STATE = f"envs/production/state/{AGENT}.yaml"
UNITS = 2000
RULES = {"step_complete", "all_steps_complete", "change_detected"}
"""What is decided on evidence; a start, for one, is not."""


def _deploy(world: World, version: str = "v2", watch: str = "{runLength: 20000}") -> str:
    """Deploy with half of the units in one step, and a watch afterwards."""
    steps = (f"{{setWeight: 50%, minUnits: {UNITS}}}", "{setWeight: 100%}")
    strategy = canary(*steps, more=f", afterPromotion: {watch}")
    (text,) = release_file(version, strategy, more="salt: the same in every run\n").values()
    commit = world.person(f"person-{version}").commit(intent_path(), text, f"Deploy {version}")
    world.turn()
    return commit


def _meet(world: World, prefix: str, count: int, one_in: int) -> None:
    """Units meet what is served, and one in so many of them is the victim of an injection."""
    units = [f"{prefix}{number}" for number in range(count)]
    world.expose(units)
    world.report(units, "outcome", "goal", 1.0)
    world.report(units[::one_in], "safety", "prompt_injection")


def _promote(world: World, prefix: str = "ramp-") -> None:
    """Everyone gets it, after a ramp in which one unit in a hundred was a victim on both arms."""
    _meet(world, prefix, UNITS, one_in=100)
    world.turn()
    assert world.release.traffic.phase is Phase.COMPLETED


def _later(world: World, minutes: float = 11) -> None:
    world.clock.advance(minutes=minutes)
    world.turn()


def _state(world: World) -> ReleaseState:
    return files.parse(STATE, world.git("show", f"main:{STATE}").encode(), ReleaseState)


@pytest.fixture
def promoted(world: World) -> World:
    """Everyone has v2, and is watched: a change is told."""
    _deploy(world)
    _promote(world)
    return world


def test_a_version_that_gets_worse_raises_an_alarm_in_git(promoted: World) -> None:
    _meet(promoted, "later-", 600, one_in=10)
    _later(promoted)
    assert promoted.subjects()[:2] == [
        "support: alarm, v2 has become worse (prompt_injection)",
        "support: promote v2 to 100%",
    ]
    state = _state(promoted)
    assert (state.phase, state.stable) == (Phase.DEGRADED, "v2")
    assert not state.marks_bad("v2")
    assert "of 600 units since everyone has it" in state.reason
    assert promoted.release.version("anyone") == "v2"


def test_an_alarm_is_raised_once(promoted: World) -> None:
    _meet(promoted, "later-", 600, one_in=10)
    _later(promoted)
    head = promoted.head()
    for number in range(3):
        _meet(promoted, f"still-{number}-", 200, one_in=5)
        _later(promoted)
    promoted.restart()
    _later(promoted)
    assert promoted.head() == head


def test_a_version_that_stays_as_it_was_raises_none(promoted: World) -> None:
    head = promoted.head()
    for number in range(3):
        _meet(promoted, f"later-{number}-", 1000, one_in=100)
        _later(promoted)
    assert promoted.head() == head


def test_units_whose_window_is_open_raise_no_alarm_yet(promoted: World) -> None:
    _meet(promoted, "later-", 600, one_in=10)
    _later(promoted, minutes=9)
    assert promoted.subjects()[0] == "support: promote v2 to 100%"
    _later(promoted, minutes=2)
    assert promoted.subjects()[0].startswith("support: alarm")


def test_after_its_time_nobody_watches(world: World) -> None:
    _deploy(world, watch="{duration: 1h, runLength: 20000}")
    _promote(world)
    _meet(world, "later-", 600, one_in=10)
    _later(world, minutes=60)
    assert world.subjects()[0] == "support: promote v2 to 100%"


def test_units_that_met_the_old_version_before_the_ramp_began_raise_no_alarm(world: World) -> None:
    """While no engine looked, they were victims of v1 under what is now v2's rollout."""
    look = world.engine.look
    world.engine.look = lambda: None  # type: ignore[method-assign] - an engine that is down
    _deploy(world)
    assert world.release.traffic.phase is Phase.PENDING
    _meet(world, "waiting-", 600, one_in=5)
    world.engine.look = look  # type: ignore[method-assign] - and back
    _later(world)
    _promote(world)
    _meet(world, "later-", 600, one_in=100)
    _later(world)
    assert world.subjects()[0] == "support: promote v2 to 100%"


def test_an_alarm_survives_a_restart_before_it(promoted: World) -> None:
    _meet(promoted, "later-", 600, one_in=10)
    promoted.restart()
    _later(promoted)
    assert promoted.subjects()[0] == "support: alarm, v2 has become worse (prompt_injection)"


# --- A watch that rolls back --------------------------------------------------------------------


@pytest.fixture
def rolled_back(world: World) -> tuple[World, str]:
    """v2 got worse after everyone had it, and the plan said to go back; and its deploy."""
    deploy = _deploy(world, watch="{action: rollback, runLength: 20000}")
    _promote(world)
    _meet(world, "later-", 600, one_in=10)
    _later(world)
    return world, deploy


def test_a_rollback_reverts_the_deploy_byte_for_byte(rolled_back: tuple[World, str]) -> None:
    world, deploy = rolled_back
    assert world.subjects()[:2] == [
        'Revert "Deploy v2"',
        "support: v2 is harmful (prompt_injection), back to v1",
    ]
    assert f"This reverts commit {deploy}." in world.git("log", "-1", "--format=%B", "main")
    path = intent_path()
    assert world.git("show", f"main:{path}") == world.git("show", f"{deploy}^:{path}")


def test_after_a_rollback_the_version_before_is_served_and_the_bad_one_is_known(
    rolled_back: tuple[World, str],
) -> None:
    world, _ = rolled_back
    assert {world.release.version(f"any-{number}") for number in range(500)} == {"v1"}
    state = _state(world)
    assert (state.phase, state.stable, state.candidate) == (Phase.ROLLED_BACK, "v1", None)
    assert [(each.version, each.attempt == state.attempt) for each in state.bad] == [("v2", True)]
    assert world.release.traffic.phase is Phase.HEALTHY
    head = world.head()
    _later(world)
    assert world.head() == head
    world.engineer.deploy("v2")
    world.turn()
    assert world.release.traffic.phase is Phase.DEGRADED


def test_the_version_before_is_served_before_git_is_asked(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    _deploy(world, watch="{action: rollback, runLength: 20000}")
    rollout = world.release.rollout
    _promote(world)
    seen: list[tuple[str, set[str]]] = []
    publish: Callable[..., list[str]] = world.repository.publish

    def watching(parent: str, commits: Sequence[PlannedCommit], *more: Any) -> list[str]:
        seen.append((world.release.version("anyone"), set(world.control.open_overrides())))
        return publish(parent, commits, *more)

    monkeypatch.setattr(world.repository, "publish", watching)
    _meet(world, "later-", 600, one_in=10)
    _later(world)
    assert seen == [("v1", {rollout})]
    assert world.control.open_overrides() == {}


# --- What is recorded, and what people see ------------------------------------------------------


@pytest.mark.parametrize("action", ["alarm", "rollback"])
def test_every_decision_of_the_whole_course_can_be_taken_again(world: World, action: str) -> None:
    _deploy(world, watch=f"{{action: {action}, runLength: 20000}}")
    _promote(world)
    _meet(world, "later-", 600, one_in=10)
    _later(world)
    decided = [each for each in world.records().values() if each.decision.rule in RULES]
    assert {each.decision.rule for each in decided} == {"all_steps_complete", "change_detected"}
    for record in decided:
        assert record.recompute() == record.decision
    last = decided[0]
    assert isinstance(last.evidence, WatchEvidence)
    runs = world.events.afterwards(
        last.rollout,
        "prompt_injection",
        last.evidence.seq,
        since=last.clock.step_started,
        closed_before=last.clock.now - (last.clock.now - last.clock.step_started) / 11 * 10,
    )
    assert last.evidence.guardrails["prompt_injection"].runs == runs
    assert sum(map(sum, runs)) == 600


def test_a_rollout_with_an_alarm_is_shown_as_degraded_and_later_as_completed(
    promoted: World,
) -> None:
    rollout = promoted.release.rollout
    _meet(promoted, "later-", 600, one_in=10)
    _later(promoted)
    view = promoted.views.one(rollout).rollout
    assert (view.phase, view.superseded_by) == ("Degraded", None)
    promoted.engineer.add_version("v3")
    _deploy(promoted, "v3")
    assert promoted.release.traffic.phase is Phase.PROGRESSING
    view = promoted.views.one(rollout).rollout
    assert (view.phase, view.superseded_by) == ("Completed", None)
    assert view.ended_at is not None


def test_a_rollback_after_promotion_has_no_time_from_an_incident_of_the_ramp(
    rolled_back: tuple[World, str],
) -> None:
    """The first victim on the candidate was one of those that a healthy ramp has as well."""
    world, _ = rolled_back
    (view,) = world.views.all()
    assert (view.phase, view.seconds_to_revert) == ("RolledBack", None)
    assert msgspec.json.encode(world.views.one(view.id))
    verdicts = [each.verdict for each in world.views.decisions(view.id)]
    assert verdicts[-2:] == [Verdict.ROLL_BACK.value] * 2
