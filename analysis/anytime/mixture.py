"""Mixtures of likelihood ratios, on the log scale.

A convex combination of e-processes for the same null hypothesis is an e-process; mixing over a grid
of alternatives is how a test stays powerful without knowing the size of the harm beforehand.
"""

from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

Vector: TypeAlias = NDArray[np.float64]


def log_uniform_mixture(log_ratios: Vector) -> float:
    """Log of the plain average of the likelihood ratios whose logs are given.

    Args:
        log_ratios: shape (J,), one log-likelihood-ratio per alternative; -inf is allowed.

    Returns:
        log((1/J) sum_j exp(log_ratios[j])), computed without overflow; -inf if all are -inf.
    """
    peak = float(np.max(log_ratios))
    if peak == -np.inf:
        return -np.inf
    return peak + float(np.log(np.mean(np.exp(log_ratios - peak))))
