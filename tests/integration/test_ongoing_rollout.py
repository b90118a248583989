"""A release of an agent whose users keep coming is certified by counts: on real git and a log."""

import math

import pytest

from anytime import log_e_below, safe_logrank
from release_files import canary, intent_path, metrics_path, release_file
from tidegate.domain.decision import Verdict
from tidegate.domain.evidence import Evidence
from tidegate.domain.state import Phase
from worlds import AGENT, World

METRICS = (
    f"kind: Metrics\nagent: {AGENT}\nexposure: {{}}\n"
    "guardrails:\n  - {{name: error, negligible: 0.1%}}\n"
)
USERS = 1600
ARMS = ("candidate", "baseline")
ALTERNATIVES = (0.5, 0.8, 1.0, math.sqrt(1.5))


def _begin(world: World, exposure: str) -> None:
    person = world.person(f"person-{exposure}")
    person.commit(metrics_path(), METRICS.format(exposure), f"Watch users {exposure}")
    strategy = canary("{setWeight: 50%, minUnits: 100, certify: true}", "{setWeight: 100%}")
    (text,) = release_file("v2", strategy, more="salt: the same in every run\n").values()
    person.commit(intent_path(), text, "Deploy v2")
    world.turn()
    assert world.release.traffic.share_ppm == 500_000


def _users(world: World) -> list[str]:
    """Everyone comes at the beginning, and nobody leaves."""
    users = [f"user-{number}" for number in range(USERS)]
    world.expose(users)
    return users


def _by_counts(world: World, users: list[str], failed: list[str]) -> float:
    """Log e-value against a hazard ratio of 1.5, user by user, from the definition."""
    at_risk = {arm: sum(world.release.arm(user) == arm for user in users) for arm in ARMS}
    wealth = dict.fromkeys(ALTERNATIVES, 1.0)
    for user in failed:
        arm = world.release.arm(user)
        c, b = at_risk["candidate"], at_risk["baseline"]
        for h in ALTERNATIVES:
            gain = (1.5 * c + b) / (h * c + b)
            wealth[h] *= gain * (h / 1.5 if arm == "candidate" else 1.0)
        at_risk[str(arm)] -= 1
    return math.log(sum(wealth.values()) / len(wealth))


def _mixed(log_e_ratio: float, incidents: int, matured: int) -> float:
    """With the e-value of the negligible rate."""
    negligible = log_e_below(incidents=incidents, units=matured, ceiling=0.001)
    return math.log((math.exp(log_e_ratio) + math.exp(negligible)) / 2.0)


def test_users_who_keep_coming_are_certified_by_who_was_at_risk(world: World) -> None:
    """Two of three fail in the end, on both arms alike."""
    _begin(world, "ongoing")
    users = _users(world)
    failed = [user for number, user in enumerate(users) if number % 3]
    expected = _by_counts(world, users, failed)
    hits = sum(world.release.arm(user) == "candidate" for user in failed)
    world.report(failed, "safety", "error")
    world.clock.advance(minutes=11)
    world.turn()
    record = next(iter(world.records().values()))
    assert record.decision.verdict is Verdict.PROMOTE
    (found,) = record.decision.assessments
    assert found.log_e_safe == pytest.approx(_mixed(expected, hits, found.candidate.n), abs=1e-9)
    assert record.recompute() == record.decision


def test_harm_to_users_who_keep_coming_is_judged_by_shares(world: World) -> None:
    _begin(world, "ongoing")
    users = _users(world)
    failed = [u for n, u in enumerate(users) if n % 40 == 0 or _on_candidate(world, u, n)]
    world.report(failed, "safety", "error")
    world.turn()
    record = next(iter(world.records().values()))
    assert (record.decision.verdict, record.decision.rule) == (Verdict.ROLL_BACK, "harm")
    assert isinstance(record.evidence, Evidence)
    strata = [stage.incident_stratum("error") for stage in record.evidence.stages]
    assert record.decision.assessments[0].log_e_harm == safe_logrank.log_e_harm(strata)
    assert record.recompute() == record.decision


def _on_candidate(world: World, user: str, number: int) -> bool:
    return number % 8 == 0 and world.release.arm(user) == "candidate"


def test_one_and_the_same_stream_is_certified_otherwise_for_units_that_are_one_task(
    world: World,
) -> None:
    """By shares an incident is as telling late as early: the e-value is another one."""
    _begin(world, "once")
    users = _users(world)
    failed = [user for number, user in enumerate(users) if number % 3]
    world.report(failed, "safety", "error")
    world.clock.advance(minutes=11)
    rollout = world.release.rollout
    world.turn()
    record = next(iter(world.records().values()))
    assert record.rollout == rollout
    assert isinstance(record.evidence, Evidence)
    (stage,) = record.evidence.stages
    assert stage.at_risk == {}
    strata = [stage.incident_stratum("error")]
    by_shares = safe_logrank.log_e_non_inferior(strata, margin=1.5)
    found = record.decision.assessments[0].log_e_safe
    assert found == pytest.approx(by_shares - math.log(2.0), abs=1e-6)


def test_people_see_the_evidence_that_the_engine_decides_on(world: World) -> None:
    """While it runs, with too little to be certified."""
    _begin(world, "ongoing")
    users = _users(world)
    failed = users[:40]
    expected = _by_counts(world, users, failed)
    world.report(failed, "safety", "error")
    world.turn()
    assert world.release.traffic.phase is Phase.PROGRESSING
    detail = world.views.one(world.release.rollout)
    (stage,) = detail.evidence.stages
    assert list(stage.at_risk) == ["error"]
    assert (detail.evidence.step, detail.evidence.share_ppm) == (0, 500_000)
    hits = sum(world.release.arm(user) == "candidate" for user in failed)
    shown = detail.assessments[0].log_e_safe  # matured are those with an incident, so far
    assert shown == pytest.approx(_mixed(expected, hits, hits), abs=1e-9)


def test_the_evidence_is_the_same_after_a_restart_and_from_the_log(world: World) -> None:
    _begin(world, "ongoing")
    users = _users(world)
    world.report(users[:40], "safety", "error")
    world.turn()
    before = world.views.one(world.release.rollout).evidence
    world.restart()
    assert world.views.one(world.release.rollout).evidence == before
    seq = world.events.last_seq()
    sets = world.events.risk_sets(world.release.rollout, "error", seq)
    assert len(sets) == 40
    assert sets[0][2:] == tuple(
        sum(world.release.arm(user) == arm for user in users) for arm in ARMS
    )
