"""The one-sided Bernoulli e-processes: is a rate above a ceiling, or certainly below it?

Source: Waudby-Smith and Ramdas (2024), "Estimating means of bounded random variables by betting";
Howard, Ramdas, McAuliffe and Sekhon (2021), "Time-uniform, nonparametric, nonasymptotic confidence
sequences".
"""

from collections.abc import Callable

import numpy as np
from scipy.optimize import brentq
from scipy.special import expit

from anytime.errors import InvalidCount, InvalidMargin
from anytime.mixture import Vector, log_mixture
from anytime.multiplicity import check_alpha
from anytime.strata import check_count

BELOW_FRACTIONS = (0.0, 0.1, 0.25, 0.5, 0.75)
"""The alternatives mixed for certification, as fractions of the ceiling."""

ABOVE_MULTIPLES = (1.25, 1.5, 2.0, 3.0, 5.0, 10.0, 20.0)
"""The alternatives mixed for the alarm, as multiples of the ceiling; those that are no rate drop
out."""

LIMIT_FRACTIONS = (*BELOW_FRACTIONS, 0.9, 0.95)
LIMIT_MULTIPLES = (1.05, 1.1, *ABOVE_MULTIPLES)
"""The alternatives mixed for confidence limits: closer ones too, or limits would stop closing in
on a rate that is seen ever more often."""

_WIDEST_LOG_ODDS = 800.0  # of a limit: beyond, a rate is 0 or 1 in double precision


def log_e_below(*, incidents: int, units: int, ceiling: float) -> float:
    """Log e-value against "the incident rate is at least `ceiling`".

    Args:
        incidents: units with an incident, 0 <= incidents <= units.
        units: matured units: those that can no longer turn into an incident unseen.
        ceiling: the rate that must be excluded, in (0, 1).

    Returns:
        The natural logarithm of the e-value; exactly 0 for no unit.

    Raises:
        InvalidCount: a count is negative, or there are more incidents than units.
        InvalidMargin: the ceiling is not strictly between 0 and 1.

    Guarantee:
        If the rate is `ceiling` or more, P(ever >= log(1/alpha)) <= alpha at any looks (Ville).

    Example:
        With no incident, 380 units certify a rate below 1 % at alpha = 0.05:

        >>> log_e_below(incidents=0, units=380, ceiling=0.01) >= float(np.log(20))
        True
    """
    _check(incidents, units)
    _check_ceiling(ceiling)
    fractions = np.asarray(BELOW_FRACTIONS)
    with np.errstate(divide="ignore"):
        per_incident = np.log(fractions)
    # 0 * log(0) is 0 here: with no incident the alternative "never" keeps its full likelihood.
    from_incidents = incidents * per_incident if incidents else np.zeros_like(fractions)
    from_rest = (units - incidents) * np.log((1.0 - fractions * ceiling) / (1.0 - ceiling))
    return log_mixture(from_incidents + from_rest)


def log_e_above(*, incidents: int, units: int, ceiling: float) -> float:
    """Log e-value against "the incident rate is at most `ceiling`".

    Args:
        incidents: units with an incident, 0 <= incidents <= units.
        units: units seen, matured or not: one that may still turn into an incident counts as none
            so far, which only lowers the e-value.
        ceiling: the highest rate that is no alarm, in (0, 1).

    Returns:
        The natural logarithm of the e-value; exactly 0 for no unit.

    Raises:
        InvalidCount: a count is negative, or there are more incidents than units.
        InvalidMargin: the ceiling is not strictly between 0 and 1.

    Guarantee:
        If every unit's rate, given the past, is `ceiling` or less, P(ever >= log(1/alpha)) <= alpha
        at any looks (Ville).

    Example:
        Six incidents among 100 units breach a ceiling of 1 % at alpha = 0.05, five do not:

        >>> log_e_above(incidents=6, units=100, ceiling=0.01) >= float(np.log(20))
        True
        >>> log_e_above(incidents=5, units=100, ceiling=0.01) >= float(np.log(20))
        False
    """
    _check(incidents, units)
    rates = alternatives_above(ceiling)
    from_incidents = incidents * np.log(rates / ceiling)
    from_rest = (units - incidents) * (np.log1p(-rates) - np.log1p(-ceiling))
    return log_mixture(from_incidents + from_rest)


