"""S6: is the split what was designed? Peeked at every 100 units, beside a chi-square test."""

import math

import numpy as np
from incident_paths import SHARES
from rows import Case, Counts, Numbers, Row
from scipy.special import chdtri

from anytime.paths import IncidentPath, log_e_mismatch

LOOKS, UNITS = 50, 100
"""Looks in each stage of the ramp, and units between two of them."""

LONG = 400
"""Looks of a split at one half."""

LEVEL, CHI_SQUARE_LEVEL = 0.001, 0.01
LOST = 0.1
"""The part of the candidate's units that never arrives, where a split is broken."""


def split_rows(paths: int) -> list[Row]:
    """False alarms as designed, over the ramp and at one half, and how soon a loss is seen."""
    over_ramp = split_peaks(split_counts(paths, 601, SHARES, LOOKS), SHARES)
    half = split_counts(paths, 602, (0.5,), LONG)
    threshold, name = math.log(1.0 / LEVEL), "split as designed, peeked at every 100 units"
    case = f"{name}, 40,000 units at 50 %"
    chi_square = chi_square_peaks(half[0], 0.5) >= chdtri(1, CHI_SQUARE_LEVEL)
    return [
        Case("S6", f"{name}, over the ramp", "false alarms at 0.001").rate(
            over_ramp >= threshold, at_most=LEVEL
        ),
        Case("S6", case, "false alarms at 0.001").rate(
            split_peaks(half, (0.5,)) >= threshold, at_most=LEVEL
        ),
        Case("S6", case, "false alarms at 0.01").rate(
            split_peaks(half, (0.5,)) >= math.log(1.0 / CHI_SQUARE_LEVEL), at_most=CHI_SQUARE_LEVEL
        ),
        Case("S6", f"{case}; a chi-square test, which is never done", "false alarms at 0.01").rate(
            chi_square
        ),
        _loss_seen(paths),
    ]


def split_counts(paths: int, seed: int, shares: tuple[float, ...], looks: int) -> list[Counts]:
    """Units on the candidate after each look of each stage, each of shape (paths, looks)."""
    rng = np.random.default_rng(seed)
    return [np.cumsum(rng.binomial(UNITS, each, (paths, looks)), axis=1) for each in shares]


def split_log_e(on_candidate: Counts, share: float) -> Numbers:
    """Log e-value of one stage after each look, shape (paths, looks)."""
    units = UNITS * np.arange(1, on_candidate.shape[1] + 1)
    return log_e_mismatch([IncidentPath(on_candidate, units - on_candidate, share)])


def split_peaks(counts: list[Counts], shares: tuple[float, ...]) -> Numbers:
    """The largest log e-value over all stages, multiplied, shape (paths,)."""
    before, peaks = np.zeros(len(counts[0])), np.full(len(counts[0]), -np.inf)
    for on_candidate, share in zip(counts, shares, strict=True):
        log_e = before[:, None] + split_log_e(on_candidate, share)
        peaks, before = np.maximum(peaks, log_e.max(axis=1)), log_e[:, -1]
    return peaks


def chi_square_peaks(on_candidate: Counts, share: float) -> Numbers:
    """The largest chi-square statistic of all looks, shape (paths,)."""
    units = UNITS * np.arange(1, on_candidate.shape[1] + 1)
    deviation = on_candidate - units * share
    return np.asarray(np.max(deviation**2 / (units * share * (1.0 - share)), axis=1))


def _loss_seen(paths: int) -> Row:
    """Half of the units are the candidate's, and a tenth of those is lost."""
    rng, looks = np.random.default_rng(603), LONG
    arriving = 0.5 * (1.0 - LOST) / (1.0 - 0.5 * LOST)
    on_candidate = np.cumsum(rng.binomial(UNITS, arriving, (paths, looks)), axis=1)
    seen = split_log_e(on_candidate, 0.5) >= math.log(1.0 / LEVEL)
    units = np.where(seen.any(axis=1), UNITS * (seen.argmax(axis=1) + 1), UNITS * looks)
    return Case(
        "S6", "a tenth of the candidate's units lost, share 50 %", "median units until seen"
    ).median(units)
