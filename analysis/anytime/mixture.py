"""Mixtures of likelihood ratios, on the log scale.

A convex combination of e-processes for the same null hypothesis is an e-process; mixing over a grid
of alternatives is how a test stays powerful without knowing the size of the harm beforehand.
"""

import math
from collections.abc import Sequence
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from anytime.errors import InvalidMargin, InvalidValue

Vector: TypeAlias = NDArray[np.float64]


def log_mixture(log_ratios: Vector, weights: Sequence[float] | None = None) -> float:
    """Log of the weighted average of the likelihood ratios whose logs are given.

    Args:
        log_ratios: shape (J,), one log-likelihood-ratio per alternative; infinities are allowed.
        weights: shape (J,), relative weights above 0 with a finite sum; equal ones if None.

    Returns:
        log(sum_j w_j exp(log_ratios[j]) / sum_j w_j), computed without overflow; -inf if all are
        -inf, and exactly 0 if all are 0.

    Raises:
        InvalidMargin: the weights are not one for each ratio, above 0, with a finite sum.
        InvalidValue: there is no log-likelihood-ratio, or one is not a number.
    """
    if len(log_ratios) == 0:
        raise InvalidValue("log_ratios == [], must be at least one")
    if weights is not None and not (
        len(weights) == len(log_ratios) and min(weights) > 0.0 and sum(weights) < math.inf
    ):
        raise InvalidMargin(f"weights == {weights}, must be one a ratio, above 0, of finite sum")
    peak = float(np.max(log_ratios))
    if math.isnan(peak):
        raise InvalidValue(f"log_ratios == {log_ratios}, must all be numbers")
    if math.isinf(peak):
        return peak
    likelihoods = np.exp(np.asarray(log_ratios) - peak)
    shares = np.ones(len(likelihoods)) if weights is None else np.asarray(weights, np.float64)
    # Both sums by the same operation, so that the mean of ones is exactly one.
    mean = float(likelihoods.dot(shares)) / float(np.ones(len(shares)).dot(shares))
    return peak + math.log(mean) if mean > 0.0 else -math.inf
