"""`decide_experiment` on arbitrary evidence: total, recomputable, blind to the order of arms."""

import math
from datetime import UTC, datetime

import msgspec
import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from anytime import IncidentStratum, safe_logrank
from anytime.mean_difference import ArmMoments
from anytime.moments import Moments
from anytime.multiplicity import closed_log_es
from anytime.quantile_sequence import ValueCounts
from tidegate.domain.decision import Verdict
from tidegate.domain.evidence import ArmCounts, Clock, Orders
from tidegate.domain.experiment_decision import ExperimentDecision, decide_experiment
from tidegate.domain.experiment_evidence import (
    ArmEvidence,
    ExperimentEvidence,
    ExperimentStage,
    GoalStatistics,
)
from tidegate.domain.experiment_policy import ExperimentArm, ExperimentPolicy
from tidegate.domain.goal import GoalMetric
from tidegate.domain.installation import Budgets
from tidegate.domain.metrics import Guardrail

Case = tuple[ExperimentPolicy, ExperimentEvidence, Clock]

NAMES = ["a", "b", "c", "d"]
UNIT = st.floats(0.001, 0.999)
INSTANTS = st.datetimes(datetime(2020, 1, 1), datetime(2040, 1, 1), timezones=st.just(UTC))  # noqa: DTZ001
CLOCKS = st.builds(Clock, now=INSTANTS, step_started=INSTANTS)
COUNTS = st.integers(0, 40) | st.integers(0, 10**9)
ORDERS = st.builds(Orders, paused=st.booleans(), resumed=st.booleans())
GUARDRAILS = st.sampled_from(
    [
        (),
        (Guardrail(name="error"),),
        (Guardrail(name="error", ceiling="2%"), Guardrail(name="solved", kind="outcome")),
    ]
)


@st.composite
def _goals(draw: st.DrawFn) -> GoalMetric:
    kind = draw(st.sampled_from(["binary", "mean", "ratio", "quantile"]))
    return GoalMetric(
        name="goal",
        kind=kind,
        direction=draw(st.sampled_from(["increase", "decrease"])),
        scale=draw(st.sampled_from(["difference", "log_ratio"])),
        minimum_effect=draw(st.just(0.0) | st.floats(0.0, 1e12)),
        quantile=draw(UNIT) if kind == "quantile" else None,
    )


@st.composite
def _policies(draw: st.DrawFn) -> ExperimentPolicy:
    arms = draw(st.permutations(NAMES[: draw(st.integers(2, 4))]))
    return ExperimentPolicy(
        arms=tuple(ExperimentArm(name=name, version="v1") for name in arms),
        control=draw(st.sampled_from(arms)),
        goal=draw(_goals()),
        guardrails=draw(GUARDRAILS),
        horizon_units=draw(st.integers(1, 10**6)),
        horizon_s=draw(st.none() | st.integers(1, 10**6)),
        budgets=Budgets(false_rollback=draw(UNIT), false_promote=draw(UNIT)),
    )


@st.composite
def _moments(draw: st.DrawFn) -> GoalStatistics:
    """Of one to three columns, tiny or huge, some of them of no use for the goal."""
    rng = np.random.default_rng(draw(st.integers(0, 99)))
    rows = rng.normal(
        draw(st.sampled_from([-1.0, 0.0, 1.0])),
        draw(st.sampled_from([0.0, 1.0])),
        (draw(st.integers(1, 40)), draw(st.integers(1, 3))),
    )
    scale = draw(st.sampled_from([1e-160, 1e-9, 1.0, 1e9, 1e150]))
    moments = Moments.of(rows * scale)
    for _ in range(draw(st.integers(0, 9))):
        moments = moments + moments
    return GoalStatistics.of_moments(ArmMoments(moments, draw(st.integers(0, moments.count))))


BINS = st.dictionaries(st.integers(0, 4166), st.integers(1, 10**6), max_size=6)
VALUES = BINS.map(lambda bins: GoalStatistics.of_values(ValueCounts(tuple(sorted(bins.items())))))


