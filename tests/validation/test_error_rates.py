"""The promised error rates, measured by simulation at every look; seeds and bounds are fixed.

A bound is the promise plus three standard errors of the number of paths. The e-values of all paths
and looks are computed at once; each simulation checks on some of its paths that this is what the
production functions say. The long ones (`-m validation`) use more paths, and measure power too.
"""

import math
from collections.abc import Callable, Sequence

import numpy as np
import pytest
from incident_paths import (
    RAMP,
    SHARES,
    harm,
    incidents_over_ramp,
    logrank,
    non_inferior,
)
from mixtures import LOG_20, ever
from rows import Counts, Numbers
from s1_ramp import pooled_log_e
from s2_ceilings import errors_at_ceiling
from s3b_outcomes import outcome_log_e, outcomes_over_ramp
from s6_split import LOOKS, UNITS, split_counts, split_peaks

from anytime import (
    IncidentStratum,
    OutcomeStratum,
    SplitStratum,
    log_e_mismatch,
    safe_logrank,
    two_proportions,
)

SIZES = [
    pytest.param(2000, id="quick"),
    pytest.param(40_000, id="long", marks=pytest.mark.validation),
]


def _bound(alpha: float, paths: int) -> float:
    return alpha + 3.0 * math.sqrt(alpha * (1.0 - alpha) / paths)


def _agrees(log_e: Numbers, production: Callable[[int, int], float]) -> None:
    """The vectorised e-values are the production function's, on some paths and looks."""
    rng = np.random.default_rng(7)
    last = log_e.shape[1] - 1
    for path in rng.integers(0, log_e.shape[0], 10):
        for look in (0, RAMP.looks - 1, RAMP.looks, last, int(rng.integers(last))):
            expected = production(int(path), int(look))
            assert log_e[path, look] == pytest.approx(expected, abs=1e-9)


def _strata(path: int, look: int, counts: Sequence[Counts]) -> list[list[int]]:
    """Totals by stage of one path up to and with one look."""
    seen = np.arange(len(RAMP.shares)) <= look
    stages = (np.split(each[path] * seen, len(SHARES)) for each in counts)
    return [[int(part.sum()) for part in parts] for parts in zip(*stages, strict=True)]


# --- S1: incidents ------------------------------------------------------------------------------


@pytest.mark.parametrize("paths", SIZES)
def test_harm_of_incidents_in_an_a_a_over_a_ramp_is_falsely_seen_within_the_budget(
    paths: int,
) -> None:
    counts = incidents_over_ramp(paths, seed=101, ratio=1.0)
    log_e = logrank(*counts, harm())
    _agrees(
        log_e,
        lambda path, look: safe_logrank.log_e_harm(
            IncidentStratum(*stage, share)
            for stage, share in zip(_strata(path, look, counts), SHARES, strict=True)
        ),
    )
    assert np.mean(ever(log_e)) <= _bound(0.05, paths)


def test_harm_of_incidents_from_pooled_stages_would_be_seen_falsely_in_almost_every_a_a() -> None:
    """Simpson's paradox: later stages have both more candidates and more incidents."""
    paths = 1000
    counts = incidents_over_ramp(paths, seed=102, ratio=1.0)
    assert np.mean(pooled_log_e(*counts) >= LOG_20) > 0.9
    assert np.mean(ever(logrank(*counts, harm()))) <= _bound(0.05, paths)


@pytest.mark.parametrize("paths", SIZES)
@pytest.mark.parametrize("margin", [1.2, 1.5, 2.0])
def test_incidents_exactly_at_the_margin_are_falsely_certified_within_the_budget(
    paths: int, margin: float
) -> None:
    counts = incidents_over_ramp(paths, seed=103, ratio=margin)
    log_e = logrank(*counts, non_inferior(margin))
    _agrees(
        log_e,
        lambda path, look: safe_logrank.log_e_non_inferior(
            (
                IncidentStratum(*stage, share)
                for stage, share in zip(_strata(path, look, counts), SHARES, strict=True)
            ),
            margin=margin,
        ),
    )
    assert np.mean(ever(log_e)) <= _bound(0.05, paths)


# --- S3b: outcomes ------------------------------------------------------------------------------


OUTCOME_SIZES = [
    pytest.param(1000, id="quick"),
    pytest.param(20_000, id="long", marks=pytest.mark.validation),
]


