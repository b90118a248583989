"""Error rates of the production rule of experiments when one looks after every batch.

Seeds are fixed. A bound is the nominal level plus three standard errors of the number of paths. The
long ones (`-m validation`) use more paths, and print what they measure.
"""

import math
from typing import NamedTuple

import numpy as np
import pytest

from anytime.mean_difference import ArmMoments
from anytime.moments import Moments
from anytime.multiplicity import closed_log_es
from anytime.quantile_sequence import ValueCounts, value_counts
from experiments import after, plan, seen
from tidegate.domain.decision import Verdict
from tidegate.domain.evidence import ArmCounts
from tidegate.domain.experiment_decision import decide_experiment
from tidegate.domain.experiment_evidence import ArmEvidence, ExperimentStage, GoalStatistics
from tidegate.domain.experiment_goal import effect_test
from tidegate.domain.experiment_policy import ExperimentPolicy
from tidegate.domain.goal import GoalMetric

ALPHA = 0.05
NAMES = ("a", "b", "c")


def _paths(quick: int, long: int) -> list[object]:
    return [
        pytest.param(quick, id="quick"),
        pytest.param(long, id="long", marks=pytest.mark.validation),
    ]


def _bound(paths: int, alpha: float = ALPHA) -> float:
    return alpha + 3.0 * math.sqrt(alpha * (1.0 - alpha) / paths)


def _wins(policy: ExperimentPolicy, stages: list[ExperimentStage]) -> bool:
    """Whether any arm reaches its threshold where less is better; limits cost time, and follow."""
    tests = [effect_test(policy, seen(*stages), arm).mirrored() for arm in policy.contenders]
    return max(closed_log_es([test.log_e_greater(0.0) for test in tests])) >= -math.log(ALPHA)


class _Costs:
    """Costs that follow tasks and the past of each unit, of three arms, batch by batch."""

    def __init__(self, seed: int) -> None:
        self._rng = np.random.default_rng(seed)
        self._arms = dict.fromkeys(NAMES, ArmMoments(Moments.empty(3), 0))

    def add(self, units: int) -> ExperimentStage:
        arm = self._rng.integers(0, 3, units)
        tasks = 1.0 + self._rng.poisson(2.0, units)
        habit = self._rng.gamma(2.0, 0.5, units)
        cost = habit * tasks * self._rng.gamma(2.0, 0.5, units)
        rows = np.column_stack([cost, tasks, habit])
        for index, name in enumerate(self._arms):
            here = rows[arm == index]
            self._arms[name] += ArmMoments(Moments.of(here), len(here))
        return ExperimentStage(
            index=0,
            shares_ppm=dict.fromkeys(self._arms, 1),
            arms={
                name: ArmEvidence(goal=GoalStatistics.of_moments(each))
                for name, each in self._arms.items()
            },
        )


@pytest.mark.parametrize("scale", ["difference", "log_ratio"])
@pytest.mark.parametrize("paths", _paths(50, 1000))
def test_ratios_of_arms_that_are_alike_have_a_winner_within_the_budget(
    paths: int, scale: str
) -> None:
    """Cost per task with a covariate, three arms, 15 looks of 1,500 units."""
    goal = GoalMetric(name="cost", kind="ratio", direction="decrease", scale=scale)  # type: ignore[arg-type]
    policy, ever = plan("b", "c", goal=goal, horizon_units=22_500), 0
    for path in range(paths):
        costs = _Costs(10_000 + path)
        stages = (costs.add(1500) for _ in range(15))
        ever += any(_wins(policy, [each]) for each in stages)
    print(f"{scale}: false winners {ever / paths:.4f} of {paths} paths")
    assert ever / paths <= _bound(paths)


@pytest.mark.parametrize("at", [0.5, 0.95])
@pytest.mark.parametrize("paths", _paths(30, 600))
def test_quantiles_of_arms_that_are_alike_have_a_winner_within_the_budget(
    paths: int, at: float
) -> None:
    """Latencies of three arms, two stages, 6 looks of 500 units each; slower in the second."""
    goal = GoalMetric(name="latency", kind="quantile", quantile=at, direction="decrease")
    policy, ever = plan("b", "c", goal=goal, horizon_units=6000), 0
    for path in range(paths):
        rng = np.random.default_rng(20_000 + path)
        ever += _quantile_winner(policy, rng)
    print(f"quantile {at}: false winners {ever / paths:.4f} of {paths} paths")
    assert ever / paths <= _bound(paths)


