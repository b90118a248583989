"""One budget for many tests: split by weight, closed testing, e-BH; each against its definition."""

import math
import re
from itertools import combinations
from typing import Any

import numpy as np
import pytest

from anytime import InvalidMargin
from anytime.multiplicity import closed_log_es, e_bh, log_mean, weighted_thresholds

BAD_ALPHAS = [0.0, 1.0, -0.1, 2.0, math.nan]
BAD_LISTS = [pytest.param([], id="none"), pytest.param([0.0, math.nan], id="not a number")]


def test_thresholds_spend_exactly_the_budget() -> None:
    thresholds = weighted_thresholds(0.05, (1.0, 2.0, 5.0))
    spent = [math.exp(-each) for each in thresholds]
    assert math.fsum(spent) == pytest.approx(0.05, rel=1e-12)
    assert spent == pytest.approx([0.05 / 8, 0.1 / 8, 0.25 / 8], rel=1e-12)


def test_threshold_of_a_single_test_is_the_whole_budget_whatever_its_weight() -> None:
    assert weighted_thresholds(0.05, [7.0]) == pytest.approx((math.log(20.0),), rel=1e-12)


def test_thresholds_depend_on_the_proportions_of_weights_alone() -> None:
    once, scaled = (weighted_thresholds(0.05, [w, 3 * w, 4 * w]) for w in (1.0, 1e9))
    assert once == pytest.approx(scaled, rel=1e-12)


def test_mean_of_e_values_is_that_of_plain_numbers_and_does_not_overflow() -> None:
    assert log_mean([math.log(3.0), math.log(5.0), -math.inf]) == pytest.approx(math.log(8.0 / 3.0))
    assert log_mean([2000.0, 2000.0]) == pytest.approx(2000.0)
    assert log_mean([-math.inf, -math.inf]) == -math.inf
    assert log_mean([-math.inf, math.inf]) == math.inf


@pytest.mark.parametrize("count", [1, 2, 3, 4, 5, 6])
@pytest.mark.parametrize("spread", [0.1, 1.0, 4.0, 300.0])
def test_closed_testing_equals_the_least_mean_over_all_groups(count: int, spread: float) -> None:
    rng = np.random.default_rng(71)
    for _ in range(30):
        log_es = (spread * rng.standard_normal(count)).tolist()
        assert closed_log_es(log_es) == pytest.approx(_by_brute_force(log_es), abs=1e-9)


@pytest.mark.parametrize(
    "log_es",
    [
        pytest.param([1.0, 1.0, 1.0], id="all equal"),
        pytest.param([2.0, -1.0, 2.0, -1.0], id="ties"),
        pytest.param([-math.inf, 3.0, 0.0], id="an e-value of 0"),
        pytest.param([-math.inf, -math.inf, 2.0], id="two of 0"),
        pytest.param([math.inf, 0.0, -1.0], id="an infinite one"),
        pytest.param([math.inf, math.inf], id="all infinite"),
        pytest.param([900.0, -900.0, 0.0], id="far apart"),
    ],
)
def test_closed_testing_of_special_values_equals_the_least_mean_over_all_groups(
    log_es: list[float],
) -> None:
    assert closed_log_es(log_es) == pytest.approx(_by_brute_force(log_es), abs=1e-9)


def test_closed_testing_of_one_hypothesis_changes_nothing() -> None:
    assert closed_log_es([1.7]) == pytest.approx((1.7,), abs=1e-15)


def test_closed_testing_keeps_order_never_gains_and_beats_bonferroni() -> None:
    rng = np.random.default_rng(72)
    for count in (2, 5, 40):
        log_es = rng.normal(1.0, 3.0, count)
        closed = np.array(closed_log_es(log_es.tolist()))
        assert np.all(closed <= log_es + 1e-12)
        assert np.all(closed >= log_es - math.log(count) - 1e-12)
        assert np.all(np.diff(closed[np.argsort(log_es)]) >= -1e-12)


def test_closed_testing_in_another_order_gives_the_same_for_each_hypothesis() -> None:
    log_es = [0.3, 4.0, -2.0, 1.0, 4.0]
    forward, backward = closed_log_es(log_es), closed_log_es(log_es[::-1])
    assert backward[::-1] == pytest.approx(forward, abs=1e-12)


