"""Error rates of means, ratios, quantiles and labels when one looks after every batch.

Seeds are fixed. A bound is the nominal level plus three standard errors of the number of paths. Of
binary outcomes all paths are computed at once, and some looks are checked against the production
function; everything else runs the production functions themselves. The long ones (`-m validation`)
use more paths, and print what they measure.
"""

import math

import numpy as np
import path_moments as along
import pytest
from path_moments import PathStage
from s3_means import PLANS, Plan, binary_at, binary_looks, binary_stage, binary_stages

from anytime.mean_difference import (
    ArmMoments,
    MeanSequence,
    MeanStratum,
    half_width,
    mean_difference,
)
from anytime.moments import Moments
from anytime.prediction_powered import PowerTuned, label_mean, labelled_scores
from anytime.quantile_sequence import ValueCounts, quantile_comparison, value_counts
from anytime.ratio_metric import Scale, ratio_difference

ALPHA = 0.05


def _paths(quick: int, long: int) -> list[object]:
    return [
        pytest.param(quick, id="quick"),
        pytest.param(long, id="long", marks=pytest.mark.validation),
    ]


def _bound(paths: int, alpha: float = ALPHA) -> float:
    return alpha + 3.0 * math.sqrt(alpha * (1.0 - alpha) / paths)


# --- S3, binary outcomes, all paths at once -----------------------------------------------------


def _production(stages: list[PathStage], path: int, shares: list[float]) -> MeanSequence:
    strata = []
    for stage, share in zip(stages, shares, strict=True):
        arms = [
            ArmMoments(Moments.of(np.repeat([1.0, 0.0], [events, units - events])), events)
            for units, events in (
                (int(arm.moments.count[path]), int(arm.events[path])) for arm in stage
            )
        ]
        strata.append(MeanStratum(arms[0], arms[1], share))
    return mean_difference(strata, planned=100_000.0)


def _missed(paths: int, plan: Plan) -> tuple[float, float, float]:
    """Share of paths that ever miss to either side: (any, below, above the truth)."""
    shares, truth = [share for share, _, _ in plan], plan[0][2] - plan[0][1]
    low, high = np.zeros(paths, bool), np.zeros(paths, bool)
    rng = np.random.default_rng(0)
    for number, look in enumerate(binary_looks(plan, paths, seed=1)):
        estimate, width, enough = look.sequence
        low |= enough & (estimate + width < truth)
        high |= enough & (estimate - width > truth)
        if number % 12 == 0:
            path = int(rng.integers(paths))
            ours = _production(look.stages, path, shares[: len(look.stages)])
            assert ours.enough == enough[path]
            if enough[path]:
                found = (ours.estimate, ours.half_width)
                assert found == pytest.approx((estimate[path], width[path]), rel=1e-9)
    return float((low | high).mean()), float(low.mean()), float(high.mean())


@pytest.mark.parametrize(
    "plan", [*PLANS.values(), [(0.05, 0.1, 0.13)]], ids=[*PLANS, "10 to 13 % at share 5 %"]
)
@pytest.mark.parametrize("paths", _paths(1000, 20_000))
def test_difference_peeked_at_after_every_batch_misses_within_its_level(
    paths: int, plan: Plan
) -> None:
    """100 looks, 100,000 units; a 5 % share has 5,000 candidates in the end."""
    missed, low, high = _missed(paths, plan)
    print(f"missed {missed:.4f} (below {low:.4f}, above {high:.4f}) of {paths} paths")
    assert missed <= _bound(paths)


def test_pooled_stages_would_show_a_difference_in_almost_every_a_a_over_a_ramp() -> None:
    plan = [(0.01, 0.05, 0.05), (0.5, 0.3, 0.3)]
    stages = binary_stages(300, 2, plan, looks=10, step=1000)
    pooled = binary_stage(*np.sum([[each[:, -1] for each in stage] for stage in stages], axis=0))
    estimate, width, enough = along.mean_difference([pooled], 20_000.0)
    assert float((enough & (estimate - width > 0.0)).mean()) > 0.99
    stratified = along.mean_difference(binary_at(stages, 1, 9), 20_000.0)
    assert stratified.enough.all()
    assert float(stratified.misses(0.0).mean()) <= _bound(300)


# --- S3 with covariates, S4 ---------------------------------------------------------------------


class _Batches:
    """Skewed costs that follow tasks and the past; arms of one unequal stage, batch by batch."""

    def __init__(self, seed: int, share: float) -> None:
        self._rng = np.random.default_rng(seed)
        self._share = share
        self.candidate = self.baseline = ArmMoments(Moments.empty(3), 0)

    def stratum(self) -> MeanStratum:
        return MeanStratum(self.candidate, self.baseline, self._share)

    def add(self, units: int, effect: float = 1.0) -> None:
        rng = self._rng
        candidate = rng.random(units) < self._share
        tasks = 1.0 + rng.poisson(2.0, units)
        habit = rng.gamma(2.0, 0.5, units)
        cost = habit * tasks * rng.gamma(2.0, 0.5, units) * np.where(candidate, effect, 1.0)
        rows = np.column_stack([cost, tasks, habit])
        self.candidate += ArmMoments(Moments.of(rows[candidate]), int(candidate.sum()))
        self.baseline += ArmMoments(Moments.of(rows[~candidate]), int((~candidate).sum()))


