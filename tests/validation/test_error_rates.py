"""The promised error rates, measured by simulation at every look; seeds and bounds are fixed.

A bound is the promise plus three standard errors of the number of paths. The e-values of all paths
and looks are computed at once; each simulation checks on some of its paths that this is what the
production functions say. The long ones (`-m validation`) use more paths, and measure power too.
"""

import math
from collections.abc import Callable, Mapping, Sequence
from typing import TypeAlias

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy.special import betaln

from anytime import (
    IncidentStratum,
    OutcomeStratum,
    SplitStratum,
    log_e_below,
    log_e_mismatch,
    safe_logrank,
    two_proportions,
)

Counts: TypeAlias = NDArray[np.int64]
Numbers: TypeAlias = NDArray[np.float64]

RAMP = np.array([0.01, 0.05, 0.25, 0.5])
LOOKS, UNITS_A_LOOK = 40, 500  # of each stage
LOG_20 = math.log(20.0)
SHARE_OF_LOOK = np.repeat(RAMP, LOOKS)
DRIFT = np.linspace(0.0, 1.0, len(RAMP) * LOOKS)
SIZES = [
    pytest.param(2000, id="quick"),
    pytest.param(40_000, id="long", marks=pytest.mark.validation),
]


def _bound(alpha: float, paths: int) -> float:
    return alpha + 3.0 * math.sqrt(alpha * (1.0 - alpha) / paths)


def _rejected(log_e: Numbers, threshold: float = LOG_20) -> float:
    """Share of paths, shape (paths, looks), that ever reach the threshold."""
    return float(np.mean(np.max(log_e, axis=1) >= threshold))


# --- S1: incidents ------------------------------------------------------------------------------


def _incidents(paths: int, seed: int, ratio: float) -> tuple[Counts, Counts]:
    """Incidents of each look by arm, shape (paths, looks): the base rate drifts from 0.5 to 3 %."""
    rng = np.random.default_rng(seed)
    base = 0.005 + 0.025 * DRIFT
    shape = (paths, len(DRIFT))
    on_candidate = rng.binomial(UNITS_A_LOOK, SHARE_OF_LOOK, shape)
    candidate = rng.binomial(on_candidate, ratio * base)
    baseline = rng.binomial(UNITS_A_LOOK - on_candidate, base)
    return candidate, baseline


def _logrank(
    candidate: Counts, baseline: Counts, null: float, mixture: Mapping[float, float]
) -> Numbers:
    """Log e-value after each look, stage by stage, shape (paths, looks)."""
    ratios = []
    for alternative in mixture:
        theta = alternative * SHARE_OF_LOOK / (alternative * SHARE_OF_LOOK + 1 - SHARE_OF_LOOK)
        theta0 = null * SHARE_OF_LOOK / (null * SHARE_OF_LOOK + 1 - SHARE_OF_LOOK)
        gain = candidate * np.log(theta / theta0) + baseline * np.log((1 - theta) / (1 - theta0))
        ratios.append(np.cumsum(gain, axis=1))
    return _log_mean(np.stack(ratios), list(mixture.values()))


def _log_mean(ratios: Numbers, weights: Sequence[float] | None = None) -> Numbers:
    peak = ratios.max(axis=0)
    mean = np.average(np.exp(ratios - peak), axis=0, weights=weights)
    return np.asarray(peak + np.log(mean))


def _agrees(log_e: Numbers, production: Callable[[int, int], float]) -> None:
    """The vectorised e-values are the production function's, on some paths and looks."""
    rng = np.random.default_rng(7)
    for path in rng.integers(0, log_e.shape[0], 10):
        for look in (0, LOOKS - 1, LOOKS, log_e.shape[1] - 1, int(rng.integers(log_e.shape[1]))):
            expected = production(int(path), int(look))
            assert log_e[path, look] == pytest.approx(expected, abs=1e-9)


