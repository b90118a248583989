"""What the campaign computes for all paths at once is what the production functions say of each."""

import math

import growthbook
import numpy as np
import path_moments as along
import pytest
from canary_streams import ORACLE, OURS, Canary, Seen, methods
from canary_streams import _first as first_seen
from canary_streams import _next_units as next_units
from incident_paths import (
    SHARES,
    certifying_counts,
    harm,
    incidents_over_ramp,
    non_inferior,
    rejecting_counts,
)
from mixtures import LOG_20
from path_moments import PathMoments
from s1_ramp import outside_sequence
from s1_users import STAGE_SHARES, ongoing_peaks, ongoing_steps
from s3_means import revenue, skewed_looks
from s4_ratios import costs
from s5_quantiles import LOOKS, UNITS, latencies, latency_quantile, quantile_misses
from s8_detector import run_lengths
from s10_judge import Fold, judged

from anytime import IncidentStratum
from anytime.e_detector import Outcomes, Rule, alarmed, follow, known
from anytime.mean_difference import ArmMoments, MeanSequence, MeanStratum, mean_difference
from anytime.moments import Moments
from anytime.ongoing import exposed, incident, log_e, non_inferior_stratum
from anytime.prediction_powered import PowerTuned, labelled_scores
from anytime.quantile_sequence import ValueCounts, quantile_sequence, value_counts
from anytime.ratio_metric import Scale, ratio_difference
from anytime.safe_logrank import log_e_harm, log_e_non_inferior, ratio_sequence


def test_growthbook_formula_gives_the_interval_of_gbstats() -> None:
    """gbstats 0.8.0: control 99 of 9900, candidate 5 of 100, tuning 5000."""
    totals = growthbook.Totals(*(np.array([n]) for n in (100, 5, 9900, 99)))
    lower, upper = growthbook.interval(totals)
    assert (lower[0], upper[0]) == pytest.approx((-0.0267935, 0.1067935), abs=5e-8)


def test_growthbook_says_nothing_while_an_arm_has_no_variance() -> None:
    totals = growthbook.Totals(*(np.array([n]) for n in (10, 0, 990, 9)))
    assert growthbook.interval(totals)[1].tolist() == [math.inf]
    assert not growthbook.harm_seen(totals).any()


@pytest.mark.parametrize("share", [0.05, 0.5])
def test_rejecting_counts_are_the_least_that_reject(share: float) -> None:
    needed = rejecting_counts(share, 120, harm())
    for total in (0, 1, 7, 120):
        strata = [IncidentStratum(c, total - c, share) for c in range(total + 1)]
        rejected = [log_e_harm([stratum]) >= LOG_20 for stratum in strata]
        assert needed[total] == (rejected.index(True) if any(rejected) else total + 1)


def test_certifying_counts_are_the_largest_that_certify() -> None:
    most = certifying_counts(0.5, 120, non_inferior(2.0))
    for total in (0, 10, 60, 120):
        strata = [IncidentStratum(c, total - c, 0.5) for c in range(total + 1)]
        certified = [log_e_non_inferior([each], margin=2.0) >= LOG_20 for each in strata]
        assert most[total] == sum(certified) - 1


@pytest.mark.parametrize("ratio", [1.0, 2.0])
def test_ratio_is_outside_where_the_production_sequence_says_so(ratio: float) -> None:
    counts = incidents_over_ramp(40, 5, 3.0)
    outside = outside_sequence(*counts, ratio)[:, -1]
    for path in range(40):
        totals = [np.split(each[path], len(SHARES)) for each in counts]
        strata = [
            IncidentStratum(int(one.sum()), int(other.sum()), share)
            for one, other, share in zip(*totals, SHARES, strict=True)
        ]
        lower, upper = ratio_sequence(strata)
        assert outside[path] == (not lower <= ratio <= upper)
    assert outside.any()


def test_ongoing_paths_end_where_the_production_fold_does() -> None:
    question = non_inferior_stratum(margin=1.5)
    stages, peaks = [question] * len(STAGE_SHARES), [-math.inf, -math.inf]
    for step in ongoing_steps(2, 1.5):
        now, arm = stages[step.stage], bool(step.on_candidate[1])
        assert (now.candidate, now.baseline) == (step.candidate[1], step.baseline[1])
        if step.is_incident[1]:
            stages[step.stage] = incident(now, on_candidate=arm)
        else:
            stages[step.stage] = exposed(now, candidate=int(arm), baseline=int(not arm))
        if step.is_incident[1] or peaks[1] == -math.inf:
            peaks[1] = max(peaks[1], log_e(stages))
    assert ongoing_peaks(ongoing_steps(2, 1.5), question)[1] == pytest.approx(peaks[1], abs=1e-9)


def _stratum(stage: along.PathStage, path: int, share: float) -> MeanStratum:
    arms = []
    for arm in stage:
        each = arm.moments
        count = int(each.count[path])
        mean, comoment = each.mean[path], 0.5 * (each.comoment[path] + each.comoment[path].T)
        numbers = [count, *mean.tolist(), *comoment.ravel().tolist()]
        arms.append(ArmMoments(Moments.from_floats(numbers), int(arm.events[path])))
    return MeanStratum(arms[0], arms[1], share)


def _agree(ours: along.PathSequence, path: int, production: MeanSequence) -> None:
    assert bool(ours.enough[path]) == production.enough
    if production.enough:
        expected = (production.estimate, production.half_width)
        assert (ours.estimate[path], ours.half_width[path]) == pytest.approx(expected, rel=1e-9)


