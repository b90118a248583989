"""Sample ratio mismatch (SRM): is the split of units what was designed?

Source: Lindon and Malek (2022), "Anytime-valid inference for multinomial count data": the
Dirichlet-multinomial mixture against the designed shares. Stages multiply.
"""

from collections.abc import Iterable, Sequence
from typing import NamedTuple

import numpy as np
from scipy.special import betaln, gammaln

from anytime.errors import InvalidShare
from anytime.strata import check_count, check_share

CONCENTRATION = 100.0
"""Weight of the prior around the designed shares, in units."""

_SUM_TOLERANCE = 1e-12  # what is missing from 1 adds itself to the log e-value once for every unit


class SplitStratum(NamedTuple):
    """How many units one stage sent to each arm, and how many it should have.

    Attributes:
        counts: shape (A,), units seen per arm, each at least 0.
        shares: shape (A,), designed shares per arm, each in (0, 1), summing to 1.
    """

    counts: Sequence[int]
    shares: Sequence[float]


def log_e_mismatch(strata: Iterable[SplitStratum]) -> float:
    """Log e-value against "units were split by the designed shares".

    Args:
        strata: one entry per stage, in any order.

    Returns:
        The natural logarithm of the e-value; exactly 0 for no unit.

    Raises:
        InvalidCount: a count is negative.
        InvalidShare: shares are out of range, do not sum to 1, or do not match the counts.

    Guarantee:
        Under the null, P(ever >= log(1/alpha)) <= alpha at any sequence of looks (Ville). An
        always-valid p-value is min(1, exp(-log e)).

    Example:
        >>> strata = [SplitStratum(counts=(99, 5), shares=(0.99, 0.01))]
        >>> round(float(np.exp(-log_e_mismatch(strata))), 11)
        0.20214339324
    """
    return sum((_log_e(stratum) for stratum in strata), start=0.0)


def _log_e(stratum: SplitStratum) -> float:
    if len(stratum.counts) != len(stratum.shares):
        raise InvalidShare(
            f"shares == {stratum.shares}, must be one for each of counts == {stratum.counts}"
        )
    if not abs(sum(stratum.shares) - 1.0) <= _SUM_TOLERANCE:
        raise InvalidShare(f"shares == {stratum.shares}, must sum to 1")
    for arm, (count, share) in enumerate(zip(stratum.counts, stratum.shares, strict=True)):
        check_count(f"counts[{arm}]", count)
        check_share(share)
    shares = np.asarray(stratum.shares, dtype=np.float64)
    counts = np.asarray(stratum.counts, dtype=np.float64)
    prior = CONCENTRATION * shares
    return float(_log_beta(prior + counts) - _log_beta(prior) - np.sum(counts * np.log(shares)))


def _log_beta(weights: np.ndarray) -> float:
    """Log of the multivariate beta function of weights of shape (A,)."""
    if len(weights) == 2:  # noqa: PLR2004 - two arms: the beta function itself, more exact
        return float(betaln(weights[0], weights[1]))
    return float(np.sum(gammaln(weights)) - gammaln(np.sum(weights)))
