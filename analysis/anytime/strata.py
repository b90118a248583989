"""The sufficient statistics: what one stage of a rollout says about one metric.

A stage is a stratum: within it the traffic share is constant, so a unit's arm is a coin of known
bias. Counts of different stages are never added up before the likelihood ratio is taken; adding
them would be Simpson's paradox whenever rates and shares both move.
"""

import math
from typing import NamedTuple

from anytime.errors import InvalidCount, InvalidShare


class IncidentStratum(NamedTuple):
    """Units whose first incident fell into one stage, by arm.

    Attributes:
        candidate: incidents on the candidate, at least 0.
        baseline: incidents on the baseline, at least 0.
        share: the share of units assigned to the candidate in this stage, in (0, 1).
    """

    candidate: int
    baseline: int
    share: float


class OutcomeStratum(NamedTuple):
    """Units of one stage whose binary outcome is known, by arm.

    Attributes:
        candidate_successes: units on the candidate that succeeded, at least 0.
        candidate_failures: units on the candidate that did not, at least 0.
        baseline_successes: units on the baseline that succeeded, at least 0.
        baseline_failures: units on the baseline that did not, at least 0.
        share: the share of units assigned to the candidate in this stage, in (0, 1).
    """

    candidate_successes: int
    candidate_failures: int
    baseline_successes: int
    baseline_failures: int
    share: float


def check_stratum(stratum: IncidentStratum | OutcomeStratum) -> None:
    """Refuse a stratum whose counts or share cannot be.

    Raises:
        InvalidCount: a count is negative or not finite.
        InvalidShare: the share is not strictly between 0 and 1.
    """
    for name, count in zip(stratum._fields[:-1], stratum[:-1], strict=True):
        check_count(name, count)
    check_share(stratum.share)


def check_count(name: str, count: float) -> None:
    """Refuse a count that is negative or not finite.

    Raises:
        InvalidCount: so it is.
    """
    if not (math.isfinite(count) and count >= 0):
        raise InvalidCount(f"{name} == {count}, must be a finite count of at least 0")


def check_share(share: float) -> None:
    """Refuse a share outside the open unit interval.

    Raises:
        InvalidShare: at 0 or 1 there is no concurrent comparison, and so no test.
    """
    if not 0.0 < share < 1.0:
        raise InvalidShare(f"share == {share}, must lie strictly between 0 and 1")
