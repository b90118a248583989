"""`tidegate pause`, `resume` and `promote`: what a person wants of the rollout under way."""

from pathlib import Path

import pytest

from teams import INTENT, ORDERS, Team, run
from tidegate.domain import manifest_files as files
from tidegate.domain.orders import RolloutOrders
from tidegate.domain.state import Phase
from worlds import World


@pytest.fixture
def team(tmp_path: Path) -> Team:
    return Team(tmp_path)


@pytest.fixture
def rollout(team: Team) -> Team:
    """A canary of v2 is at 5 %, step 2 of 5."""
    team.done("deploy", "support", "v2")
    team.canary_runs("v2")
    return team


def _orders(team: Team) -> RolloutOrders:
    return files.parse(ORDERS, team.file(ORDERS).encode(), RolloutOrders)


def _attempt(team: Team) -> str:
    return team.git("log", "-1", "--format=%H", "main", "--", INTENT).strip()


def test_pause_is_a_commit_of_the_orders_for_this_attempt(rollout: Team) -> None:
    done = rollout.done("pause", "support", "--reason", "Zahlen prüfen 支")
    assert _orders(rollout) == RolloutOrders(
        agent="support", attempt=_attempt(rollout), paused=True, reason="Zahlen prüfen 支"
    )
    assert done["subject"] == "Pause support v2"
    assert done["commit"] == rollout.head()
    assert rollout.git("show", "--format=", "--name-only", "main").split() == [ORDERS]
    assert rollout.git("log", "-1", "--format=%b", "main").strip() == "Zahlen prüfen 支"
    assert done["outlook"].startswith("the rollout is held at 5% from the service's next fetch on")


def test_engine_holds_a_paused_rollout_and_goes_on_when_resumed(canary: World) -> None:
    person = canary.person()
    assert run(person.folder, "pause", "support").exit_code == 0
    units = [f"u{number}" for number in range(2000)]
    canary.engine.refresh()
    canary.expose(units)
    canary.report(units, "outcome", "goal", 1.0)
    canary.turn()
    assert canary.release.traffic.share_ppm == 10_000
    assert run(person.folder, "resume", "support").exit_code == 0
    canary.turn()
    assert canary.release.traffic.share_ppm == 50_000


def test_engine_takes_the_step_that_a_person_lets_go(canary: World) -> None:
    person = canary.person()
    assert run(person.folder, "promote", "support").exit_code == 0
    canary.turn()
    assert canary.release.traffic.share_ppm == 50_000
    canary.turn()
    assert canary.release.traffic.share_ppm == 50_000
    assert run(person.folder, "promote", "support", "--full").exit_code == 0
    canary.turn()
    assert canary.release.version("anyone") == "v2"


def test_promote_lets_the_step_in_force_go_and_no_other(rollout: Team) -> None:
    done = rollout.done("promote", "support")
    assert _orders(rollout).promoted_steps == 2
    assert done["subject"] == "Promote support v2 to 25% (step 3 of 5)"


def test_promote_full_takes_all_steps(rollout: Team) -> None:
    done = rollout.done("promote", "support", "--full", "--reason", "hotfix")
    assert _orders(rollout).full
    assert done["subject"] == "Promote support v2 to 100%"


def test_promote_again_at_the_next_step_adds_to_the_orders(rollout: Team) -> None:
    rollout.done("promote", "support")
    rollout.canary_runs("v2", step=2, weight=250_000)
    done = rollout.done("promote", "support")
    assert _orders(rollout).promoted_steps == 3
    assert done["subject"] == "Promote support v2 to 50% (step 4 of 5)"


def test_resume_after_a_persons_pause_takes_the_pause_back_and_waives_nothing(
    rollout: Team,
) -> None:
    rollout.done("pause", "support")
    done = rollout.done("resume", "support")
    assert (_orders(rollout).paused, _orders(rollout).resumed) == (False, False)
    assert "waived" not in done["outlook"]


def test_resume_after_the_engines_pause_says_which_alarm_is_waived(rollout: Team) -> None:
    rollout.canary_runs("v2", phase=Phase.PAUSED, reason="the split is not what it should be")
    done = rollout.done("resume", "support")
    assert _orders(rollout).resumed
    assert done["outlook"].endswith("the alarm is waived: the split is not what it should be")


def test_promote_after_the_engines_pause_takes_this_step_and_waives_no_later_alarm(
    rollout: Team,
) -> None:
    rollout.canary_runs("v2", phase=Phase.PAUSED, reason="inconclusive after 72h")
    done = rollout.done("promote", "support")
    assert (_orders(rollout).resumed, _orders(rollout).promoted_steps) == (False, 2)
    assert "; it does not wait for: inconclusive after 72h; harm still ends it" in done["outlook"]