def alternatives_above(ceiling: float) -> Vector:
    """The rates above a ceiling that are worth a bet.

    Args:
        ceiling: the highest rate of the null, in (0, 1).

    Returns:
        Shape (J,), J >= 1: the multiples of the ceiling that are below 1; where none is, the rate
        half way from the ceiling to 1.

    Raises:
        InvalidMargin: the ceiling is not strictly between 0 and 1, or so near to 1 that there is no
            number between.
    """
    _check_ceiling(ceiling)
    rates = [multiple * ceiling for multiple in ABOVE_MULTIPLES if multiple * ceiling < 1.0]
    rates = rates or [0.5 * (1.0 + ceiling)]
    if rates[-1] >= 1.0:
        raise InvalidMargin(f"ceiling == {ceiling}, leaves no rate between itself and 1")
    return np.asarray(rates)


def upper_rate(*, incidents: int, units: int, alpha: float) -> float:
    """The upper confidence limit of an incident rate, good at every look.

    Args:
        incidents: units with an incident, 0 <= incidents <= units.
        units: matured units.
        alpha: the chance that the limit is ever too low, in (0, 1).

    Returns:
        The limit, in (0, 1]: every rate above it is rejected; 1 if all units had an incident, or
        so nearly all that no number is between, or there is no unit.

    Raises:
        InvalidCount: a count is negative, or there are more incidents than units.
        InvalidMargin: alpha is not strictly between 0 and 1.

    Guarantee:
        P(the rate is ever above the limit) <= alpha at any looks.
    """
    _check(incidents, units)
    check_alpha(alpha)
    if incidents == units:
        return 1.0
    fractions = np.asarray(LIMIT_FRACTIONS if incidents == 0 else LIMIT_FRACTIONS[1:])
    # "Never" loses its stake with the first incident; its part of the mixture stays lost.
    lost = np.log(len(fractions) / len(LIMIT_FRACTIONS))
    from_incidents = incidents * np.log(fractions) if incidents else np.zeros_like(fractions)

    def surplus(log_odds: float) -> float:
        from_rest = np.log1p(-fractions * expit(log_odds)) + np.logaddexp(0.0, log_odds)
        log_e = log_mixture(from_incidents + (units - incidents) * from_rest)
        return float(log_e + lost + np.log(alpha))

    return _crossing(surplus)


def lower_rate(*, incidents: int, units: int, alpha: float) -> float:
    """The lower confidence limit of an incident rate, good at every look.

    Args:
        incidents: units with an incident, 0 <= incidents <= units.
        units: units seen.
        alpha: the chance that the limit is ever too high, in (0, 1).

    Returns:
        The limit, in [0, 1): every rate below it is rejected; 0 if there is no incident.

    Raises:
        InvalidCount: a count is negative, or there are more incidents than units.
        InvalidMargin: alpha is not strictly between 0 and 1.

    Guarantee:
        P(the rate is ever below the limit) <= alpha at any looks.
    """
    _check(incidents, units)
    check_alpha(alpha)
    multiples = np.asarray(LIMIT_MULTIPLES)
    from_incidents = incidents * np.log(multiples)
    if log_mixture(from_incidents) <= -np.log(alpha):
        return 0.0  # not even a rate of 0+ is rejected

    def surplus(log_odds: float) -> float:
        # A multiple that is no rate keeps its weight and bets nothing on it: the e-value is then
        # monotone in the rate, and there is one crossing.
        chances = np.minimum(multiples * expit(log_odds), 1.0)
        with np.errstate(divide="ignore"):
            per_unit = np.log1p(-chances) + np.logaddexp(0.0, log_odds)
        rest = (units - incidents) * per_unit if units > incidents else 0.0
        possible = np.where(chances < 1.0, from_incidents + rest, -np.inf)
        return float(-np.log(alpha) - max(log_mixture(possible), -_WIDEST_LOG_ODDS))

    return _crossing(surplus)


def _crossing(surplus: Callable[[float], float]) -> float:
    """The rate at which an increasing function of the log odds crosses 0; 1 if too near to 1."""
    if surplus(_WIDEST_LOG_ODDS) <= 0.0:
        return 1.0
    log_odds = brentq(surplus, -_WIDEST_LOG_ODDS, _WIDEST_LOG_ODDS, xtol=1e-12)
    return float(expit(log_odds))


def _check(incidents: int, units: int) -> None:
    check_count("incidents", incidents)
    check_count("units", units)
    if incidents > units:
        raise InvalidCount(f"incidents == {incidents}, must not exceed units == {units}")


def _check_ceiling(ceiling: float) -> None:
    if not 0.0 < ceiling < 1.0:
        raise InvalidMargin(f"ceiling == {ceiling}, must lie strictly between 0 and 1")
