"""Is a quantile on the candidate above that on the baseline by a given number, at any look?

One-sided tests to go with the intervals of S5. Suppose the baseline's quantile is x, and the
candidate's at most x + d0. Then values of the baseline lie below x with a chance of at most p, and
values of the candidate above x + d0 with a chance of at most 1 - p. Against either there is the
one-sided beta-binomial e-process of `quantile_sequence`; no unit is in both, so their product is an
e-process too. As x is not known, the least product over all x is what counts: it is no larger than
the one at the true x. Stages multiply, each with an x of its own, so that nothing is pooled.

On the log-ratio scale x + d0 becomes x exp(d0). Values are binned; counts are of those that are
certainly below x or certainly above x + d0, which only lowers the e-value.

Source: Howard and Ramdas (2022), "Sequential estimation of quantiles with applications to A/B
testing and best-arm identification", Section 2; the least over a nuisance parameter is an e-value
for the composite null (Vovk and Wang 2021).
"""

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from anytime.errors import InvalidValue
from anytime.mean_difference import check_level
from anytime.moments import Vector
from anytime.quantile_sequence import (
    HIGHEST,
    LOWEST,
    ValueCounts,
    _edges,  # the bins, and the bets on their counts, must not be made in two ways
    _log_e_above,
    check_quantile,
    sample_quantile,
)
from anytime.ratio_metric import Scale
from anytime.strata import check_share

_BISECTIONS = 50
_WIDEST_LOG_RATIO = 1.0 + math.log(HIGHEST / LOWEST)


class QuantileStratum(NamedTuple):
    """One stage of a rollout: one value a unit, of matured units, by arm.

    Attributes:
        candidate: values of the units assigned to the candidate.
        baseline: values of the units assigned to the baseline.
        share: the share of units assigned to the candidate in this stage, in (0, 1).
    """

    candidate: ValueCounts
    baseline: ValueCounts
    share: float


class _Curve(NamedTuple):
    """What one stage bets for each x: steps of baseline values below, candidate values above.

    Attributes:
        ends: shape (i + 1,), x ends of the ranges in which as many baseline values lie below.
        below: shape (i + 1,), log e-values of those counts.
        starts: shape (j,), where the bins of candidate values start.
        above: shape (j + 1,), log e-values of the counts from each bin on, the last of none.
    """

    ends: Vector
    below: Vector
    starts: Vector
    above: Vector

    def log_e(self, shifted_ends: Vector) -> float:
        """The least sum over x, where the ends of x were shifted by the null's number."""
        first = np.searchsorted(self.starts, shifted_ends, side="left")
        return float(np.min(self.below + self.above[first]))


@dataclass(frozen=True, slots=True)
class QuantileTest:
    """One-sided tests of the change of one quantile, at this look; made by `quantile_test`.

    Attributes:
        estimate: candidate against baseline on the scale asked for, to 2 %; averaged over stages by
            their units; None where an arm has no value.
        units: values of the stages that are counted, both arms together.
        scale: difference or log-ratio.
        curves: what each counted stage bets on "above".
        opposite: the same with the arms exchanged.
    """

    estimate: float | None
    units: int
    scale: Scale
    curves: tuple[_Curve, ...]
    opposite: tuple[_Curve, ...]

    def log_e_greater(self, than: float) -> float:
        """Log e-value against "the change is at most `than`, in every stage"; 0 for no value.

        Raises:
            InvalidValue: `than` is not finite.

        Guarantee:
            Under the null, P(ever >= log(1/alpha)) <= alpha at any looks, for every sample size and
            distribution (Ville), if units of one arm and stage are independent and alike.
        """
        if not math.isfinite(than):
            raise InvalidValue(f"than == {than}, must be finite")
        return math.fsum(curve.log_e(self._shifted(curve.ends, than)) for curve in self.curves)

    def lower_limit(self, alpha: float) -> float:
        """The number that the change is above, at this look: where the e-value crosses 1/alpha.

        Args:
            alpha: the chance that the limit is ever above a change that is the same in all stages,
                in (0, 1).

        Returns:
            The limit on the scale asked for; -inf while nothing is known.

        Raises:
            InvalidLevel: alpha is not strictly between 0 and 1.
        """
        check_level("alpha", alpha)
        low, high = -self._widest, self._widest
        if self.log_e_greater(low) < -math.log(alpha):
            return -math.inf
        for _ in range(_BISECTIONS):
            middle = 0.5 * (low + high)
            rejected = self.log_e_greater(middle) >= -math.log(alpha)
            low, high = (middle, high) if rejected else (low, middle)
        return low

    def mirrored(self) -> "QuantileTest":
        """The tests of baseline against candidate; its lower limit is minus this one's upper."""
        estimate = None if self.estimate is None else -self.estimate
        return QuantileTest(estimate, self.units, self.scale, self.opposite, self.curves)

    @property
    def _widest(self) -> float:
        """A change beyond which, on either side, the bets are the same for all."""
        if self.scale is Scale.LOG_RATIO:
            return _WIDEST_LOG_RATIO
        edges = [np.append(curve.ends, curve.starts) for curve in self.curves]
        return max((float(np.max(each[np.isfinite(each)])) for each in edges), default=0.0)

    def _shifted(self, ends: Vector, by: float) -> Vector:
        if self.scale is Scale.DIFFERENCE:
            return ends + by
        limited = min(max(by, -_WIDEST_LOG_RATIO), _WIDEST_LOG_RATIO)
        return np.asarray(ends * math.exp(limited))