def test_engine_that_paused_takes_the_step_that_a_person_promotes(canary: World) -> None:
    """Units come to one arm only: the engine pauses for the mismatch."""
    canary.expose(canary.units("candidate", 60))
    canary.turn()
    assert canary.release.traffic.phase is Phase.PAUSED
    assert run(canary.person().folder, "promote", "support").exit_code == 0
    canary.turn()
    canary.turn()
    assert canary.release.traffic.share_ppm == 50_000


def test_orders_of_an_earlier_attempt_are_no_longer_heard(rollout: Team) -> None:
    rollout.done("promote", "support", "--full")
    rollout.done("deploy", "support", "v3")
    rollout.canary_runs("v3", step=0, weight=10_000)
    rollout.done("pause", "support")
    assert _orders(rollout) == RolloutOrders(
        agent="support", attempt=_attempt(rollout), paused=True
    )


def test_risk_budget_is_promoted_by_the_stage(team: Team) -> None:
    ramp = "  canary:\n    mode: riskBudget\n    riskBudget: {excess: 5}\n"
    head = "kind: AgentRelease\nagent: support\nversion: v2\nstrategy:\n"
    team.commit(INTENT, head + ramp, "Deploy v2 by a budget")
    team.canary_runs("v2", step=3, weight=70_000)
    done = team.done("promote", "support")
    assert _orders(team).promoted_steps == 4
    assert done["subject"] == "Promote support v2 to the next stage"


def test_promote_of_a_blue_green_release_is_the_switch(team: Team) -> None:
    content = """\
kind: AgentRelease
agent: support
version: v2
strategy:
  blueGreen:
    active: green
    autoPromotion: false
    blue: {version: v1, endpoint: "http://blue"}
    green: {version: v2, endpoint: "http://green"}
"""
    team.commit(INTENT, content, "Deploy v2 to green")
    team.canary_runs("v2", step=0, weight=0)
    assert team.done("promote", "support")["subject"] == "Promote support v2 to 100%"
    assert _orders(team).promoted_steps == 1


@pytest.mark.parametrize("command", ["pause", "resume", "promote"])
def test_nothing_to_order_while_no_rollout_runs(team: Team, command: str) -> None:
    team.engine_writes(Phase.COMPLETED, reason="all steps are done", window=("v1",))
    assert team.refusal(command, "support") == (
        "no rollout of support is under way in production: v1 is served "
        "(Completed, all steps are done)"
    )


@pytest.mark.parametrize("command", ["pause", "resume", "promote"])
def test_rollout_that_has_not_begun_is_taken_back_by_abort(team: Team, command: str) -> None:
    team.done("deploy", "support", "v2")
    assert team.refusal(command, "support") == (
        "the rollout of v2 has not begun: v2 waits for an engine to begin its rollout. "
        "To take it back: tidegate abort support"
    )


def test_pause_of_what_a_person_paused_is_refused_with_their_reason(rollout: Team) -> None:
    rollout.done("pause", "support", "--reason", "lunch")
    assert rollout.refusal("pause", "support") == (
        "support is paused already: by a person, who said: lunch"
    )


def test_pause_of_what_the_engine_paused_is_refused_with_its_reason(rollout: Team) -> None:
    rollout.canary_runs("v2", phase=Phase.PAUSED, reason="outcomes are missing")
    assert rollout.refusal("pause", "support") == (
        "support is paused already: by the engine, outcomes are missing"
    )


def test_resume_of_what_runs_is_refused(rollout: Team) -> None:
    assert rollout.refusal("resume", "support") == "support is not paused: v2 is at 5%"


def test_resume_twice_is_refused(rollout: Team) -> None:
    rollout.canary_runs("v2", phase=Phase.PAUSED)
    rollout.done("resume", "support")
    assert rollout.refusal("resume", "support") == (
        "support is not paused: it was resumed, and the engine goes on at its next look"
    )


def test_promote_of_what_a_person_paused_is_refused(rollout: Team) -> None:
    rollout.done("pause", "support", "--reason", "lunch")
    assert rollout.refusal("promote", "support") == (
        "support is paused: by a person, who said: lunch. First: tidegate resume support"
    )


@pytest.mark.parametrize("flags", [[], ["--full"]])
def test_promote_twice_is_refused(rollout: Team, flags: list[str]) -> None:
    rollout.done("promote", "support", *flags)
    assert rollout.refusal("promote", "support", *flags) == (
        "support is promoted already, and the engine does it at its next look"
    )


def test_experiment_has_no_steps_to_promote(team: Team) -> None:
    content = """\
kind: AgentRelease
agent: support
version: v1
strategy:
  ab:
    arms: {bold: {version: v2, weight: 50%}}
    goal: {name: goal}
    horizon: {units: 1000}
"""
    team.commit(INTENT, content, "Begin an experiment")
    team.engine_writes(Phase.PROGRESSING, weight=500_000, salt="salt", window=("v1",))
    assert team.refusal("promote", "support") == (
        "support runs an experiment, which has no steps; to end it: tidegate abort support"
    )
    assert team.done("pause", "support")["subject"] == "Pause support the experiment with v2"
