"""CUPED: the part of an outcome that the time before exposure does not explain.

The slope is one for all stages and arms, pooled from co-moments within stage and arm, each weighted
as the arm weighs in the variance: the adjustment never makes the estimated variance larger.

Source: Deng, Xu, Kohavi and Walker (2013), "Improving the sensitivity of online controlled
experiments by utilizing pre-experiment data".
"""

from collections.abc import Iterable, Sequence

import numpy as np
from numpy.typing import NDArray

from anytime.errors import InvalidCount, InvalidShape, InvalidValue
from anytime.moments import Moments, Vector
from anytime.strata import check_count

_LEAST_UNITS = 2  # of an arm, to have a variance
_ROUNDING = 1e-16  # of a sum of squares: less than this share of spread is rounding
_SINGULAR = 1e-9  # eigenvalues of a correlation matrix below this share of the largest are zero


def adjusted_outcome(arms: Iterable[tuple[int, Moments]]) -> Vector:
    """The contrast of columns that is the outcome minus slope times covariates.

    Args:
        arms: each arm of each stage, with the units of its stage (both arms); at least two units
            an arm, the same columns everywhere, the outcome first.

    Returns:
        Shape (1, d): 1 for the outcome, minus the slopes for the covariates. The slopes are those
        of the least estimated variance of the difference that is averaged over stages.

    Raises:
        InvalidCount: an arm has fewer than two units, or a stage a number of units that cannot be.
        InvalidShape: there is no arm, or arms have different columns.
        InvalidValue: values are too large for their squares to be added up.
    """
    known = tuple(arms)
    columns = _columns(known)
    pooled, raw = np.zeros((columns, columns)), np.zeros(columns)
    with np.errstate(over="ignore", invalid="ignore"):  # caught by the check that follows
        for stage_units, moments in known:
            weight = stage_units**2 / (moments.count * (moments.count - 1.0))
            pooled += weight * np.asarray(moments.comoment)
            raw += weight * moments.count * np.square(moments.mean)
    if not (np.isfinite(pooled).all() and np.isfinite(raw).all()):
        raise InvalidValue("co-moments must have finite sums; is a value too large to square?")
    # A covariate that is constant but for rounding explains nothing, and is left out.
    varies = np.diag(pooled) > _ROUNDING * (np.diag(pooled) + raw)
    return np.concatenate([[1.0], -_slopes(pooled, varies[1:])])[np.newaxis, :]


def _columns(arms: Sequence[tuple[int, Moments]]) -> int:
    """How many columns all arms have; refuses arms that have no variance or differ in columns."""
    if len({moments.columns for _, moments in arms}) != 1:
        raise InvalidShape("there must be an arm, and all must have the same columns")
    for stage_units, moments in arms:
        check_count("stage_units", stage_units)
        if moments.count < _LEAST_UNITS:
            raise InvalidCount(f"count == {moments.count}, must be at least {_LEAST_UNITS}")
    return arms[0][1].columns


def _slopes(pooled: Vector, varies: NDArray[np.bool_]) -> Vector:
    """Shape (d - 1,): least-squares slopes of the first column on those others that vary."""
    slopes = np.zeros(len(varies))
    if varies.any():
        used = 1 + np.flatnonzero(varies)
        scale = np.sqrt(np.diag(pooled)[used])
        correlation = pooled[np.ix_(used, used)] / np.outer(scale, scale)
        # The pseudo-inverse shares a slope among covariates that are copies of each other.
        inverse = np.linalg.pinv(correlation, rcond=_SINGULAR, hermitian=True)
        slopes[varies] = inverse @ (pooled[used, 0] / scale) / scale
    return slopes
