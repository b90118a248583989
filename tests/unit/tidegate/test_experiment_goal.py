"""The goal of each kind, by stage and arm: what is compared with what, and on which scale."""

import math

import msgspec
import numpy as np
import pytest
from numpy.typing import NDArray

from anytime.mean_difference import ArmMoments, MeanStratum, mean_difference
from anytime.moments import Moments
from experiments import PARTS, counted, measured, plan, seen, stage, timed
from tidegate.domain.experiment_assessment import GoalAssessment, assess_experiment, assess_goals
from tidegate.domain.experiment_evidence import (
    ArmEvidence,
    ExperimentEvidence,
    ExperimentStage,
    GoalStatistics,
)
from tidegate.domain.experiment_policy import ExperimentPolicy
from tidegate.domain.goal import GoalMetric

Rows = NDArray[np.float64]
REVENUE = GoalMetric(name="revenue", kind="mean", winsorise_at=50.0)
COST = GoalMetric(name="cost per task", kind="ratio", direction="decrease")
LATENCY = GoalMetric(name="latency", kind="quantile", quantile=0.95, direction="decrease")


def _goal(evidence: ExperimentEvidence, policy: ExperimentPolicy | None = None) -> GoalAssessment:
    return assess_goals(policy or plan(), evidence)[0]


def _paid(seed: int, units: int, factor: float = 1.0) -> Rows:
    """Revenue of each unit, which leans on what it paid before."""
    rng = np.random.default_rng(seed)
    before = rng.lognormal(1.0, 1.0, units)
    return np.column_stack([factor * (before + rng.lognormal(0.0, 1.0, units)), before])


def test_binary_goal_is_the_difference_of_success_rates_of_matured_units() -> None:
    goal = _goal(seen(stage(a=counted(9000, 900), b=counted(9100, 1001))))
    assert goal.estimate == pytest.approx(0.01)
    assert (goal.units, goal.enough) == (18_100, True)


@pytest.mark.parametrize(
    ("units", "won", "enough"),
    [(499, 100, False), (500, 100, True), (5000, 24, False), (5000, 25, True), (5000, 4980, False)],
)
def test_binary_goal_with_too_few_units_or_events_says_nothing(
    units: int, won: int, *, enough: bool
) -> None:
    goal = _goal(seen(stage(a=counted(units, won), b=counted(units, won))))
    assert goal.enough is enough
    if not enough:
        assert (goal.estimate, goal.lower, goal.upper, goal.log_e) == (None, None, None, 0.0)
        assert not goal.better
        assert not goal.equal


def test_limits_of_one_contender_are_those_of_the_confidence_sequence_at_twice_the_level() -> None:
    """Both are tuned for the same level, and a side of the two-sided one has half of it."""
    control, arm = _paid(1, 4000)[:, 0], _paid(2, 2000, 1.1)[:, 0]
    policy = plan(goal=REVENUE, horizon_units=6000)
    shares = {"a": 600_000, "b": 300_000}
    goal = _goal(seen(stage(0, shares, a=measured(control), b=measured(arm))), policy)
    moments = [ArmMoments(Moments.of(rows), len(rows)) for rows in (arm, control)]
    strata = [MeanStratum(moments[0], moments[1], 1 / 3)]
    expected = mean_difference(strata, planned=6000, alpha=0.1)
    assert goal.estimate == expected.estimate
    assert goal.own_lower == pytest.approx(expected.lower, abs=0.02 * expected.half_width)
    assert goal.own_upper == pytest.approx(expected.upper, abs=0.02 * expected.half_width)
    assert (goal.lower, goal.upper) == (goal.own_lower, goal.own_upper)


def test_covariates_narrow_the_limits_and_keep_the_estimate() -> None:
    """Both arms happen to have paid alike before, so the slope takes nothing from the estimate."""
    control, arm = _paid(1, 5000), _paid(1, 5000, 1.1)
    policy = plan(goal=REVENUE)
    plain = _goal(seen(stage(a=measured(control[:, :1]), b=measured(arm[:, :1]))), policy)
    adjusted = _goal(seen(stage(a=measured(control), b=measured(arm))), policy)
    assert adjusted.estimate == pytest.approx(plain.estimate)
    assert _width(adjusted) < 0.7 * _width(plain)
    assert adjusted.log_e > plain.log_e


def test_covariates_of_a_binary_goal_are_used_where_they_were_summed_up() -> None:
    rng = np.random.default_rng(3)
    past = rng.random(4000)
    won = (rng.random(4000) < 0.8 * past).astype(float)
    arm = measured(np.column_stack([won, past]), events=int(won.sum()))
    plain = _goal(seen(stage(a=measured(won, int(won.sum())), b=measured(won, int(won.sum())))))
    assert _width(_goal(seen(stage(a=arm, b=arm)))) < _width(plain)