@pytest.mark.parametrize("paths", OUTCOME_SIZES)
def test_loss_of_successes_in_an_a_a_over_a_ramp_is_falsely_seen_within_the_budget(
    paths: int,
) -> None:
    counts = outcomes_over_ramp(paths, seed=201, loss=0.0)
    log_e = outcome_log_e(counts, margin=0.0)
    _agrees(
        log_e,
        lambda path, look: two_proportions.log_e_lower(
            OutcomeStratum(*stage, share=share)
            for stage, share in zip(_strata(path, look, counts), SHARES, strict=True)
        ),
    )
    assert np.mean(ever(log_e)) <= _bound(0.05, paths)


def test_loss_of_successes_from_pooled_stages_would_be_seen_falsely_when_rates_fall() -> None:
    """The same paradox: while success falls over time, the candidate has the later units."""
    paths = 300
    rising = outcomes_over_ramp(paths, seed=202, loss=0.0)
    falling = [rising[1], rising[0], rising[3], rising[2]]  # failures taken for successes
    pooled_share = float(RAMP.shares.mean())
    totals = np.stack([each.sum(axis=1) for each in falling], axis=1)
    pooled = [
        two_proportions.log_e_lower([OutcomeStratum(*map(int, total), share=pooled_share)])
        for total in totals
    ]
    assert np.mean(np.array(pooled) >= LOG_20) > 0.9
    assert np.mean(ever(outcome_log_e(falling, margin=0.0))) <= _bound(0.05, paths)


@pytest.mark.parametrize("paths", OUTCOME_SIZES)
@pytest.mark.parametrize("margin", [0.05, 0.2])
def test_success_exactly_at_the_margin_is_falsely_certified_within_the_budget(
    paths: int, margin: float
) -> None:
    counts = outcomes_over_ramp(paths, seed=203, loss=margin)
    log_e = outcome_log_e(counts, margin=margin)
    _agrees(
        log_e,
        lambda path, look: two_proportions.log_e_non_inferior(
            (
                OutcomeStratum(*stage, share=share)
                for stage, share in zip(_strata(path, look, counts), SHARES, strict=True)
            ),
            margin=margin,
        ),
    )
    assert np.mean(ever(log_e)) <= _bound(0.05, paths)


# --- S2 and S6: ceilings and split --------------------------------------------------------------


@pytest.mark.parametrize("paths", SIZES)
def test_incident_rate_exactly_at_the_ceiling_errs_to_either_side_within_the_budget(
    paths: int,
) -> None:
    blocks = [errors_at_ceiling(0.01, seed, 2000) for seed in range(paths // 2000)]
    assert np.mean(blocks, axis=(0, 2)).max() <= _bound(0.05, paths)


@pytest.mark.parametrize("paths", [pytest.param(4000, id="quick"), SIZES[1]])
def test_split_as_designed_and_peeked_at_every_100_units_alarms_within_its_level(
    paths: int,
) -> None:
    counts = split_counts(paths, 302, SHARES, LOOKS)
    largest = split_peaks(counts, SHARES)
    for path in range(3):
        along = [
            log_e_mismatch(
                SplitStratum((UNITS * at - int(seen[path, at - 1]), int(seen[path, at - 1])),
                             (1.0 - share, share))
                for seen, share, at in zip(counts, SHARES, _looks_of_stages(look), strict=True)
                if at
            )
            for look in range(1, len(SHARES) * LOOKS + 1)
        ]  # fmt: skip
        assert largest[path] == pytest.approx(max(along), abs=1e-9)
    assert float(np.mean(largest >= math.log(1000.0))) <= _bound(0.001, paths)


def _looks_of_stages(look: int) -> list[int]:
    """How many looks of each stage lie behind, after so many in all."""
    return [min(max(look - LOOKS * number, 0), LOOKS) for number in range(len(SHARES))]


def test_split_that_loses_a_tenth_of_the_candidate_alarms() -> None:
    rng = np.random.default_rng(303)
    seen = rng.binomial(40_000, 0.5 * 0.9 / 0.95, 200)
    log_e = [log_e_mismatch([SplitStratum((40_000 - int(s), int(s)), (0.5, 0.5))]) for s in seen]
    assert float(np.mean(np.array(log_e) >= math.log(1000.0))) > 0.99
