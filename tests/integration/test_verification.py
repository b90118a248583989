"""Decisions taken again from record, manifest and event log, on real git and DuckDB."""

import random

import pytest

from tidegate.domain.decision import Verdict
from tidegate.domain.switch import Health
from tidegate.domain.verification import Verification
from tidegate.service.verifying import Verifier
from worlds import World

INTENT = "envs/production/support.yaml"
HEALTH = "http://127.0.0.1:9/green/healthz"


def _verified(world: World) -> dict[str, Verification]:
    """What is found of every decision commit, by its rule; each commit must verify."""
    verifier = Verifier(world.repository, world.events)
    found = {commit: verifier.verify(commit) for commit in world.records()}
    assert [each.conclusion for each in found.values()] == ["verified"] * len(found)
    return {each.rule or "": each for each in found.values()}


def _healthy(world: World, count: int, prefix: str) -> None:
    units = [f"{prefix}{number}" for number in range(count)]
    world.expose(units)
    world.report(units, "outcome", "goal", 1.0)


def test_every_decision_of_a_rollback_verifies(canary: World) -> None:
    _healthy(canary, 150, "u")
    canary.harm()
    canary.turn()
    found = _verified(canary)
    assert set(found) == {"adopted", "start", "harm"}
    assert found["harm"].revert == canary.head()
    assert [check.name for check in found["harm"].checks] == [
        "digest",
        "id",
        "trailers",
        "history",
        "rule",
        "figures",
        "policy",
        "release",
        "evidence",
        "state",
        "untouched",
        "revert",
    ]


def test_the_revert_of_a_rollback_verifies_as_the_decision_that_it_follows(canary: World) -> None:
    canary.harm()
    canary.turn()
    found = Verifier(canary.repository, canary.events).verify(canary.head())
    assert (found.verified, found.revert) == (True, canary.head())
    assert found.commit == canary.git("rev-parse", "main~1").strip()


def test_every_decision_of_a_promotion_verifies_also_long_after_it(canary: World) -> None:
    for step in range(4):
        _healthy(canary, 2000, f"s{step}-")
        canary.turn()
    canary.clock.advance(days=365)
    _healthy(canary, 50, "later-")
    canary.turn()
    found = _verified(canary)
    assert set(found) == {"adopted", "start", "step_complete", "all_steps_complete"}
    assert found["all_steps_complete"].verdict == Verdict.PROMOTE


def test_a_persons_revert_and_what_the_engine_said_of_it_verify(canary: World) -> None:
    canary.person().revert(canary.release.attempt)
    canary.turn()
    assert "superseded" in _verified(canary)


def test_a_decision_verifies_after_a_restart_and_with_events_that_came_since(
    canary: World,
) -> None:
    canary.harm()
    canary.turn()
    _healthy(canary, 100, "later-")
    canary.restart()
    assert "harm" in _verified(canary)


def test_a_rollback_that_git_learnt_of_late_verifies_on_what_it_was_decided_on(
    canary: World,
) -> None:
    canary.harm()
    away = canary.remote.rename(canary.remote.with_suffix(".away"))
    canary.turn()
    late = [f"late-{number}" for number in range(400)]
    canary.expose(late)
    canary.report(late, "safety", "prompt_injection")
    canary.clock.advance(hours=1)
    away.rename(canary.remote)
    canary.restart()
    canary.turn()
    assert "harm" in _verified(canary)


def test_a_rollback_while_the_manifest_cannot_be_read_verifies_on_the_last_that_could(
    canary: World,
) -> None:
    canary.person().commit("tidegate.yaml", "kind: Other\n", "Break the manifest")
    canary.turn()
    canary.harm()
    canary.turn()
    assert "harm" in _verified(canary)


def test_a_rollback_that_git_learnt_of_when_people_had_begun_anew_verifies(canary: World) -> None:
    canary.harm()
    away = canary.remote.rename(canary.remote.with_suffix(".away"))
    canary.turn()
    away.rename(canary.remote)
    person = canary.person()
    intent = (person.folder / INTENT).read_text()
    person.commit(INTENT, intent + "# once more\n", "Deploy support v2 again")
    canary.clock.advance(minutes=1)
    canary.restart()
    canary.turn()
    found = _verified(canary)["harm"]
    assert found.revert is None
    assert "nothing to revert" in found.checks[-1].detail


