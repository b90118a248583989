"""The e-detector: its recursion, its bound on false alarms, and how soon it sees a doubling."""

import json
import math
from typing import Any

import numpy as np
import pytest

from anytime import InvalidCount, InvalidMargin
from anytime.bernoulli import alternatives_above, upper_rate
from anytime.e_detector import Detector, Outcomes, Rule, alarmed, follow, known, learnt

RULES: list[Rule] = ["shiryaev-roberts", "cusum"]
STREAM = [Outcomes(3, 1), Outcomes(0, 2), Outcomes(40, 0), Outcomes(7, 1), Outcomes(0, 1)]


@pytest.mark.parametrize("rule", RULES)
@pytest.mark.parametrize("null_rate", [0.01, 0.3, 0.9])
def test_recursion_equals_the_sum_or_maximum_over_all_starts(rule: Rule, null_rate: float) -> None:
    detector = follow(known(null_rate, rule=rule), STREAM)
    outcomes = [x for run in STREAM for x in [0] * run.clean + [1] * run.incidents]
    peak = 0.0
    for end, outcome in enumerate(outcomes, start=1):
        sums = [
            _joined([_ratio(rate, null_rate, outcomes[k:end]) for k in range(end)], rule)
            for rate in alternatives_above(null_rate)
        ]
        if outcome:
            peak = max(peak, math.log(sum(sums) / len(sums)))
    stakes = [
        math.log(1.0 + m) if rule == "shiryaev-roberts" else max(0, math.log(m)) for m in sums
    ]
    assert detector.log_peak == pytest.approx(peak, abs=1e-9)
    assert detector.log_stakes == pytest.approx(stakes, abs=1e-9)


@pytest.mark.parametrize("rule", RULES)
def test_units_cut_into_any_runs_give_the_same_detector(rule: Rule) -> None:
    whole = follow(known(0.02, rule=rule), STREAM)
    single = known(0.02, rule=rule)
    for run in STREAM:
        for _ in range(run.clean):
            single = follow(single, [Outcomes(1, 0)])
        for _ in range(run.incidents):
            single = follow(single, [Outcomes(0, 1)])
    assert single.log_stakes == pytest.approx(whole.log_stakes, abs=1e-12)
    assert single.log_peak == pytest.approx(whole.log_peak, abs=1e-12)


@pytest.mark.parametrize("rule", RULES)
def test_batches_of_whole_runs_give_the_same_bits(rule: Rule) -> None:
    whole = follow(known(0.02, rule=rule), STREAM * 5)
    parts = known(0.02, rule=rule)
    for run in STREAM * 5:
        parts = follow(parts, [run])
    assert parts == whole


def test_state_written_as_json_and_read_back_goes_on_as_if_nothing_had_happened() -> None:
    half = follow(known(0.02), STREAM)
    read = Detector(*json.loads(json.dumps(half)))
    assert follow(read, STREAM).log_stakes == follow(half, STREAM).log_stakes


@pytest.mark.parametrize("null_rate", [1e-6, 0.01, 0.5, 0.9])
@pytest.mark.parametrize("part", [0.0, 0.5, 1.0])
def test_sum_less_units_on_average_never_grows_under_the_null(
    null_rate: float, part: float
) -> None:
    """The supermartingale behind the bound, exactly, for each alternative; stakes are 1 + M."""
    rate, before = part * null_rate, follow(known(null_rate), STREAM)
    on_hit = np.exp(follow(before, [Outcomes(0, 1)]).log_stakes)
    on_miss = np.exp(follow(before, [Outcomes(1, 0)]).log_stakes)
    grown = rate * on_hit + (1.0 - rate) * on_miss - np.exp(before.log_stakes)
    assert np.all(grown <= 1.0 + 1e-9)


def test_cusum_is_never_above_the_sum() -> None:
    rng = np.random.default_rng(81)
    runs = [Outcomes(int(gap) - 1, 1) for gap in rng.geometric(0.015, 300)]
    by_sum, by_maximum = (follow(known(0.01, rule=rule), runs) for rule in RULES)
    assert by_maximum.log_peak <= by_sum.log_peak
    assert np.all(np.array(by_maximum.log_stakes) <= by_sum.log_stakes)


@pytest.mark.parametrize("rule", RULES)
def test_no_number_of_clean_units_raises_an_alarm(rule: Rule) -> None:
    detector = follow(known(1e-5, rule=rule), [Outcomes(10**9, 0)])
    assert np.all(np.isfinite(detector.log_stakes))
    assert not alarmed(detector, run_length=1.001)


