"""S2: is a rate above a ceiling, or certainly below it? Looked at after every unit."""

import math

import numpy as np
from mixtures import LOG_20, divergence, ever
from rows import Case, Flags, Numbers, Row

from anytime import paths as along
from anytime.bernoulli import log_e_below

CEILINGS = (0.001, 0.01, 0.1)
INCIDENTS = 200
"""Incidents until which an error is counted, of every path."""

ENOUGH = {0.01: 380.0, 0.001: 3800.0}
"""Units without an incident that shall be enough to certify a ceiling."""

ALARM_TARGET = 1059.0
"""Mean units that shall be enough to see 2 % against a ceiling of 1 %."""

_AT_ONCE = 2000  # paths held in memory


def ceiling_rows(paths: int) -> list[Row]:
    """Errors at the ceiling exactly, and units needed away from it."""
    errors = [row for ceiling in CEILINGS for row in _errors(ceiling, paths)]
    return [*errors, *map(_certified, ENOUGH), _alarm(paths)]


def _errors(ceiling: float, paths: int) -> list[Row]:
    found = [errors_at_ceiling(ceiling, seed, min(paths, _AT_ONCE)) for seed in _blocks(paths)]
    alarms, certificates = np.concatenate(found, axis=1)
    name = f"rate exactly at a ceiling of {100 * ceiling:g} %, {INCIDENTS} incidents"
    return [
        Case("S2", name, "false alarms").rate(alarms, at_most=0.05),
        Case("S2", name, "false certificates").rate(certificates, at_most=0.05),
    ]


def _blocks(paths: int) -> range:
    return range(-(-paths // _AT_ONCE))


def errors_at_ceiling(ceiling: float, seed: int, paths: int) -> Flags:
    """Whether it is ever alarmed, or ever certified, shape (2, paths).

    Between incidents the one e-value falls and the other rises, so that the extremes are at an
    incident, and at the unit just before one.
    """
    rng = np.random.default_rng([201, round(1.0 / ceiling), seed])
    units = np.cumsum(rng.geometric(ceiling, (paths, INCIDENTS)), axis=1)
    number = np.broadcast_to(np.arange(1, INCIDENTS + 1), units.shape)
    above = along.log_e_above(incidents=number, units=units, ceiling=ceiling)
    below = along.log_e_below(incidents=number - 1, units=units - 1, ceiling=ceiling)
    return np.stack([ever(above), ever(below)])


def _certified(ceiling: float) -> Row:
    """Units without an incident until a rate below the ceiling is certified."""
    least = LOG_20 / -math.log1p(-ceiling)
    units = math.ceil(least)
    while log_e_below(incidents=0, units=units, ceiling=ceiling) < LOG_20:
        units += 1
    name = f"certified below {100 * ceiling:g} % with no incident"
    case = Case("S2", name, "units until certified")
    return case.figure(float(units), nominal=round(least), at_most=ENOUGH[ceiling])


def _alarm(paths: int) -> Row:
    rate, ceiling = 0.02, 0.01
    least = LOG_20 / divergence(rate, ceiling)
    found = [units_until_alarm(rate, ceiling, s, min(paths, _AT_ONCE)) for s in _blocks(paths)]
    case = Case("S2", "a rate of 2 % against a ceiling of 1 %", "mean units until the alarm")
    return case.mean(np.concatenate(found), nominal=round(least), at_most=ALARM_TARGET)


def units_until_alarm(rate: float, ceiling: float, seed: int, paths: int) -> Numbers:
    """Units until the alarm, at the latest with the last of many incidents, shape (paths,)."""
    rng = np.random.default_rng([202, seed])
    units = np.cumsum(rng.geometric(rate, (paths, INCIDENTS)), axis=1)
    number = np.broadcast_to(np.arange(1, INCIDENTS + 1), units.shape)
    crossed = along.log_e_above(incidents=number, units=units, ceiling=ceiling) >= LOG_20
    last = np.where(crossed.any(axis=1), crossed.argmax(axis=1), INCIDENTS - 1)
    return np.take_along_axis(units, last[:, None], axis=1)[:, 0].astype(np.float64)