def test_covariate_that_an_arm_lacks_in_one_stage_is_left_out() -> None:
    with_past, without = measured(_paid(1, 3000)), measured(_paid(2, 3000)[:, :1])
    policy = plan(goal=REVENUE)
    mixed = _goal(seen(stage(a=with_past, b=without)), policy)
    bare = measured(_paid(1, 3000)[:, :1])
    expected = _goal(seen(stage(a=bare, b=without)), policy)
    assert msgspec.structs.astuple(mixed) == pytest.approx(msgspec.structs.astuple(expected))


def test_events_of_a_mean_are_the_units_that_count_and_few_of_them_say_nothing() -> None:
    paid = np.where(np.arange(3000) < 24, 10.0, 0.0)
    few = measured(paid, events=24)
    assert not _goal(seen(stage(a=few, b=few)), plan(goal=REVENUE)).enough
    enough = measured(paid, events=25)
    assert _goal(seen(stage(a=enough, b=enough)), plan(goal=REVENUE)).enough


def test_ratio_goal_compares_ratios_of_sums_and_lower_may_be_better() -> None:
    rng = np.random.default_rng(4)
    tasks = 1.0 + rng.poisson(3.0, 5000)
    cost = rng.gamma(2.0, 0.5 * tasks)
    rows = np.column_stack([cost, tasks])
    evidence = seen(stage(a=measured(rows), b=measured(rows * [0.8, 1.0])))
    goal = _goal(evidence, plan(goal=COST))
    assert goal.estimate == pytest.approx(-0.2 * cost.sum() / tasks.sum())
    assert goal.better
    logged = _goal(evidence, plan(goal=msgspec.structs.replace(COST, scale="log_ratio")))
    assert logged.estimate == pytest.approx(math.log(0.8))


@pytest.mark.parametrize("kind", ["binary", "mean"])
def test_goal_on_the_log_scale_is_the_logarithm_of_the_ratio_of_means(kind: str) -> None:
    goal = GoalMetric(name="conversion", kind=kind, scale="log_ratio")  # type: ignore[arg-type]
    values = [np.arange(5000) < won for won in (500, 600)]
    arms = [measured(each, events=int(each.sum())) for each in values]
    found = _goal(seen(stage(a=arms[0], b=arms[1])), plan(goal=goal))
    assert found.estimate == pytest.approx(math.log(1.2))
    assert found.own_lower is not None
    variance = 1 / 500 - 1 / 5000 + 1 / 600 - 1 / 5000  # the delta method, by hand
    errors = (math.log(1.2) - found.own_lower) / math.sqrt(variance)
    assert 2.0 < errors < 4.0


def test_logarithm_of_a_mean_below_nothing_is_too_few_data_and_no_error() -> None:
    goal = GoalMetric(name="margin", kind="mean", scale="log_ratio")
    evidence = seen(stage(a=measured(_paid(1, 1000)), b=measured(-_paid(2, 1000))))
    assert not _goal(evidence, plan(goal=goal)).enough


def test_goal_of_another_kind_than_was_summed_up_is_too_few_data_and_no_error() -> None:
    evidence = seen(stage(a=measured(_paid(1, 1000)[:, 0]), b=measured(_paid(2, 1000)[:, 0])))
    for goal in (COST, LATENCY):
        assert not _goal(evidence, plan(goal=goal)).enough
    assert not _goal(seen(stage(a=counted(900), b=counted(900))), plan(goal=REVENUE)).enough


def test_quantile_goal_compares_quantiles_within_each_stage() -> None:
    rng = np.random.default_rng(5)
    stages = [
        stage(index, shares, a=timed(slow * rng.lognormal(size=6000)),
              b=timed(0.6 * slow * rng.lognormal(size=units)))
        for index, shares, slow, units in (
            (0, {"a": 900_000, "b": 100_000}, 1.0, 667), (1, {"a": 1, "b": 1}, 10.0, 6000)
        )
    ]  # fmt: skip
    goal = msgspec.structs.replace(LATENCY, scale="log_ratio", minimum_effect=0.1)
    found = _goal(seen(*stages), plan(goal=goal))
    assert found.better
    assert found.estimate == pytest.approx(math.log(0.6), abs=0.1)
    assert found.upper is not None
    assert found.upper < -0.1


def test_stages_that_contradict_each_other_make_no_winner() -> None:
    rng = np.random.default_rng(6)
    goal = msgspec.structs.replace(LATENCY, scale="log_ratio", quantile=0.5)
    stages = [
        stage(index, a=timed(rng.lognormal(size=9000)), b=timed(by * rng.lognormal(size=9000)))
        for index, by in ((0, 0.5), (1, 2.0))
    ]
    assert _goal(seen(stages[0]), plan(goal=goal)).better
    contradicted = _goal(seen(*stages), plan(goal=goal))
    assert contradicted.own_lower is not None
    assert contradicted.own_upper is not None
    assert contradicted.own_lower > contradicted.own_upper
    assert not contradicted.better