def _columns(stratum: MeanStratum, keep: list[int]) -> MeanStratum:
    chosen = np.eye(3)[keep]
    arms = [
        ArmMoments(arm.moments.mapped(chosen, np.zeros(len(keep))), arm.events)
        for arm in (stratum.candidate, stratum.baseline)
    ]
    return MeanStratum(arms[0], arms[1], stratum.share)


@pytest.mark.parametrize("paths", _paths(100, 4000))
def test_skewed_means_and_ratios_with_and_without_the_past_miss_within_their_level(
    paths: int,
) -> None:
    """Share 10 %, a true ratio of 1.3, 15 looks of 1,000 units."""
    ever = dict.fromkeys(("mean", "adjusted mean", "ratio", "log ratio"), 0)
    widths = dict.fromkeys(ever, 0.0)
    truth = {"mean": 0.9, "adjusted mean": 0.9, "ratio": 0.3, "log ratio": math.log(1.3)}
    for path in range(paths):
        world, missed = _Batches(10_000 + path, 0.1), set()
        for _ in range(15):
            world.add(1000, effect=1.3)
            stratum = world.stratum()
            results = {
                "mean": mean_difference([_columns(stratum, [0])], planned=15_000),
                "adjusted mean": mean_difference([_columns(stratum, [0, 2])], planned=15_000),
                "ratio": ratio_difference([stratum], planned=15_000),
                "log ratio": ratio_difference(
                    [stratum], planned=15_000, scale=Scale.LOG_RATIO
                ),
            }  # fmt: skip
            missed |= {n for n, r in results.items() if not r.lower <= truth[n] <= r.upper}
        for name in missed:
            ever[name] += 1
        for name, result in results.items():
            widths[name] += result.half_width / paths
    print({name: (ever[name] / paths, round(widths[name], 4)) for name in ever})
    assert max(ever.values()) / paths <= _bound(paths)
    assert widths["adjusted mean"] < 0.9 * widths["mean"]


# --- S5 -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("at", [0.5, 0.95])
@pytest.mark.parametrize("paths", _paths(150, 3000))
def test_quantiles_and_their_ratio_peeked_at_miss_within_their_level(paths: int, at: float) -> None:
    """Share 20 %, latencies a third slower on the candidate, 20 looks of 250 units."""
    normal = {0.5: 0.0, 0.95: 1.6448536}[at]
    true_one, true_other = 1.33 * math.exp(normal), math.exp(normal)
    ever = np.zeros(2)
    for path in range(paths):
        rng = np.random.default_rng(20_000 + path)
        one, other, missed = ValueCounts(), ValueCounts(), np.zeros(2, bool)
        for _ in range(20):
            on_candidate = int(rng.binomial(250, 0.2))
            one += value_counts(1.33 * rng.lognormal(size=on_candidate))
            other += value_counts(rng.lognormal(size=250 - on_candidate))
            found = quantile_comparison(one, other, at=at, share=0.2, planned=5000)
            difference = true_one - true_other
            missed |= [
                not (found.difference_lower <= difference <= found.difference_upper
                     and found.ratio_lower <= 1.33 <= found.ratio_upper),
                not (found.candidate.lower <= true_one <= found.candidate.upper),
            ]  # fmt: skip
        ever += missed
    print(f"quantile {at}: comparison {ever[0] / paths}, candidate {ever[1] / paths}")
    assert ever[0] / paths <= _bound(paths)
    assert ever[1] / paths <= _bound(paths, ALPHA / 2)


# --- S10 ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("paths", _paths(150, 2000))
def test_a_biased_judge_alone_always_misses_and_prediction_powered_means_do_not(
    paths: int,
) -> None:
    """The judge passes 70 % where humans pass 60 %; a tenth is labelled; 30 looks of 500."""
    names = ("judge alone", "fixed weight 1", "tuned weight", "labels alone")
    ever, widths = dict.fromkeys(names, 0), dict.fromkeys(names, 0.0)
    for path in range(paths):
        rng = np.random.default_rng(30_000 + path)
        fold, judged, missed = PowerTuned.start(), Moments.empty(1), set()
        for _ in range(30):
            labels = (rng.random(500) < 0.6).astype(float)
            agrees = rng.random(500) < 0.9
            scores = np.where(agrees, np.maximum(labels, rng.random(500) < 0.3), 1.0 - labels)
            labelled = rng.random(500) < 0.1
            shown = np.where(labelled, labels, math.nan)
            fold = fold.extended(labelled_scores(scores, shown, labelled, probability=0.1))
            judged += Moments.of(scores)
            width = half_width(judged.variance(), judged.count, planned=15_000)
            if abs(judged.mean[0] - 0.6) > width:
                missed.add("judge alone")
            results = {
                "fixed weight 1": label_mean(fold.seen, planned=15_000),
                "tuned weight": fold.mean(planned=15_000),
                "labels alone": label_mean(fold.seen, planned=15_000, weight=0.0),
            }
            missed |= {n for n, r in results.items() if not r.lower <= 0.6 <= r.upper}
        for name in missed:
            ever[name] += 1
        for name, result in results.items():
            widths[name] += result.half_width / paths
    print({name: (ever[name] / paths, round(widths[name], 4)) for name in names})
    assert ever.pop("judge alone") / paths > 0.95
    assert max(ever.values()) / paths <= _bound(paths)
    assert widths["tuned weight"] <= min(widths["fixed weight 1"], widths["labels alone"])