def _strata(path: int, look: int, *counts: Counts) -> list[tuple[int, ...]]:
    """Totals by stage of one path up to and with one look."""
    seen = np.arange(len(DRIFT)) <= look
    return [
        tuple(
            int(each[path, start : start + LOOKS] @ seen[start : start + LOOKS]) for each in counts
        )
        for start in range(0, len(DRIFT), LOOKS)
    ]


@pytest.mark.parametrize("paths", SIZES)
def test_harm_of_incidents_in_an_a_a_over_a_ramp_is_falsely_seen_within_the_budget(
    paths: int,
) -> None:
    candidate, baseline = _incidents(paths, seed=101, ratio=1.0)
    log_e = _logrank(candidate, baseline, 1.0, safe_logrank.HARM_MIXTURE)
    _agrees(
        log_e,
        lambda path, look: safe_logrank.log_e_harm(
            IncidentStratum(c, b, share)
            for (c, b), share in zip(_strata(path, look, candidate, baseline), RAMP, strict=True)
        ),
    )
    assert _rejected(log_e) <= _bound(0.05, paths)


def test_harm_of_incidents_from_pooled_stages_would_be_seen_falsely_in_almost_every_a_a() -> None:
    """Simpson's paradox: later stages have both more candidates and more incidents."""
    paths = 1000
    candidate, baseline = _incidents(paths, seed=102, ratio=1.0)
    pooled_share = np.cumsum(SHARE_OF_LOOK) / np.arange(1, len(DRIFT) + 1)
    pooled = np.array(
        [
            safe_logrank.log_e_harm([IncidentStratum(int(c), int(b), float(pooled_share[-1]))])
            for c, b in zip(candidate.sum(axis=1), baseline.sum(axis=1), strict=True)
        ]
    )
    stratified = _logrank(candidate, baseline, 1.0, safe_logrank.HARM_MIXTURE)
    assert float(np.mean(pooled >= LOG_20)) > 0.9
    assert _rejected(stratified) <= _bound(0.05, paths)


@pytest.mark.parametrize("paths", SIZES)
@pytest.mark.parametrize("margin", [1.2, 1.5, 2.0])
def test_incidents_exactly_at_the_margin_are_falsely_certified_within_the_budget(
    paths: int, margin: float
) -> None:
    candidate, baseline = _incidents(paths, seed=103, ratio=margin)
    below = [0.5, 0.8, 1.0, math.sqrt(margin)]
    log_e = _logrank(candidate, baseline, margin, dict.fromkeys(below, 1.0))
    _agrees(
        log_e,
        lambda path, look: safe_logrank.log_e_non_inferior(
            (
                IncidentStratum(c, b, share)
                for (c, b), share in zip(
                    _strata(path, look, candidate, baseline), RAMP, strict=True
                )
            ),
            margin=margin,
        ),
    )
    assert _rejected(log_e) <= _bound(0.05, paths)


@pytest.mark.validation
@pytest.mark.parametrize(
    ("base", "harmed", "share", "stored"),
    [
        (0.01, 0.02, 0.01, 97_076),
        (0.01, 0.02, 0.05, 23_109),
        (0.01, 0.02, 0.5, 4708),
        (0.01, 0.05, 0.01, 10_871),
        (0.01, 0.05, 0.05, 2525),
        (0.01, 0.05, 0.5, 665),
        (0.001, 0.01, 0.01, 34_124),
        (0.001, 0.01, 0.05, 7506),
        (0.001, 0.01, 0.5, 1973),
    ],
)
def test_users_until_harm_is_seen_are_on_average_hardly_more_than_measured_before(
    base: float, harmed: float, share: float, stored: int
) -> None:
    """The stored figures come from looks in batches and an unknown horizon; here each incident is
    looked at and nobody gives up, and the mixture is the weighted one.
    """
    paths, incidents = 4000, 20_000
    rng = np.random.default_rng(104)
    rate = share * harmed + (1.0 - share) * base
    users, grid = np.zeros(paths), np.array(list(safe_logrank.HARM_MIXTURE))
    weights = list(safe_logrank.HARM_MIXTURE.values())
    theta = grid * share / (grid * share + 1.0 - share)
    ratios, open_paths = np.zeros((len(grid), paths)), np.ones(paths, dtype=bool)
    for _ in range(incidents):
        users[open_paths] += rng.geometric(rate, int(open_paths.sum()))
        on_candidate = rng.random(paths) < share * harmed / rate
        ratios += np.where(
            on_candidate, np.log(theta / share)[:, None], np.log((1 - theta) / (1 - share))[:, None]
        )
        open_paths &= _log_mean(ratios, weights) < LOG_20
        if not open_paths.any():
            break
    print(f"{base:.1%} -> {harmed:.1%} at {share:.0%}: {users.mean():,.0f} users ({stored:,})")
    assert not open_paths.any()
    assert users.mean() <= 1.1 * stored
    # No test of this level can be quicker on average (Wald): ln 20 nats must come together.
    divergence = _kl(share * harmed / rate, share) * rate
    assert users.mean() >= LOG_20 / divergence