@st.composite
def _arms(draw: st.DrawFn) -> ArmEvidence:
    closed = draw(COUNTS)
    counts = ArmCounts(
        units=draw(COUNTS),
        newcomers=draw(COUNTS),
        matured=draw(COUNTS),
        closed=closed,
        reported=draw(st.integers(0, closed)),
        incidents={"error": draw(COUNTS)},
        successes={"goal": draw(COUNTS), "solved": draw(COUNTS)},
        failures={"goal": draw(COUNTS), "solved": draw(COUNTS)},
    )
    return ArmEvidence(counts=counts, goal=draw(st.just(GoalStatistics()) | _moments() | VALUES))


STAGES = st.builds(
    ExperimentStage,
    index=st.integers(0, 9),
    shares_ppm=st.dictionaries(st.sampled_from([*NAMES, "z"]), st.integers(0, 10**6)),
    arms=st.dictionaries(st.sampled_from([*NAMES, "z"]), _arms()),
)
EVIDENCE = st.builds(
    ExperimentEvidence,
    seq=st.integers(0, 2**53),
    paused=st.booleans(),
    orders=ORDERS,
    dropped=st.lists(st.sampled_from([*NAMES, "z"]), unique=True, max_size=3).map(tuple),
    stages=st.lists(STAGES, max_size=3).map(tuple),
)
ARBITRARY: st.SearchStrategy[Case] = st.tuples(_policies(), EVIDENCE, CLOCKS)


