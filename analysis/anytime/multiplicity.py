"""Many guardrails, many arms, long lists: what becomes of an error budget that is shared.

Guardrails are a union, so the budget is split by weight. Arms are tested by closed testing with
averaged e-values, which controls the chance of any false finding under every dependence between
arms (they share a control, so they do depend). Exploratory lists use e-BH, which controls the
expected share of false findings, again under every dependence.

Source: Vovk and Wang (2021), "E-values: calibration, combination and applications", Section 6;
Wang and Ramdas (2022), "False discovery rate control with e-values", Theorem 2.
"""

import math
from collections.abc import Sequence

import numpy as np

from anytime.errors import InvalidMargin
from anytime.mixture import Vector, log_mixture


def weighted_thresholds(alpha: float, weights: Sequence[float]) -> tuple[float, ...]:
    """Log thresholds of tests that share one error budget by weight.

    Args:
        alpha: the budget of all tests together, in (0, 1).
        weights: shape (K,), each above 0; only their proportions matter.

    Returns:
        Shape (K,): log(1 / (alpha w_k)) with the weights scaled to sum to 1. Test k rejects when
        its log e-value reaches its threshold.

    Raises:
        InvalidMargin: alpha or a weight is out of range, or there is no weight.

    Guarantee:
        P(any true null is ever rejected) <= alpha, at any looks and under any dependence (Ville and
        the union bound).

    Example:
        >>> [round(each, 4) for each in weighted_thresholds(0.05, (3.0, 1.0))]
        [3.2834, 4.382]
    """
    check_alpha(alpha)
    if not (weights and min(weights) > 0.0 and sum(weights) < math.inf):
        raise InvalidMargin(f"weights == {weights}, must be at least one, each finite and above 0")
    total = math.fsum(weights)
    return tuple(math.log(total / weight) - math.log(alpha) for weight in weights)


def log_mean(log_es: Sequence[float]) -> float:
    """Log of the arithmetic mean of e-values: one e-value against "all these nulls are true".

    Args:
        log_es: shape (K,), K >= 1, log e-values; infinities are allowed.

    Returns:
        log(mean(exp(log_es))), computed without overflow.

    Raises:
        InvalidMargin: there is no e-value, or one is not a number.

    Guarantee:
        The mean of e-values is an e-value under any dependence; no other symmetric rule is better
        for all of them (Vovk and Wang 2021, Proposition 3.1).
    """
    known = _checked(log_es)
    return math.inf if np.any(np.isposinf(known)) else log_mixture(known)


def closed_log_es(log_es: Sequence[float]) -> tuple[float, ...]:
    """Log e-values of K hypotheses, corrected for all K being looked at: closed testing.

    The corrected e-value of a hypothesis is the least mean over all groups it belongs to. The least
    mean of each size takes the smallest others, and none above the hypothesis itself, so K (K+1)/2
    means are enough for all 2^K groups.

    Args:
        log_es: shape (K,), log e-values, each against its own null; infinities are allowed.

    Returns:
        Shape (K,), in the order given: corrected log e-values, none above the uncorrected one.

    Raises:
        InvalidMargin: there is no e-value, or one is not a number.

    Guarantee:
        Rejecting where the corrected e-value is 1/alpha or more: P(any true null is rejected) <=
        alpha, under any dependence; at any looks too, when the e-values come from e-processes in
        one filtration.

    Source:
        Vovk and Wang (2021), Algorithm 1.

    Example:
        >>> [round(each, 3) for each in closed_log_es([math.log(60.0), math.log(20.0), -math.inf])]
        [3.283, 2.303, -inf]
    """
    known = _checked(log_es)
    order = np.argsort(known, kind="stable")
    ascending = known[order]
    below = np.concatenate([[-np.inf], np.logaddexp.accumulate(ascending)])
    sizes = np.log(np.arange(1.0, len(known) + 1.0))
    corrected = np.empty_like(known)
    for rank, place in enumerate(order):
        groups = np.logaddexp(known[place], below[: rank + 1]) - sizes[: rank + 1]
        corrected[place] = np.min(groups)
    return tuple(corrected.tolist())


def closed_levels(alpha: float, log_es: Sequence[float]) -> tuple[float, ...]:
    """The level at which each of K hypotheses is rejected by closed testing, given the others.

    The corrected e-value of `closed_log_es` reaches 1/alpha when the own e-value reaches 1/level:
    the groups that hold a hypothesis back are those of it and others below 1/alpha, each of which
    must be made up for. A confidence limit at this level agrees with the closed test.

    Args:
        alpha: the budget of all hypotheses together, in (0, 1).
        log_es: shape (K,), log e-values, each against its own null; infinities are allowed.

    Returns:
        Shape (K,), in the order given: levels from alpha / K (no other has any evidence) to alpha
        (all others are rejected on their own, or K == 1).

    Raises:
        InvalidMargin: alpha is out of range, there is no e-value, or one is not a number.

    Guarantee:
        Let a limit fall as far as its e-value, which falls as the null's number rises, stays at
        1/level or more. P(any limit up to its null's number is too high, or any limit above it
        belongs to a true null) <= alpha, for all hypotheses together. How far above that number the
        truth lies is claimed with a chance of at most alpha of being wrong for each by itself.

    Example:
        >>> closed_levels(0.05, [math.log(60.0), -math.inf])
        (0.025, 0.05)
    """
    check_alpha(alpha)
    known = _checked(log_es)
    missing = 1.0 - np.exp(np.minimum(known + math.log(alpha), 0.0))
    total = math.fsum(missing)
    return tuple(alpha / (1.0 + max(total - own, 0.0)) for own in missing.tolist())


def e_bh(alpha: float, log_es: Sequence[float]) -> tuple[bool, ...]:
    """The e-BH procedure: which hypotheses of a list to report.

    Args:
        alpha: the expected share of false findings that is accepted, in (0, 1).
        log_es: shape (K,), log e-values, each against its own null; may be empty.

    Returns:
        Shape (K,), in the order given: whether the hypothesis is rejected.

    Raises:
        InvalidMargin: alpha is out of range, or an e-value is not a number.

    Guarantee:
        E[false rejections / rejections] <= alpha times the share of true nulls, under any
        dependence, when all e-values are read at one stopping time.

    Source:
        Wang and Ramdas (2022), Theorem 2.

    Example:
        >>> e_bh(0.05, [math.log(45.0), 0.0, math.log(30.0), math.log(31.0)])
        (True, False, True, True)
    """
    check_alpha(alpha)
    if not log_es:
        return ()
    known = _checked(log_es)
    descending = -np.sort(-known)
    needed = math.log(len(known) / alpha) - np.log(np.arange(1.0, len(known) + 1.0))
    reached = np.flatnonzero(descending >= needed)
    if not reached.size:
        return (False,) * len(known)
    return tuple((known >= needed[reached[-1]]).tolist())


def check_alpha(alpha: float) -> None:
    """Refuse an error budget outside the open unit interval.

    Raises:
        InvalidMargin: so it is.
    """
    if not 0.0 < alpha < 1.0:
        raise InvalidMargin(f"alpha == {alpha}, must lie strictly between 0 and 1")


def _checked(log_es: Sequence[float]) -> Vector:
    known = np.asarray(log_es, dtype=np.float64)
    if not known.size or np.any(np.isnan(known)):
        raise InvalidMargin(f"log_es == {log_es}, must be at least one, each a number")
    return known