def _kl(p: float, q: float) -> float:
    return p * math.log(p / q) + (1.0 - p) * math.log((1.0 - p) / (1.0 - q))


# --- S3b: outcomes ------------------------------------------------------------------------------


def _outcomes(paths: int, seed: int, loss: float) -> list[Counts]:
    """Counts of each look in the order of OutcomeStratum; the success rate drifts 0.35 -> 0.9."""
    rng = np.random.default_rng(seed)
    base = 0.35 + 0.55 * DRIFT
    on_candidate = rng.binomial(UNITS_A_LOOK, SHARE_OF_LOOK, (paths, len(DRIFT)))
    won = rng.binomial(on_candidate, base - loss)
    baseline_won = rng.binomial(UNITS_A_LOOK - on_candidate, base)
    return [won, on_candidate - won, baseline_won, UNITS_A_LOOK - on_candidate - baseline_won]


def _two_proportions(counts: list[Counts], margin: float) -> Numbers:
    """Log e-value after each look, stage by stage, shape (paths, looks)."""
    odds = two_proportions.NON_INFERIOR_ODDS_RATIOS if margin else two_proportions.LOWER_ODDS_RATIOS
    bets = [np.stack(two_proportions._bets(float(share), margin, odds)) for share in RAMP]
    paths = counts[0].shape[0]
    ratios = np.zeros((bets[0].shape[1], paths))
    log_e = np.empty((paths, len(DRIFT)))
    for look in range(len(DRIFT)):
        seen = np.stack([each[:, look] for each in counts])
        ratios = ratios + bets[look // LOOKS].T @ seen
        log_e[:, look] = _log_mean(ratios)
    return log_e


OUTCOME_SIZES = [
    pytest.param(1000, id="quick"),
    pytest.param(20_000, id="long", marks=pytest.mark.validation),
]


@pytest.mark.parametrize("paths", OUTCOME_SIZES)
def test_loss_of_successes_in_an_a_a_over_a_ramp_is_falsely_seen_within_the_budget(
    paths: int,
) -> None:
    counts = _outcomes(paths, seed=201, loss=0.0)
    log_e = _two_proportions(counts, margin=0.0)
    _agrees(
        log_e,
        lambda path, look: two_proportions.log_e_lower(
            OutcomeStratum(*stage, share=float(share))
            for stage, share in zip(_strata(path, look, *counts), RAMP, strict=True)
        ),
    )
    assert _rejected(log_e) <= _bound(0.05, paths)


def test_loss_of_successes_from_pooled_stages_would_be_seen_falsely_when_rates_fall() -> None:
    """The same paradox: while success falls over time, the candidate has the later units."""
    paths = 300
    rising = _outcomes(paths, seed=202, loss=0.0)
    falling = [rising[1], rising[0], rising[3], rising[2]]  # failures taken for successes
    pooled_share = float(SHARE_OF_LOOK.mean())
    totals = np.stack([each.sum(axis=1) for each in falling], axis=1)
    pooled = [
        two_proportions.log_e_lower([OutcomeStratum(*map(int, total), share=pooled_share)])
        for total in totals
    ]
    assert float(np.mean(np.array(pooled) >= LOG_20)) > 0.9
    assert _rejected(_two_proportions(falling, margin=0.0)) <= _bound(0.05, paths)


@pytest.mark.parametrize("paths", OUTCOME_SIZES)
@pytest.mark.parametrize("margin", [0.05, 0.2])
def test_success_exactly_at_the_margin_is_falsely_certified_within_the_budget(
    paths: int, margin: float
) -> None:
    counts = _outcomes(paths, seed=203, loss=margin)
    log_e = _two_proportions(counts, margin=margin)
    _agrees(
        log_e,
        lambda path, look: two_proportions.log_e_non_inferior(
            (
                OutcomeStratum(*stage, share=float(share))
                for stage, share in zip(_strata(path, look, *counts), RAMP, strict=True)
            ),
            margin=margin,
        ),
    )
    assert _rejected(log_e) <= _bound(0.05, paths)


# --- S2 and S6: certification and split ---------------------------------------------------------


@pytest.mark.parametrize("paths", SIZES)
def test_incident_rate_exactly_at_the_ceiling_is_falsely_certified_within_the_budget(
    paths: int,
) -> None:
    ceiling, step, looks = 0.01, 20, 500
    rng = np.random.default_rng(301)
    incidents = np.cumsum(rng.binomial(step, ceiling, (paths, looks)), axis=1)
    units = step * np.arange(1, looks + 1)
    # Many paths share their counts: each pair is given to the production function once.
    pairs, place = np.unique(incidents + 10_000 * np.arange(looks), return_inverse=True)
    values = np.array(
        [
            log_e_below(incidents=int(p % 10_000), units=int(units[p // 10_000]), ceiling=ceiling)
            for p in pairs
        ]
    )
    assert _rejected(values[place].reshape(paths, looks)) <= _bound(0.05, paths)


@pytest.mark.parametrize("paths", [pytest.param(4000, id="quick"), SIZES[1]])
def test_split_as_designed_and_peeked_at_every_100_units_alarms_within_its_level(
    paths: int,
) -> None:
    alpha, looks = 0.001, 50
    rng = np.random.default_rng(302)
    largest = np.full(paths, -np.inf)
    done, final = np.zeros(paths), []
    for share in RAMP:
        on_candidate = np.cumsum(rng.binomial(100, share, (paths, looks)), axis=1)
        units = 100 * np.arange(1, looks + 1)
        prior = 100.0 * share, 100.0 * (1.0 - share)
        log_e = done[:, None] + (
            betaln(prior[0] + on_candidate, prior[1] + units - on_candidate)
            - betaln(*prior)
            - on_candidate * math.log(share)
            - (units - on_candidate) * math.log(1.0 - share)
        )
        largest, done = np.maximum(largest, log_e.max(axis=1)), log_e[:, -1]
        final.append(on_candidate[:, -1])
    for path in range(10):
        strata = [
            SplitStratum((100 * looks - int(seen[path]), int(seen[path])), (1.0 - share, share))
            for seen, share in zip(final, RAMP, strict=True)
        ]
        assert done[path] == pytest.approx(log_e_mismatch(strata), abs=1e-9)
    assert float(np.mean(largest >= math.log(1.0 / alpha))) <= _bound(alpha, paths)


def test_split_that_loses_a_tenth_of_the_candidate_alarms() -> None:
    rng = np.random.default_rng(303)
    seen = rng.binomial(40_000, 0.5 * 0.9 / 0.95, 200)
    log_e = [log_e_mismatch([SplitStratum((40_000 - int(s), int(s)), (0.5, 0.5))]) for s in seen]
    assert float(np.mean(np.array(log_e) >= math.log(1000.0))) > 0.99
