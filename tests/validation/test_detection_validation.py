"""Long simulations of what watches without a fixed sample: detectors, ramps, units that stay.

Seeds and sizes are fixed; a bound is the promise plus three standard errors of the paths.
"""

import math

import numpy as np
import pytest
from mixtures import LOG_20, log_mean
from numpy.typing import NDArray
from rows import Numbers
from s8_detector import run_lengths
from s9_budget import BASE_RATE, BUDGETS, Course, courses, ramp_name

from anytime.bernoulli import upper_rate
from anytime.e_detector import Outcomes, Rule, alarmed, follow, known
from anytime.ongoing import exposed, harm_stratum, incident, log_e
from anytime.safe_logrank import HARM_MIXTURE

pytestmark = pytest.mark.validation

RATIOS = np.array(list(HARM_MIXTURE))[:, None]
WEIGHTS = list(HARM_MIXTURE.values())


def _bound(alpha: float, paths: int) -> float:
    return alpha + 3.0 * math.sqrt(alpha * (1.0 - alpha) / paths)


# --- S8: after the switch -----------------------------------------------------------------------


@pytest.mark.parametrize("rule", ["shiryaev-roberts", "cusum"])
def test_vectorised_run_lengths_are_those_of_the_production_detector(rule: Rule) -> None:
    rng = np.random.default_rng(801)
    detector, units = known(0.01, rule=rule), 0
    while not alarmed(detector, run_length=500.0):
        gap = int(rng.geometric(0.02, 1)[0])
        units += gap
        detector = follow(detector, [Outcomes(gap - 1, 1)])
    ours = run_lengths(np.array([0.01]), 0.02, rule, asked=500.0, most=10**9)
    assert ours.tolist() == [units]


