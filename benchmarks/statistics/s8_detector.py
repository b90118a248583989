"""S8: run lengths of the e-detector after the switch, each incident looked at."""

import math

import numpy as np
from mixtures import log_mean
from rows import Case, Counts, Numbers, Row

from anytime.bernoulli import alternatives_above, upper_rate
from anytime.e_detector import Rule

RATE = 0.01
ASKED = (10_000, 100_000)
LEARNT_FROM = 50_000
MISS = 0.01
CUT = 30
"""Paths end after this many run lengths asked for, which can but shorten the average."""


def detector_rows(paths: int) -> list[Row]:
    """Run lengths to a false alarm beside the one asked for, and units until a doubling is seen."""
    rows = [row for asked in ASKED for row in _known(asked, paths)]
    return [*rows, *_learnt(ASKED[0], paths), *_cusum(ASKED[0], paths)]


def _known(asked: int, paths: int) -> list[Row]:
    name = f"rate of 1 % known, run length asked {asked:,}"
    null = np.full(paths, RATE)
    return [*_false(name, null, asked, asked), _doubling(name, null, asked)]


def _learnt(asked: int, paths: int) -> list[Row]:
    """The old rate is learnt anew in every path, and the true rate stays what it was."""
    name = f"rate of 1 % learnt from {LEARNT_FROM:,} units, run length asked {asked:,}"
    null = learnt_nulls(paths)
    return [
        *_false(name, null, asked, (1.0 - MISS) * asked),
        _doubling(name, null, asked),
    ]


def _cusum(asked: int, paths: int) -> list[Row]:
    name = f"rate of 1 % known, run length asked {asked:,}; maximum in place of the sum"
    null = np.full(paths, RATE)
    lengths = run_lengths(null, RATE, "cusum", asked=asked, most=CUT * asked)
    seen = run_lengths(null, 2.0 * RATE, "cusum", asked=asked, most=CUT * asked)
    return [
        Case("S8", name, "mean units to a false alarm").mean(
            lengths, nominal=asked, at_least=asked
        ),
        Case("S8", name, "mean units until a doubling is seen").mean(seen),
    ]


def _false(name: str, null: Numbers, asked: int, promised: float) -> list[Row]:
    lengths = run_lengths(null, RATE, "shiryaev-roberts", asked=asked, most=CUT * asked)
    case = Case("S8", name, "mean units to a false alarm")
    return [case.mean(lengths, nominal=asked, at_least=promised)]


def _doubling(name: str, null: Numbers, asked: int) -> Row:
    lengths = run_lengths(null, 2.0 * RATE, "shiryaev-roberts", asked=asked, most=CUT * asked)
    return Case("S8", name, "mean units until a doubling is seen").mean(lengths)


def learnt_nulls(paths: int) -> Numbers:
    """The upper limit of the rate that was seen before the switch, shape (paths,)."""
    incidents = np.random.default_rng(802).binomial(LEARNT_FROM, RATE, paths)
    distinct, place = np.unique(incidents, return_inverse=True)
    limits = [upper_rate(incidents=int(n), units=LEARNT_FROM, alpha=MISS) for n in distinct]
    return np.array(limits)[place]


def run_lengths(null: Numbers, rate: float, rule: Rule, *, asked: float, most: float) -> Numbers:
    """Units until the alarm of each path, at most `most`, shape (paths,).

    Args:
        null: the highest rate that is no change, of each path.
        rate: the true rate.
        rule: how e-processes that started at different units are joined.
        asked: the run length asked for.
        most: units after which a path ends.
    """
    rng, rates = np.random.default_rng(801), _rates(null)
    clean, hit = np.log1p(-rates) - np.log1p(-null), np.log(rates / null)
    lengths, units = np.full(null.shape, float(most)), np.zeros(null.shape)
    stakes, watched = np.zeros(rates.shape), np.arange(null.size)
    while watched.size:
        gaps = rng.geometric(rate, watched.size)
        units += gaps
        log_sums, stakes = _after_incident(stakes, gaps, clean[:, watched], hit[:, watched], rule)
        over = log_mean(log_sums) >= math.log(asked)
        lengths[watched[over]] = np.minimum(units[over], most)
        stay = ~over & (units < most)
        watched, units, stakes = watched[stay], units[stay], stakes[:, stay]
    return lengths


def _rates(null: Numbers) -> Numbers:
    """The alternatives of each path's null, shape (J, paths)."""
    distinct, place = np.unique(null, return_inverse=True)
    return np.array([alternatives_above(float(each)) for each in distinct])[place].T


def _after_incident(
    stakes: Numbers, gaps: Counts, clean: Numbers, hit: Numbers, rule: Rule
) -> tuple[Numbers, Numbers]:
    """The sums after clean units and one incident, and what the next unit multiplies."""
    total = clean * (gaps - 1)
    if rule == "cusum":
        log_sums = np.maximum(0.0, stakes + total) + hit
        return log_sums, np.maximum(0.0, log_sums)
    # log 0 of no clean unit is meant: nothing has started since.
    with np.errstate(divide="ignore"):
        since = np.log(-np.expm1(total)) - np.log(-np.expm1(clean))
    log_sums = np.logaddexp(stakes + total, since) + hit
    return log_sums, np.logaddexp(0.0, log_sums)