def test_pair_is_compared_at_its_share_among_the_two() -> None:
    shares = {"a": 600_000, "b": 100_000, "c": 300_000}
    made = stage(0, shares, a=counted(600), b=counted(100), c=counted(300))
    pair = made.pair("b", "a")
    assert pair is not None
    assert pair.share == pytest.approx(1 / 7, rel=1e-15)
    assert (pair.baseline.units, pair.candidate.units) == (600, 100)


def test_third_arm_changes_nothing_about_the_harm_of_a_pair() -> None:
    """Errors of a pair are judged by its own coin; with two arms that is the share itself."""
    two = stage(a=counted(1000, errors=10), b=counted(1000, errors=12))
    three = stage(a=counted(1000, errors=10), b=counted(1000, errors=12), c=counted(1000))
    alone = assess_experiment(plan("b"), seen(two))[0].guardrails[0]
    beside = assess_experiment(plan("b", "c"), seen(three))
    assert beside[1].guardrails[0].log_e_harm < alone.log_e_harm
    assert beside[0].guardrails[0].log_e_harm <= alone.log_e_harm
    assert beside[0].guardrails[0].log_e_safe == alone.log_e_safe


def test_stages_in_which_an_arm_has_no_share_are_left_out_for_it() -> None:
    first = stage(a=counted(5000, 500), b=counted(5000, 500), c=counted(5000, 500))
    later = stage(1, {"a": 600_000, "b": 400_000}, a=counted(6000, 900), b=counted(4000, 600))
    goals = assess_goals(plan("b", "c"), seen(first, later))
    assert [goal.units for goal in goals] == [20_000, 10_000]
    assert later.pair("c", "a") is None
    assert stage(2, {"b": PARTS}).pair("b", "a") is None


def test_stages_are_never_pooled() -> None:
    """Rates rise with the share from 5 to 30 %; no arm differs from the other."""
    early = stage(0, {"a": 990_000, "b": 10_000}, a=counted(99_000, 4950), b=counted(1000, 50))
    late = stage(1, {"a": 500_000, "b": 500_000}, a=counted(5000, 1500), b=counted(5000, 1500))
    goal = _goal(seen(early, late))
    assert goal.estimate == pytest.approx(0.0)
    pooled = _goal(
        seen(stage(0, {"a": 5, "b": 5}, a=counted(104_000, 6450), b=counted(6000, 1550)))
    )
    assert pooled.better


def test_simultaneous_limits_are_wider_than_own_ones_unless_the_others_have_won() -> None:
    flat, good = counted(9000, 900), counted(9000, 1300)
    b, c = assess_goals(plan("b", "c"), seen(stage(a=flat, b=good, c=flat)))
    assert _limits(b)[0] < _limits(b)[2]
    assert c.lower == c.own_lower
    assert _limits(b)[1] > _limits(b)[3]


@pytest.mark.parametrize("won", [1000, 1060, 1080, 1100, 1200])
def test_simultaneous_limit_passes_the_minimum_effect_as_the_corrected_e_value_decides(
    won: int,
) -> None:
    for other in (900, 1060, 1100):
        arms = stage(a=counted(10_000, 950), b=counted(10_000, won), c=counted(10_000, other))
        goal = assess_goals(plan("b", "c", minimum_effect=0.002), seen(arms))[0]
        assert (_limits(goal)[0] > 0.002) == (goal.corrected_log_e >= goal.log_threshold)
        assert goal.better == (goal.corrected_log_e >= goal.log_threshold)


def test_statistics_that_cannot_be_are_refused_when_read() -> None:
    for broken in ({"moments": [3.0, 1.0]}, {"moments": [3.0, 1.0, -1.0]}, {"bins": [[3, 0]]}):
        with pytest.raises(msgspec.ValidationError):
            msgspec.convert(broken, GoalStatistics)
    with pytest.raises(msgspec.ValidationError):
        msgspec.convert({"index": 0, "shares_ppm": {"a": PARTS + 1}}, ExperimentStage)
    assert ArmEvidence().goal.arm_moments is None


@pytest.mark.parametrize(
    "changes",
    [
        {"arms": plan().arms[:1]},
        {"arms": plan().arms + plan().arms[:1]},
        {"control": "z"},
        {"horizon_units": 0},
        {"srm_alpha": 0.0},
    ],
    ids=["one arm", "an arm twice", "no control", "no horizon", "no level"],
)
def test_plans_that_cannot_be_are_refused(changes: dict[str, object]) -> None:
    with pytest.raises(ValueError, match="must"):
        plan(**changes)


def test_planned_units_are_those_of_two_arms_at_the_horizon() -> None:
    assert plan("b", horizon_units=30_000).planned_units == 30_000
    assert plan("b", "c", horizon_units=30_000).planned_units == 20_000


def _width(goal: GoalAssessment) -> float:
    limits = _limits(goal)
    return limits[1] - limits[0]


def _limits(goal: GoalAssessment) -> list[float]:
    found = [goal.lower, goal.upper, goal.own_lower, goal.own_upper]
    return [each for each in found if each is not None]