@pytest.mark.parametrize("rule", ["shiryaev-roberts", "cusum"])
@pytest.mark.parametrize(
    ("asked", "seen"), [(10_000, 20_000), (10_000, 200_000), (100_000, 50_000)]
)
def test_false_alarms_are_as_rare_as_asked_and_a_doubling_is_seen_soon(
    rule: Rule, asked: int, seen: int
) -> None:
    """A rate of 1 %, learnt from `seen` units; the null is its upper limit, missed once in 100."""
    paths, rate = 1000, 0.01
    null = upper_rate(incidents=round(rate * seen), units=seen, alpha=0.01)
    nulls = np.full(paths, null)
    most = 30 * asked  # cut off, which can but shorten the average
    at_null = run_lengths(nulls, null, rule, asked=asked, most=most)
    at_rate = run_lengths(nulls[: paths // 5], rate, rule, asked=asked, most=most)
    doubled = run_lengths(nulls, 2.0 * rate, rule, asked=asked, most=most)
    error = at_null.std() / math.sqrt(paths)
    print(
        f"{rule}, asked {asked:,}, 1 % learnt from {seen:,} (null {null:.3%}): run length at the "
        f"null {at_null.mean():,.0f} ± {error:,.0f}, at 1 % {at_rate.mean():,.0f} "
        f"({np.mean(at_rate == most):.0%} cut off at {most:,}); a doubling seen after "
        f"{doubled.mean():,.0f} ± {doubled.std() / math.sqrt(paths):,.0f}"
    )
    assert at_null.mean() >= asked - 3.0 * error
    assert doubled.mean() < (0.2 if rule == "shiryaev-roberts" else 0.6) * asked


# --- S9: the ramp -------------------------------------------------------------------------------


@pytest.mark.parametrize("rate", [0.01, 0.015, 0.02, 0.05, 0.2])
def test_a_ramp_within_a_budget_harms_few_and_lets_a_healthy_candidate_through(
    rate: float,
) -> None:
    """Against fixed steps of 1, 5, 25 and 50 %, 5,000 units each; 1,000 units a look."""
    paths = 100
    found: dict[float | None, list[Course]] = {}
    for budget in BUDGETS:
        found[budget] = courses(rate, budget, paths)
        excess = np.array([each.excess for each in found[budget]])
        units = np.array([each.units for each in found[budget]])
        promoted = np.mean([each.promoted for each in found[budget]])
        print(
            f"{BASE_RATE:.0%} -> {rate:.1%}, {ramp_name(budget)}: "
            f"{excess.mean():.1f} ± {excess.std() / math.sqrt(paths):.1f} units harmed, "
            f"ended after {units.mean():,.0f} units, promoted {promoted:.0%}"
        )
    harmed = {b: np.mean([each.excess for each in ended]) for b, ended in found.items()}
    for ended in found.values():
        promoted = np.mean([each.promoted for each in ended])
        rolled_back = np.mean([each.rolled_back for each in ended])
        assert rate > BASE_RATE or promoted >= 0.85
        assert rate > BASE_RATE or rolled_back <= _bound(0.05, paths)
    # What fixed steps harm, they harm in one step to half of the traffic, or by promoting.
    assert harmed[5.0] <= harmed[None]


# --- S1, units that stay ------------------------------------------------------------------------


def _peaks_when_new_units_fail(share: float, rate: float, paths: int) -> tuple[Numbers, Numbers]:
    """An A/A whose units fail on arrival or never: peaks by counts at risk, by assigned shares."""
    rng = np.random.default_rng(501)
    at_risk = np.zeros((2, paths))
    by_counts, by_share = np.zeros((2, len(RATIOS), paths))
    peaks = np.full((2, paths), -np.inf)
    for _ in range(500):
        survivors = rng.geometric(rate, paths) - 1
        new = rng.binomial(survivors, share)
        at_risk += new, survivors - new
        on_candidate = rng.random(paths) < share
        gain = np.where(on_candidate, np.log(RATIOS), 0.0)
        candidate, baseline = at_risk[0] + on_candidate, at_risk[1] + ~on_candidate
        chance = candidate / (candidate + baseline)
        by_counts = by_counts + gain - np.log1p((RATIOS - 1.0) * chance)
        by_share = by_share + gain - np.log1p((RATIOS - 1.0) * share)
        now = [log_mean(by_counts, WEIGHTS), log_mean(by_share, WEIGHTS)]
        peaks = np.maximum(peaks, now)
    return peaks[0], peaks[1]


@pytest.mark.parametrize("share", [0.05, 0.5])
@pytest.mark.parametrize("rate", [0.01, 0.1, 0.5])
def test_counts_at_risk_hold_for_rare_incidents_even_where_only_new_units_fail(
    share: float, rate: float
) -> None:
    """The worst case for counts; they are promised for one hazard of all at risk. Shares hold."""
    paths = 10_000
    peaks = _peaks_when_new_units_fail(share, rate, paths)
    by_counts, by_share = (float(np.mean(peak >= LOG_20)) for peak in peaks)
    print(f"share {share:.0%}, {rate:.0%} fail on arrival: {by_counts:.4f}, shares {by_share:.4f}")
    assert by_share <= _bound(0.05, paths)
    assert (by_counts <= _bound(0.05, paths)) == (rate <= 0.01)


@pytest.mark.parametrize("frailty", [0.0, 1.0, 2.0], ids=["none", "some", "strong"])
def test_false_alarms_of_an_a_a_with_frail_units_stay_within_the_budget(frailty: float) -> None:
    """Half of the traffic; each unit's hazard is its own (log-normal), a tenth fails on average.

    Units come all the time, so that those who have been there longer are the less frail.
    """
    rng, paths, alarms = np.random.default_rng(502), 1000, 0
    for _ in range(paths):
        hazard = 0.1 * np.exp(frailty * rng.standard_normal(600) - 0.5 * frailty**2)
        arrival = rng.random(600)
        failure = arrival + rng.exponential(1.0 / hazard)
        alarms += _alarm_of(arrival, failure, rng.random(600) < 0.5)
    print(f"frailty {frailty:g}: {alarms / paths:.4f}")
    assert alarms / paths <= _bound(0.05, paths)


def _alarm_of(arrival: Numbers, failure: Numbers, on_candidate: NDArray[np.bool_]) -> bool:
    stage, last = harm_stratum(), -math.inf
    for now, arm in sorted(zip(failure[failure < 2.0], on_candidate[failure < 2.0], strict=True)):
        new = (arrival > last) & (arrival <= now)
        stage = exposed(
            stage,
            candidate=int(np.sum(new & on_candidate)),
            baseline=int(np.sum(new & ~on_candidate)),
        )
        stage, last = incident(stage, on_candidate=bool(arm)), now
        if log_e([stage]) >= LOG_20:
            return True
    return False
