"""Mixtures of likelihood ratios, on the log scale.

A convex combination of e-processes for the same null hypothesis is an e-process; mixing over a grid
of alternatives is how a test stays powerful without knowing the size of the harm beforehand.
"""

from collections.abc import Sequence
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

Vector: TypeAlias = NDArray[np.float64]


def log_mixture(log_ratios: Vector, weights: Sequence[float] | None = None) -> float:
    """Log of the weighted average of the likelihood ratios whose logs are given.

    Args:
        log_ratios: shape (J,), one log-likelihood-ratio per alternative; -inf is allowed.
        weights: shape (J,), relative weights above 0; equal ones if None.

    Returns:
        log(sum_j w_j exp(log_ratios[j]) / sum_j w_j), computed without overflow; -inf if all are
        -inf, and exactly 0 if all are 0.
    """
    peak = float(np.max(log_ratios))
    if peak == -np.inf:
        return -np.inf
    return peak + float(np.log(np.average(np.exp(log_ratios - peak), weights=weights)))