def quantile_test(
    strata: Iterable[QuantileStratum],
    *,
    at: float,
    planned: float,
    alpha: float,
    scale: Scale = Scale.DIFFERENCE,
) -> QuantileTest:
    """The tests of one quantile, candidate against baseline.

    Args:
        strata: one entry per stage; a stage in which an arm has no value is left out.
        at: which quantile, in (0, 1); 0.95 for the 95th percentile.
        planned: N*, the units (both arms) at which limits are to be narrowest, above 0.
        alpha: the one-sided level that the bets are tuned for, in (0, 1).
        scale: difference or log-ratio of the quantiles.

    Raises:
        InvalidShare, InvalidLevel, InvalidValue: a share, level, quantile or `planned` is out of
            range.

    Example:
        >>> from anytime.quantile_sequence import value_counts
        >>> slow, quick = value_counts([2.0] * 90 + [9.0] * 10), value_counts([1.0] * 100)
        >>> stage = QuantileStratum(slow, quick, 0.5)
        >>> test = quantile_test([stage], at=0.5, planned=200, alpha=0.05)
        >>> round(test.lower_limit(0.05), 2)
        0.99
    """
    check_quantile(at)
    check_level("alpha", alpha)
    if not 0.0 < planned < math.inf:
        raise InvalidValue(f"planned == {planned}, must be finite and above 0")
    known = tuple(strata)
    for stratum in known:
        check_share(stratum.share)
    counted = [each for each in known if each.candidate.units and each.baseline.units]
    swapped = [QuantileStratum(b, c, 1.0 - share) for c, b, share in counted]
    return QuantileTest(
        estimate=_estimate(counted, at, scale) if counted else None,
        units=sum(_units_of(each) for each in counted),
        scale=scale,
        curves=tuple(_curve(each, at, planned, alpha) for each in counted),
        opposite=tuple(_curve(each, at, planned, alpha) for each in swapped),
    )


def _estimate(counted: Sequence[QuantileStratum], at: float, scale: Scale) -> float:
    total = 0.0
    for stratum in counted:
        one, other = (sample_quantile(arm, at) for arm in (stratum.candidate, stratum.baseline))
        if scale is Scale.LOG_RATIO:
            one, other = math.log(max(one, LOWEST)), math.log(max(other, LOWEST))
        total += _units_of(stratum) * (one - other)
    return total / sum(map(_units_of, counted))


def _units_of(stratum: QuantileStratum) -> int:
    return stratum.candidate.units + stratum.baseline.units


def _curve(stratum: QuantileStratum, at: float, planned: float, alpha: float) -> _Curve:
    candidate, baseline, share = stratum
    bins, counts = np.array(baseline.bins).T
    starts, sizes = np.array(candidate.bins).T
    # Where their product crosses, each of the two bets has won about the root of the threshold.
    level = math.sqrt(alpha)
    below = _log_e_above(int(counts.sum()), at, planned * (1.0 - share), level)
    above = _log_e_above(int(sizes.sum()), 1.0 - at, planned * share, level)
    return _Curve(
        ends=np.append(_edges()[bins + 1], np.inf),
        below=below(np.concatenate([[0], np.cumsum(counts)])),
        starts=_edges()[starts],
        above=above(np.append(np.cumsum(sizes[::-1])[::-1], 0)),
    )