@pytest.mark.parametrize("alpha", [0.05, 0.2])
def test_e_bh_equals_its_definition(alpha: float) -> None:
    rng = np.random.default_rng(73)
    for count in (1, 2, 5, 8):
        for _ in range(50):
            log_es = rng.normal(2.0, 2.0, count).round(1).tolist()
            assert e_bh(alpha, log_es) == _e_bh_by_definition(alpha, log_es)


def test_e_bh_of_special_values_takes_the_infinite_and_leaves_the_zero() -> None:
    assert e_bh(0.05, []) == ()
    assert e_bh(0.05, [math.inf, -math.inf]) == (True, False)
    assert e_bh(0.05, [0.0, 0.0]) == (False, False)
    assert e_bh(0.05, [math.log(20.0)]) == (True,)


def test_family_wise_errors_of_arms_with_one_control_stay_within_the_level() -> None:
    """Six arms share a control, four are harmless; 20,000 repetitions, 3 standard errors."""
    log_es, harmed = _arms(20_000)
    closed = np.array([closed_log_es(row) for row in log_es.tolist()])
    rejected = closed >= math.log(1.0 / 0.05)
    assert np.mean(np.any(rejected[:, ~harmed], axis=1)) <= 0.05 + 3.0 * math.sqrt(0.0475 / 20_000)
    assert np.mean(rejected[:, harmed]) > np.mean(log_es[:, harmed] >= math.log(6.0 / 0.05))


def test_false_findings_of_e_bh_stay_within_their_share() -> None:
    log_es, harmed = _arms(10_000)
    rejected = np.array([e_bh(0.1, row) for row in log_es.tolist()])
    share = rejected[:, ~harmed].sum(axis=1) / np.maximum(1, rejected.sum(axis=1))
    error = float(share.std() / math.sqrt(len(share)))
    assert share.mean() <= 0.1 * 4 / 6 + 3.0 * error
    assert rejected[:, harmed].mean() > 0.2


@pytest.mark.parametrize("alpha", BAD_ALPHAS)
def test_impossible_level_is_refused(alpha: float) -> None:
    for refused in (lambda: weighted_thresholds(alpha, [1.0]), lambda: e_bh(alpha, [0.0])):
        with pytest.raises(InvalidMargin, match=re.escape(f"alpha == {alpha}")):
            refused()


@pytest.mark.parametrize("weights", [[], [0.0], [1.0, -1.0], [math.inf], [1.0, math.nan]])
def test_impossible_weights_are_refused(weights: list[float]) -> None:
    with pytest.raises(InvalidMargin, match=re.escape(f"weights == {weights}")):
        weighted_thresholds(0.05, weights)


@pytest.mark.parametrize("log_es", BAD_LISTS)
@pytest.mark.parametrize("merge", [log_mean, closed_log_es])
def test_impossible_lists_of_e_values_are_refused(merge: Any, log_es: list[float]) -> None:
    with pytest.raises(InvalidMargin, match=re.escape(f"log_es == {log_es}")):
        merge(log_es)


def test_e_bh_of_an_e_value_that_is_no_number_is_refused() -> None:
    with pytest.raises(InvalidMargin, match="log_es"):
        e_bh(0.05, [1.0, math.nan])


def _by_brute_force(log_es: list[float]) -> list[float]:
    """The least mean over all 2^K - 1 groups that hold the hypothesis."""
    everyone = range(len(log_es))
    groups = [g for size in everyone for g in combinations(everyone, size + 1)]
    means = {g: float(np.logaddexp.reduce([log_es[k] for k in g])) - math.log(len(g))
             for g in groups}  # fmt: skip
    return [min(mean for g, mean in means.items() if k in g) for k in everyone]


def _e_bh_by_definition(alpha: float, log_es: list[float]) -> tuple[bool, ...]:
    total = len(log_es)
    best: set[int] = set()
    for size in range(1, total + 1):
        largest = sorted(range(total), key=lambda k: -log_es[k])[:size]
        if log_es[largest[-1]] >= math.log(total / (alpha * size)):
            best = {k for k in range(total) if log_es[k] >= log_es[largest[-1]]}
    return tuple(k in best for k in range(total))


def _arms(repetitions: int) -> tuple[np.ndarray, np.ndarray]:
    """Likelihood ratios of normal means against a control that is common to all arms."""
    rng = np.random.default_rng(74)
    harmed = np.array([False, False, True, False, True, False])
    arms = rng.standard_normal((repetitions, 6)) + 4.0 * harmed
    z = (arms - rng.standard_normal((repetitions, 1))) / math.sqrt(2.0)
    return 3.0 * z - 4.5, harmed