def test_pause_and_resume_verify(canary: World) -> None:
    canary.expose(canary.units("candidate", 60, prefix="srm-"))
    canary.turn()
    orders = (
        "apiVersion: tidegate/v1\nkind: RolloutOrders\nagent: support\n"
        f"attempt: {canary.release.attempt}\nresumed: true\n"
    )
    canary.person().commit("envs/production/orders/support.yaml", orders, "Go on")
    canary.turn()
    assert {"sample_ratio_mismatch", "resumed"} <= set(_verified(canary))


def test_units_that_stay_at_risk_verify_with_every_bet(world: World) -> None:
    person = world.person()
    metrics = (person.folder / "agents/support/metrics.yaml").read_text()
    person.commit("agents/support/metrics.yaml", metrics + "exposure: ongoing\n", "They come back")
    world.turn()
    world.engineer.deploy("v2")
    world.turn()
    _healthy(world, 1990, "u")
    world.report(["u3", "u5", "u8"], "safety", "error")
    _healthy(world, 20, "w")
    world.turn()
    found = _verified(world)
    assert found["step_complete"].verdict == Verdict.ADVANCE
    (record,) = [r for r in world.records().values() if r.decision.rule == "step_complete"]
    assert record.evidence.stages[0].at_risk["error"]  # type: ignore[union-attr] # of a canary


def _colours(active: str) -> str:
    version = {"blue": "v1", "green": "v2"}[active]
    return f"""\
kind: AgentRelease
agent: support
version: {version}
strategy:
  blueGreen:
    active: {active}
    blue: {{version: v1, endpoint: "http://blue.example"}}
    green: {{version: v2, endpoint: "http://green.example", health: "{HEALTH}"}}
    preview: {{users: [tester]}}
"""


def test_a_switch_and_the_alarm_after_it_verify(world: World) -> None:
    world.person().commit(INTENT, _colours("blue"), "Two environments for support")
    world.turn()
    world.probe.answers[HEALTH] = Health(well=True, version="v2")
    world.person("another").commit(INTENT, _colours("green"), "Switch support to green")
    for prefix, units, errors in (("before", 600, 3), ("preview", 300, 2), ("after", 300, 60)):
        names = [f"{prefix}{number}" for number in range(units)]
        world.expose(names)
        world.report(names[:errors], "safety", "error")
        world.clock.advance(minutes=11)
        world.turn()
    found = _verified(world)
    assert {"start", "switched", "change_detected"} <= set(found)
    assert found["change_detected"].revert is not None
    (evidence,) = [each for each in found["switched"].checks if each.name == "evidence"]
    assert "is taken from the record" in evidence.detail


@pytest.mark.parametrize(
    "goal",
    [
        pytest.param("{name: goal, minimumEffect: 0.02}", id="binary"),
        pytest.param("{name: goal, kind: mean, minimumEffect: 0.02}", id="mean"),
    ],
)
def test_an_experiment_with_a_dropped_arm_and_a_winner_verifies(world: World, goal: str) -> None:
    world.engineer.add_version("v3")
    intent = f"""\
kind: AgentRelease
agent: support
version: v1
strategy:
  ab:
    arms: {{concise: {{version: v2, weight: 30%}}, formal: {{version: v3, weight: 30%}}}}
    goal: {goal}
    horizon: {{units: 50000}}
"""
    world.person().commit(INTENT, intent, "Compare two tones")
    world.turn()
    harmed = [f"u{n}" for n in range(3000) if world.release.version(f"u{n}") == "v2"][:12]
    world.expose(harmed)
    world.report(harmed, "safety", "prompt_injection")
    world.clock.advance(minutes=1)
    world.turn()
    rng = random.Random(1)
    for batch in range(4):
        names = [f"b{batch}-{number}" for number in range(2500)]
        world.expose(names)
        rates = {unit: 0.75 if world.release.version(unit) == "v3" else 0.5 for unit in names}
        won = [unit for unit in names if rng.random() < rates[unit]]
        world.report(won, "outcome", "goal", 1.0)
        world.report(sorted(set(names) - set(won)), "outcome", "goal", 0.0)
        world.clock.advance(minutes=11)
        world.turn()
    assert {"start", "harm", "winner"} <= set(_verified(world))