@st.composite
def _healthy(draw: st.DrawFn, *, harm: tuple[float, ...] = (0.01, 0.01, 0.02)) -> Case:
    """A fair split, much data and real differences: the rare case in which something is decided."""
    policy = draw(_policies())
    least = draw(st.sampled_from([0.0, 0.01, 0.06]))
    units = draw(st.sampled_from([20_000, 200_000]))
    arms = {}
    for name in policy.arm_names:
        rate = 0.10 if name == policy.control else draw(st.sampled_from([0.10, 0.11, 0.15]))
        errors = 0.01 if name == policy.control else draw(st.sampled_from(harm))
        arms[name] = _of_rates(units, rate, errors)
    shares = dict.fromkeys(arms, 10**6 // len(arms))
    stage = ExperimentStage(index=0, shares_ppm=shares, arms=arms)
    evidence = ExperimentEvidence(seq=1, stages=(stage,))
    goal = GoalMetric(name="goal", minimum_effect=least)
    guardrails = (Guardrail(name="error"),)
    changed = msgspec.structs.replace(policy, goal=goal, guardrails=guardrails)
    return changed, evidence, draw(CLOCKS)


def _of_rates(units: int, rate: float, errors: float) -> ArmEvidence:
    won = int(units * rate)
    return ArmEvidence(
        counts=ArmCounts(
            units=units,
            newcomers=units,
            matured=units,
            incidents={"error": int(units * errors)},
            successes={"goal": won, "solved": won},
            failures={"goal": units - won, "solved": units - won},
        )
    )


CASES = ARBITRARY | _healthy()


@settings(max_examples=150)
@given(CASES)
def test_decide_experiment_on_any_evidence_gives_a_decision_with_its_grounds(case: Case) -> None:
    decision = decide_experiment(*case)
    assert decision.rule
    assert decision.reason
    assert [each.arm for each in decision.arms] == sorted(case[0].contenders)
    for each in decision.arms:
        assert not math.isnan(each.goal.log_e)
        assert each.goal.corrected_log_e <= each.goal.log_e + 1e-9


@given(CASES)
def test_decision_is_the_same_after_policy_and_evidence_went_through_json(case: Case) -> None:
    policy, evidence, clock = case
    decision = decide_experiment(policy, evidence, clock)
    again = decide_experiment(
        msgspec.json.decode(msgspec.json.encode(policy), type=ExperimentPolicy),
        msgspec.json.decode(msgspec.json.encode(evidence), type=ExperimentEvidence),
        clock,
    )
    assert again == decision
    stored = msgspec.json.encode(decision)
    assert msgspec.json.decode(stored, type=ExperimentDecision) == decision


@given(CASES, st.randoms(use_true_random=False))
def test_order_of_arms_decides_nothing(case: Case, shuffler: object) -> None:
    policy, evidence, clock = case
    arms = list(policy.arms)
    shuffler.shuffle(arms)  # type: ignore[attr-defined]
    decision = decide_experiment(policy, evidence, clock)
    other = decide_experiment(msgspec.structs.replace(policy, arms=tuple(arms)), evidence, clock)
    assert decision == other


@given(CASES)
def test_only_a_running_arm_that_excludes_the_minimum_effect_is_declared(case: Case) -> None:
    policy, evidence, _ = case
    decision = decide_experiment(*case)
    if decision.verdict is not Verdict.DECLARE_WINNER:
        assert decision.arm is None or decision.verdict is Verdict.DROP_ARM
        return
    assert decision.arm in policy.contenders
    assert decision.arm not in evidence.dropped
    assert not any(each.harmed for each in decision.assessments)
    goal, least = {each.arm: each.goal for each in decision.arms}[decision.arm], _least(policy)
    limit = goal.lower if policy.goal.direction == "increase" else goal.upper
    assert limit is not None
    assert (limit > least) if policy.goal.direction == "increase" else (limit < -least)


@given(_healthy(harm=(0.01,)))
def test_arm_with_the_best_rate_wins_if_it_exceeds_the_minimum_effect_by_much(case: Case) -> None:
    """Rates that exceed it by less are left to chance: they may win as well, but no worse arm."""
    policy, evidence, _ = case
    counts = evidence.stages[0].arms
    rates = {arm: counts[arm].counts.successes["goal"] for arm in policy.contenders}
    units = counts[policy.control].counts.units
    best = max(rates.values())
    decision = decide_experiment(*case)
    if best > units * (0.13 + _least(policy)):
        assert decision.verdict is Verdict.DECLARE_WINNER
    if decision.verdict is Verdict.DECLARE_WINNER:
        assert decision.arm is not None
        assert rates[decision.arm] == best > units * (0.10 + _least(policy))


@given(_healthy(harm=(0.02, 0.03)))
def test_arm_with_a_harmed_guardrail_is_never_declared(case: Case) -> None:
    """Harm is computed here anew, from the definitions: of these arms all do it."""
    policy, evidence, _ = case
    log_es = closed_log_es([_log_e_harm(policy, evidence, arm) for arm in policy.contenders])
    assert min(log_es) > -math.log(policy.budgets.false_rollback)
    assert decide_experiment(*case).rule == "all_arms_harmed"
    spared = _with_errors(evidence, policy.contenders[0], policy.control)
    decision = decide_experiment(policy, spared, case[2])
    if len(policy.contenders) > 1:
        assert decision.verdict is Verdict.DROP_ARM
        assert decision.arm in policy.contenders[1:]


@given(CASES)
def test_paused_experiment_only_drops_arms_or_waits(case: Case) -> None:
    policy, evidence, clock = case
    paused = msgspec.structs.replace(evidence, paused=True, orders=Orders())
    decision = decide_experiment(policy, paused, clock)
    assert decision.rule in ("harm", "all_arms_harmed", "paused")


def _with_errors(evidence: ExperimentEvidence, arm: str, like: str) -> ExperimentEvidence:
    """The same evidence, an arm's errors as frequent as another's."""
    stage = evidence.stages[0]
    incidents = stage.arms[like].counts.incidents
    counts = msgspec.structs.replace(stage.arms[arm].counts, incidents=incidents)
    arms = stage.arms | {arm: ArmEvidence(counts=counts)}
    changed = msgspec.structs.replace(stage, arms=arms)
    return msgspec.structs.replace(evidence, stages=(changed,))


def _log_e_harm(policy: ExperimentPolicy, evidence: ExperimentEvidence, arm: str) -> float:
    return safe_logrank.log_e_harm(
        IncidentStratum(
            stage.arms[arm].counts.incidents["error"],
            stage.arms[policy.control].counts.incidents["error"],
            0.5,
        )
        for stage in evidence.stages
    )


def _least(policy: ExperimentPolicy) -> float:
    return policy.goal.minimum_effect
