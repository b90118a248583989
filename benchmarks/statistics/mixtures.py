"""The e-values of all paths at once: mixtures of likelihood ratios over the last axes."""

import math
from collections.abc import Sequence

import numpy as np
from rows import Flags, Numbers

LOG_20 = math.log(20.0)
"""The log e-value that rejects at a level of 5 %."""


def log_mean(log_ratios: Numbers, weights: Sequence[float] | None = None) -> Numbers:
    """Log of the weighted average of likelihood ratios.

    Args:
        log_ratios: shape (J, ...), one log-likelihood-ratio for each alternative.
        weights: shape (J,), relative; equal ones if None.

    Returns:
        The shape after the first axis.
    """
    peak = log_ratios.max(axis=0)
    mean = np.average(np.exp(log_ratios - peak), axis=0, weights=weights)
    return np.asarray(peak + np.log(mean))


def ever(log_e: Numbers, threshold: float = LOG_20) -> Flags:
    """Whether each path, shape (paths, looks), reaches the threshold at any look."""
    return np.asarray(np.max(log_e, axis=-1) >= threshold)


def divergence(p: float, q: float) -> float:
    """Kullback-Leibler divergence of two coins, in nats."""
    return p * math.log(p / q) + (1.0 - p) * math.log((1.0 - p) / (1.0 - q))
