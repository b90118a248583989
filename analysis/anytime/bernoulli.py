"""The one-sided Bernoulli e-process: is a rate certainly below a ceiling?

Source: Waudby-Smith and Ramdas (2024), "Estimating means of bounded random variables by betting";
Howard, Ramdas, McAuliffe and Sekhon (2021), "Time-uniform, nonparametric, nonasymptotic confidence
sequences".
"""

import numpy as np

from anytime.errors import InvalidCount, InvalidMargin
from anytime.mixture import log_uniform_mixture
from anytime.strata import check_count

BELOW_FRACTIONS = (0.0, 0.1, 0.25, 0.5, 0.75)
"""The alternatives mixed for certification, as fractions of the ceiling."""


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
    check_count("incidents", incidents)
    check_count("units", units)
    if incidents > units:
        raise InvalidCount(f"incidents == {incidents}, must not exceed units == {units}")
    if not 0.0 < ceiling < 1.0:
        raise InvalidMargin(f"ceiling == {ceiling}, must lie strictly between 0 and 1")
    fractions = np.asarray(BELOW_FRACTIONS)
    with np.errstate(divide="ignore"):
        per_incident = np.log(fractions)
    # 0 * log(0) is 0 here: with no incident the alternative "never" keeps its full likelihood.
    from_incidents = incidents * per_incident if incidents else np.zeros_like(fractions)
    from_rest = (units - incidents) * np.log((1.0 - fractions * ceiling) / (1.0 - ceiling))
    return log_uniform_mixture(from_incidents + from_rest)