@pytest.mark.parametrize("rule", RULES)
def test_alarm_once_raised_stays(rule: Rule) -> None:
    harmed = follow(known(0.01, rule=rule), [Outcomes(2, 1)] * 10)
    assert alarmed(harmed, run_length=10_000)
    assert alarmed(follow(harmed, [Outcomes(10**7, 0)]), run_length=10_000)


def test_detector_of_a_billion_units_and_a_million_stakes_stays_finite() -> None:
    detector = follow(known(0.001), [Outcomes(0, 5000), Outcomes(10**9, 1)])
    assert np.all(np.isfinite(detector.log_stakes))
    assert math.isfinite(detector.log_peak)


def test_learnt_null_is_the_upper_limit_of_the_old_rate() -> None:
    detector = learnt(incidents=200, units=20_000, miss=0.02)
    assert detector.null_rate == upper_rate(incidents=200, units=20_000, alpha=0.02)
    assert learnt(incidents=2000, units=200_000, miss=0.02).null_rate < detector.null_rate


@pytest.mark.parametrize("rule", RULES)
@pytest.mark.parametrize("rate", [0.01, 0.05])
def test_run_length_to_a_false_alarm_at_the_null_is_on_average_at_least_what_was_asked(
    rule: Rule, rate: float
) -> None:
    """Censored at 20 times the bound, which can but shorten the average that is measured."""
    asked, paths = 1000, 100
    lengths = _run_lengths(known(rate, rule=rule), rate, asked, paths, most=20 * asked)
    error = float(lengths.std() / math.sqrt(paths))
    assert lengths.mean() >= asked - 3.0 * error


def test_a_doubling_of_a_learnt_rate_is_seen_soon() -> None:
    """1 % learnt from 50,000 units, then 2 %: within a fifth of the run length asked for."""
    detector = learnt(incidents=500, units=50_000)
    lengths = _run_lengths(detector, 0.02, 20_000, paths=60, most=50_000)
    assert lengths.mean() < 4000.0


@pytest.mark.parametrize("null_rate", [0.0, 1.0, -0.1, 1.1, math.nan])
def test_impossible_null_rate_is_refused(null_rate: float) -> None:
    with pytest.raises(InvalidMargin, match=f"null_rate == {null_rate}"):
        known(null_rate)


@pytest.mark.parametrize(("incidents", "units"), [(0, 0), (5, 5)])
def test_detector_that_learnt_no_bound_is_refused(incidents: int, units: int) -> None:
    with pytest.raises(InvalidMargin, match=r"null_rate == 1\.0"):
        learnt(incidents=incidents, units=units)


def test_detector_learnt_from_impossible_counts_or_levels_is_refused() -> None:
    with pytest.raises(InvalidCount, match="incidents == 6"):
        learnt(incidents=6, units=5)
    with pytest.raises(InvalidMargin, match=r"alpha == 0\.0"):
        learnt(incidents=1, units=5, miss=0.0)


@pytest.mark.parametrize("count", [-1, math.nan, math.inf])
@pytest.mark.parametrize("name", ["clean", "incidents"])
def test_impossible_outcomes_are_refused(name: str, count: Any) -> None:
    with pytest.raises(InvalidCount, match=f"{name} == {count}"):
        follow(known(0.01), [Outcomes(1, 1)._replace(**{name: count})])


@pytest.mark.parametrize("run_length", [1.0, 0.0, -5.0, math.inf, math.nan])
def test_impossible_run_length_is_refused(run_length: float) -> None:
    with pytest.raises(InvalidMargin, match=f"run_length == {run_length}"):
        alarmed(known(0.01), run_length=run_length)


def _joined(ratios: list[float], rule: Rule) -> float:
    return sum(ratios) if rule == "shiryaev-roberts" else max(ratios)


def _ratio(rate: float, null: float, outcomes: list[int]) -> float:
    return math.prod(rate / null if x else (1.0 - rate) / (1.0 - null) for x in outcomes)


def _run_lengths(
    detector: Detector, rate: float, asked: float, paths: int, most: int
) -> np.ndarray:
    """Shape (paths,): units until the alarm of each path, at most `most`."""
    rng = np.random.default_rng(82)
    lengths = np.full(paths, float(most))
    for path in range(paths):
        watch, units = detector, 0
        for gap in rng.geometric(rate, most):
            units += int(gap)
            if units >= most:
                break
            watch = follow(watch, [Outcomes(int(gap) - 1, 1)])
            if alarmed(watch, run_length=asked):
                lengths[path] = units
                break
    return lengths