def _quantile_winner(policy: ExperimentPolicy, rng: np.random.Generator) -> bool:
    plans = (([0.6, 0.2, 0.2], 1.0), ([1 / 3, 1 / 3, 1 / 3], 5.0))
    done: list[ExperimentStage] = []
    for index, (shares, slow) in enumerate(plans):
        arms = dict.fromkeys(NAMES, ValueCounts())
        for _ in range(6):
            for name, units in zip(arms, rng.multinomial(500, shares), strict=True):
                arms[name] += value_counts(slow * rng.lognormal(size=units))
            stage = ExperimentStage(
                index=index,
                shares_ppm={name: round(1e6 * p) for name, p in zip(arms, shares, strict=True)},
                arms={
                    name: ArmEvidence(goal=GoalStatistics.of_values(each))
                    for name, each in arms.items()
                },
            )
            if _wins(policy, [*done, stage]):
                return True
        done.append(stage)
    return False


class _Outcome(NamedTuple):
    """How one experiment went: the arms that did harm, the rule that ended it, the winner."""

    harmed: tuple[str, ...]
    rule: str
    winner: str | None


def _run(policy: ExperimentPolicy, seed: int, rates: list[float], errors: list[float]) -> _Outcome:
    """An experiment as the engine runs it: a dropped arm's share goes to the control."""
    rng, dropped = np.random.default_rng(seed), ()
    stages: list[ExperimentStage] = [_stage(policy, 0, dropped)]
    while True:
        stages[-1] = _with_batch(stages[-1], rng, rates, errors)
        decision = decide_experiment(policy, seen(*stages, dropped=dropped), after())
        if decision.verdict is Verdict.DROP_ARM and decision.arm is not None:
            dropped = (*dropped, decision.arm)
            stages.append(_stage(policy, len(stages), dropped))
        elif decision.verdict is not Verdict.HOLD:
            harmed = policy.contenders if decision.rule == "all_arms_harmed" else dropped
            return _Outcome(harmed, decision.rule, decision.arm)


def _stage(policy: ExperimentPolicy, index: int, dropped: tuple[str, ...]) -> ExperimentStage:
    each = 1_000_000 // len(policy.arms)
    shares = {arm: each for arm in policy.contenders if arm not in dropped}
    shares[policy.control] = 1_000_000 - sum(shares.values())
    arms = dict.fromkeys(shares, ArmEvidence())
    return ExperimentStage(index=index, shares_ppm=shares, arms=arms)


def _with_batch(
    stage: ExperimentStage, rng: np.random.Generator, rates: list[float], errors: list[float]
) -> ExperimentStage:
    names = list(stage.arms)
    split = rng.multinomial(600, [stage.shares_ppm[name] / 1e6 for name in names])
    arms = {}
    for name, units in zip(names, split, strict=True):
        known, arm = stage.arms[name].counts, NAMES.index(name)
        won, failed = int(rng.binomial(units, rates[arm])), int(rng.binomial(units, errors[arm]))
        total = known.units + int(units)
        won_before = known.successes.get("conversion", 0)
        counts = ArmCounts(
            units=total,
            newcomers=total,
            matured=total,
            closed=total,
            reported=total,
            incidents={"error": known.incidents.get("error", 0) + failed},
            successes={"conversion": won_before + won},
            failures={"conversion": total - won_before - won},
        )
        arms[name] = ArmEvidence(counts=counts)
    return ExperimentStage(index=stage.index, shares_ppm=stage.shares_ppm, arms=arms)


@pytest.mark.parametrize("paths", _paths(40, 1000))
def test_harmed_arm_is_dropped_and_the_good_one_wins(paths: int) -> None:
    """b converts 13 % against 10 %, c errs in 4 % against 1 %, and converts as well as b."""
    policy, rates = plan("b", "c", horizon_units=60_000), [0.10, 0.13, 0.13]
    outcomes = [_run(policy, 30_000 + path, rates, [0.01, 0.01, 0.04]) for path in range(paths)]
    dropped = sum("c" in each.harmed for each in outcomes) / paths
    wronged = sum("b" in each.harmed for each in outcomes) / paths
    won = sum(each.winner == "b" for each in outcomes) / paths
    print(f"c dropped {dropped:.3f}, b dropped {wronged:.3f}, b won {won:.3f} of {paths} paths")
    assert dropped > 0.95
    assert wronged <= _bound(paths)
    assert won > 0.9


@pytest.mark.parametrize("paths", _paths(40, 1000))
def test_whole_rule_on_arms_that_are_alike_drops_and_declares_within_its_budgets(
    paths: int,
) -> None:
    """Three arms, 10 % conversion, 2 % errors, 25 looks."""
    policy = plan("b", "c", horizon_units=15_000)
    outcomes = [_run(policy, 40_000 + path, [0.1] * 3, [0.02] * 3) for path in range(paths)]
    dropped = sum(bool(each.harmed) for each in outcomes) / paths
    declared = sum(each.winner is not None for each in outcomes) / paths
    paused = sum(each.rule in ("sample_ratio_mismatch", "outcomes_missing") for each in outcomes)
    print(f"dropped {dropped:.4f}, declared {declared:.4f}, paused {paused} of {paths} paths")
    assert dropped <= _bound(paths)
    assert declared <= _bound(paths)
    assert paused / paths <= _bound(paths, 0.002)