def test_adjusted_means_of_paths_are_those_of_the_production_function() -> None:
    shares, enough = (0.05, 0.5), 0
    for seen in skewed_looks(revenue, (3, 1500), [1], shares, looks=4):
        found = along.mean_difference(seen, 12_000.0)
        for path in range(3):
            strata = [_stratum(stage, path, s) for stage, s in zip(seen, shares, strict=False)]
            _agree(found, path, mean_difference(strata, planned=12_000.0))
        enough += int(found.enough.sum())
    assert enough > 0


@pytest.mark.parametrize("scale", list(Scale))
def test_ratios_of_paths_are_those_of_the_production_function(scale: Scale) -> None:
    shares = (0.05, 0.5)
    on_log_scale = scale is Scale.LOG_RATIO
    for seen in skewed_looks(costs, (3, 2000), [2], shares, looks=4):
        found = along.ratio_difference(seen, 12_000.0, log_scale=on_log_scale)
        for path in range(3):
            strata = [_stratum(stage, path, s) for stage, s in zip(seen, shares, strict=False)]
            _agree(found, path, ratio_difference(strata, planned=12_000.0, scale=scale))
    assert found.enough.all()


def test_moments_of_paths_are_those_of_their_chosen_units() -> None:
    rng = np.random.default_rng(3)
    values, chosen = rng.normal(5.0, 1.0, (2, 50, 2)), rng.random((2, 50)) < 0.4
    halves = [PathMoments.of(values[:, at], chosen[:, at]) for at in (slice(20), slice(20, 50))]
    merged = halves[0] + halves[1]
    expected = Moments.of(values[1][chosen[1]])
    assert merged.count[1] == expected.count
    assert merged.mean[1] == pytest.approx(expected.mean)
    assert merged.comoment[1] == pytest.approx(np.array(expected.comoment))


def test_quantiles_missed_in_three_bins_are_those_missed_by_the_production_function() -> None:
    paths, at = 30, 0.3
    wrong = 1.08 * latency_quantile(at)  # a value that is often missed, to see both answers
    ours = quantile_misses(latencies, paths, at, wrong)
    rng, seen = np.random.default_rng(501), [ValueCounts()] * paths
    missed = np.zeros(paths, dtype=bool)
    for _ in range(LOOKS):
        batch = latencies(rng, (paths, UNITS))
        seen = [so_far + value_counts(row) for so_far, row in zip(seen, batch, strict=True)]
        found = [quantile_sequence(each, at=at, planned=LOOKS * UNITS) for each in seen]
        missed |= [not each.lower <= wrong <= each.upper for each in found]
    assert ours.tolist() == missed.tolist()
    assert 0 < missed.sum() < paths


@pytest.mark.parametrize("rule", ["shiryaev-roberts", "cusum"])
def test_run_lengths_are_those_of_the_production_detector(rule: Rule) -> None:
    rng = np.random.default_rng(801)
    detector, units = known(0.01, rule=rule), 0
    while not alarmed(detector, run_length=200.0):
        gap = int(rng.geometric(0.03, 1)[0])
        units += gap
        detector = follow(detector, [Outcomes(gap - 1, 1)])
    ours = run_lengths(np.array([0.01]), 0.03, rule, asked=200.0, most=10**9)
    assert ours.tolist() == [units]


def test_fold_of_judge_and_labels_is_that_of_the_production_function() -> None:
    rng, fold, production = np.random.default_rng(9), Fold(2), PowerTuned.start()
    for _ in range(6):
        passed = rng.random((2, 400)) < 0.6
        columns, labelled = judged(rng, passed, passed, 0.1)
        assert fold.weight[1] == pytest.approx(production.weight)
        fold.extend(PathMoments.of(columns), labelled.sum(axis=1).astype(float))
        batch = labelled_scores(columns[1, :, 2], passed[1], labelled[1], probability=0.1)
        production = production.extended(batch)
    assert fold.weight[1] < 1.0
    assert fold.tuned.mean[1] == pytest.approx(production.tuned.mean)
    assert fold.tuned.comoment[1, 0, 0] == pytest.approx(production.tuned.comoment[0][0])


def test_methods_see_harm_at_the_unit_at_which_a_plain_count_says_so() -> None:
    case = Canary(0.02, 0.2, 0.3)
    before = np.zeros((4, 3), dtype=np.int64)
    seen = next_units(np.random.default_rng(4), case, before, 1000)
    for name in (OURS, ORACLE):
        found = first_seen(methods(case, 1000)[name], seen)
        for stream in range(3):
            assert found[stream] == _first_by_hand(name, case, Seen(*(x[stream] for x in seen)))
    assert np.isfinite(found).all()


def _first_by_hand(name: str, case: Canary, seen: Seen) -> int:
    pooled, gain = 0.3 * case.harmed + 0.7 * case.baseline, 0.0
    steps = zip(*(np.diff(each, prepend=0) for each in seen[1:]), strict=True)
    for number, (on_candidate, hit, _) in enumerate(steps):
        rate = case.harmed if on_candidate else case.baseline
        gain += math.log(rate / pooled) if hit else math.log((1.0 - rate) / (1.0 - pooled))
        total, bad = int(seen.incidents[number]), int(seen.on_candidate[number])
        ours = log_e_harm([IncidentStratum(bad, total - bad, case.share)])
        if (gain if name == ORACLE else ours) >= LOG_20:
            return number + 1
    raise AssertionError(f"{name} saw no harm")
