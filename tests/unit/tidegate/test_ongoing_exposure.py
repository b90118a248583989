"""Users who keep coming stay at risk: they are certified by counts, and harmed by shares."""

import math
from datetime import UTC, datetime

import msgspec
import numpy as np
import pytest

from anytime import log_e_below, safe_logrank
from tidegate.domain.assessment import assess
from tidegate.domain.at_risk import RiskSet, log_e_non_inferior, with_bets
from tidegate.domain.canary import Step
from tidegate.domain.decision import Verdict, decide
from tidegate.domain.evidence import ArmCounts, Clock, Evidence, StageCounts
from tidegate.domain.installation import Budgets
from tidegate.domain.metrics import Guardrail
from tidegate.domain.policy import Policy
from tidegate.domain.record import DecisionRecord, from_json, to_json

MARGIN = 1.5
ALTERNATIVES = (0.5, 0.8, 1.0, math.sqrt(MARGIN))
ONGOING = Policy(
    budgets=Budgets(),
    guardrails=(Guardrail(name="error"), Guardrail(name="goal", kind="outcome")),
    steps=(Step(set_weight="50%", certify=True), Step(set_weight="100%")),
    exposure="ongoing",
)
NOW = datetime(2026, 1, 1, tzinfo=UTC)
CLOCK = Clock(now=NOW, step_started=NOW)
ONCE = msgspec.structs.replace(ONGOING, exposure="once")


def _incidents(
    seed: int,
    *,
    units: int,
    ratio: float,
    part: float = 0.5,
    step: int = 0,
    share: float = 0.5,
) -> tuple[RiskSet, ...]:
    """So large a part of all users has an incident, one by one, with hazards in this ratio."""
    rng = np.random.default_rng(seed)
    candidate = int(units * share)
    at_risk, sets = [candidate, units - candidate], []
    for _ in range(int(part * units)):
        weight = ratio * at_risk[0]
        on_candidate = bool(rng.random() < weight / (weight + at_risk[1]))
        sets.append(RiskSet(step, on_candidate, *at_risk))
        at_risk[not on_candidate] -= 1
    return tuple(sets)


def _stage(
    sets: tuple[RiskSet, ...], *, units: int, step: int = 0, share_ppm: int = 500_000
) -> StageCounts:
    candidate = units * share_ppm // 1_000_000
    hits = sum(each.on_candidate for each in sets)
    counts = ((candidate, hits), (units - candidate, len(sets) - hits))
    arms = [
        ArmCounts(units=count, newcomers=count, matured=count, incidents={"error": incidents})
        for count, incidents in counts
    ]
    return StageCounts(step=step, share_ppm=share_ppm, candidate=arms[0], baseline=arms[1])


def _by_definition(*sets: RiskSet) -> float:
    """The mean over the alternatives of the product of all bets, bet by bet."""
    wealth = dict.fromkeys(ALTERNATIVES, 1.0)
    for _, on_candidate, candidate, baseline in sets:
        for ratio in ALTERNATIVES:
            chance, null = (
                h * candidate / (h * candidate + baseline) if on_candidate
                else baseline / (h * candidate + baseline)
                for h in (ratio, MARGIN)
            )  # fmt: skip
            wealth[ratio] *= chance / null
    return math.log(sum(wealth.values()) / len(wealth))


def _evidence(*stages: StageCounts) -> Evidence:
    return Evidence(step=0, paused=False, seq=1, share_ppm=500_000, stages=stages)


def test_bets_of_all_incidents_are_those_of_the_definition_over_all_stages() -> None:
    first = _incidents(1, units=60, ratio=1.0, share=0.05)
    second = _incidents(2, units=80, ratio=1.2, step=1)
    stages = (
        _stage(first, units=60, share_ppm=50_000),
        _stage(second, units=80, step=1),
    )
    settled = with_bets(stages, ONGOING, {"error": (*first, *second)})
    assert [list(each.at_risk) for each in settled] == [["error"], ["error"]]
    found = log_e_non_inferior(settled, "error", MARGIN)
    assert found == pytest.approx(_by_definition(*first, *second), abs=1e-9)
    assert log_e_non_inferior(reversed(settled), "error", MARGIN) == pytest.approx(found, abs=1e-12)


def test_without_an_incident_there_is_no_bet() -> None:
    (stage,) = with_bets((_stage((), units=100),), ONGOING, {})
    assert stage.at_risk == {}
    assert log_e_non_inferior((stage,), "error", MARGIN) == 0.0


def test_incidents_are_certified_by_counts_and_harmed_by_shares() -> None:
    sets = _incidents(3, units=800, ratio=1.1)
    (stage,) = with_bets((_stage(sets, units=800),), ONGOING, {"error": sets})
    by_counts, _ = assess(ONGOING, _evidence(stage))
    by_shares, _ = assess(ONCE, _evidence(stage))
    counts = [stage.incident_stratum("error")]
    assert by_counts.log_e_harm == by_shares.log_e_harm == safe_logrank.log_e_harm(counts)
    negligible = log_e_below(incidents=stage.candidate.incidents["error"], units=400, ceiling=0.01)
    expected = np.logaddexp(_by_definition(*sets), negligible) - math.log(2.0)
    assert by_counts.log_e_safe == pytest.approx(expected, abs=1e-9)
    shares = safe_logrank.log_e_non_inferior(counts, margin=MARGIN)
    expected = np.logaddexp(shares, negligible) - math.log(2.0)
    assert by_shares.log_e_safe == pytest.approx(expected, abs=1e-9)


def test_where_incidents_are_frequent_a_hazard_at_the_margin_is_not_certified_by_counts() -> None:
    """By shares it would be: most users have one in the end, so their ratio comes down to 1."""
    by_counts, by_shares, paths = 0, 0, 60
    for seed in range(paths):
        units = 1200
        sets = _incidents(1000 + seed, units=units, ratio=MARGIN, part=0.9)
        (stage,) = with_bets((_stage(sets, units=units),), ONGOING, {"error": sets})
        by_counts += assess(ONGOING, _evidence(stage))[0].certified
        by_shares += assess(ONCE, _evidence(stage))[0].certified
    assert by_counts / paths <= 0.05 + 3.0 * math.sqrt(0.05 * 0.95 / paths)
    assert by_shares / paths > 0.5


def test_a_record_with_bets_leads_to_the_same_decision_to_the_last_bit() -> None:
    sets = _incidents(4, units=3000, ratio=1.0)
    stages = with_bets((_stage(sets, units=3000),), ONGOING, {"error": sets})
    plan = msgspec.structs.replace(ONGOING, guardrails=ONGOING.guardrails[:1])
    decision = decide(plan, _evidence(*stages), CLOCK)
    assert (decision.verdict, decision.rule) == (Verdict.PROMOTE, "all_steps_complete")
    record = DecisionRecord(
        environment="production",
        agent="support",
        attempt="d" * 40,
        baseline="v1",
        candidate="v2",
        policy=plan,
        evidence=_evidence(*stages),
        clock=CLOCK,
        decision=decision,
    )
    again = from_json(to_json(record))
    assert again == record
    assert again.recompute() == decision
