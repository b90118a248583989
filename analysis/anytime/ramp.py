"""How fast may the ramp go? The largest next share whose worst case stays within the budget.

The worst case is confident, not certain: an upper confidence limit, good at every look, of how many
more incidents each unit has on the candidate. Two limits are known, and the lower one counts:

    the candidate's rate at most, less the baseline's rate at least;
    (the ratio of rates at most, less 1) times the baseline's rate at most.

The first is the sharper one while the candidate has seen few incidents, the second when rates are
high. With no evidence the limit is 1: every unit might be harmed, so the budget is the exposure.

The limits speak of the units seen. That the units until the next look are no worse is an assumption
of every ramp, so looks should not be far apart.

Source: Zhao, Liu and Deb (2019), "Safely and quickly deploying new features with a staged rollout
framework using sequential test and adaptive experimental design"; Li, Mao and Bojinov (2023),
"Balancing risk and reward: an automated phased release strategy". Here with limits that hold at
every look in place of a posterior.
"""

import math
from collections.abc import Sequence

from anytime.bernoulli import lower_rate, upper_rate
from anytime.errors import InvalidMargin
from anytime.multiplicity import check_alpha
from anytime.safe_logrank import ratio_sequence
from anytime.strata import IncidentStratum, check_count

_LIMITS = 4  # confidence limits that must hold together, each with its part of alpha


def excess_limit(
    strata: Sequence[IncidentStratum],
    *,
    candidate_units: int,
    baseline_units: int,
    alpha: float = 0.05,
) -> float:
    """The most incidents that a unit has more on the candidate than on the baseline.

    Args:
        strata: incidents of each stage by arm.
        candidate_units: matured units of the candidate in all stages, at least its incidents.
        baseline_units: matured units of the baseline in all stages, at least its incidents.
        alpha: the chance that the limit is ever too low, in (0, 1).

    Returns:
        The limit, in [0, 1]; 1 with no unit on the candidate.

    Raises:
        InvalidCount, InvalidShare: a stratum cannot be, or has more incidents than units.
        InvalidMargin: alpha is out of range.

    Guarantee:
        P(the excess is ever above the limit) <= alpha at any looks, for an excess, a baseline rate
        and a ratio that do not change (the ratio's limit alone allows a rate that drifts).
    """
    check_alpha(alpha)
    each = alpha / _LIMITS
    highest_ratio = ratio_sequence(strata, alpha=2.0 * each)[1]
    on_candidate = sum(stratum.candidate for stratum in strata)
    on_baseline = sum(stratum.baseline for stratum in strata)
    highest = upper_rate(incidents=on_candidate, units=candidate_units, alpha=each)
    base_highest = upper_rate(incidents=on_baseline, units=baseline_units, alpha=each)
    base_lowest = lower_rate(incidents=on_baseline, units=baseline_units, alpha=each)
    excess = min(highest - base_lowest, (highest_ratio - 1.0) * base_highest)
    return min(1.0, max(0.0, excess))


def largest_share(*, excess: float, units: int, budget: float) -> float:
    """The largest share of traffic at which the expected excess stays within the budget.

    Args:
        excess: incidents that a unit has more on the candidate, at most; at least 0.
        units: units of all arms expected until the next look, at least 0.
        budget: excess incidents that are accepted until then, above 0.

    Returns:
        The share, in (0, 1]: never lower for a larger budget, never higher for more units.

    Raises:
        InvalidCount: the number of units is negative or not finite.
        InvalidMargin: the excess or the budget is out of range.

    Example:
        >>> largest_share(excess=1.0, units=1000, budget=5.0)
        0.005
        >>> largest_share(excess=0.004, units=1000, budget=5.0)
        1.0
    """
    check_count("units", units)
    if not 0.0 <= excess < math.inf:
        raise InvalidMargin(f"excess == {excess}, must be a finite number of at least 0")
    if not 0.0 < budget < math.inf:
        raise InvalidMargin(f"budget == {budget}, must be a finite number above 0")
    worst = excess * units
    return 1.0 if worst <= budget else budget / worst


def next_share(
    strata: Sequence[IncidentStratum],
    *,
    candidate_units: int,
    baseline_units: int,
    units: int,
    budget: float,
    alpha: float = 0.05,
) -> float:
    """The largest next share whose worst-case excess until the next look is within the budget.

    Args:
        strata: incidents of each stage by arm.
        candidate_units: matured units of the candidate in all stages, at least its incidents.
        baseline_units: matured units of the baseline in all stages, at least its incidents.
        units: units of all arms expected until the next look, at least 0.
        budget: excess incidents that are accepted until then, above 0.
        alpha: the chance that the worst case is ever worse than thought, in (0, 1).

    Returns:
        The share, in (0, 1]; budget / units with no evidence.

    Raises:
        InvalidCount, InvalidShare: a stratum or a number of units cannot be.
        InvalidMargin: the budget or alpha is out of range.

    Guarantee:
        With probability 1 - alpha, at all looks together: the excess incidents expected until the
        next look are at most the budget, as long as rates do not get worse than they have been.
    """
    excess = excess_limit(
        strata, candidate_units=candidate_units, baseline_units=baseline_units, alpha=alpha
    )
    return largest_share(excess=excess, units=units, budget=budget)
