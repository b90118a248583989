"""Has the incident rate risen since the switch? Nobody is left on the old version to compare with.

An e-detector: at every unit a new e-process starts against "the rate is still what it was", and
their sum is watched. Unlike one e-process it loses nothing by a long quiet time before the change.
Every e-process is a likelihood ratio of Bernoulli outcomes; for each alternative the sum obeys

    M_n = (1 + M_{n-1}) LR_n        (Shiryaev-Roberts),

and M_n - n is a supermartingale under the null, which bounds the average run length to a false
alarm. With the maximum in place of the sum, M_n = max(1, M_{n-1}) LR_n, it is a mixture of CUSUMs:
never larger, so it is later to alarm by the same guarantee, rightly and falsely. (Measured: its run
length to a false alarm is some 20 times the one asked for, that of the sum 1.4 times; it sees a
doubling after 2 to 3 times as many units.) Take the sum unless false alarms are far the worse.

The old rate is learnt, not known. The null is therefore "at most the upper confidence limit of the
learnt rate", at level `miss`: whenever that limit covers the old rate, which it does with
probability 1 - miss whatever made the switch happen when it did, the null covers it too.

Source: Shin, Ramdas and Rinaldo (2023), "E-detectors: a nonparametric framework for sequential
change detection", Definition 2.1, Proposition 2.4 and Section 3.
"""

import math
from collections.abc import Iterable, Sequence
from typing import Literal, NamedTuple, get_args

import numpy as np

from anytime.bernoulli import alternatives_above, upper_rate
from anytime.errors import InvalidMargin, InvalidShape, InvalidValue
from anytime.mixture import Vector, log_mixture
from anytime.strata import check_count

Rule = Literal["shiryaev-roberts", "cusum"]


class Detector(NamedTuple):
    """A watch over one rate; plain values, to be stored and taken up again.

    Attributes:
        null_rate: the highest rate that is no change, in (0, 1).
        rates: shape (J,), the alternatives, each in (null_rate, 1).
        log_stakes: shape (J,), log(1 + M), or log max(1, M): what the next unit multiplies; each at
            least 0.
        log_peak: the highest log M that any incident has led to, and at least 0.
        rule: how e-processes that started at different units are joined.
    """

    null_rate: float
    rates: Sequence[float]
    log_stakes: Sequence[float]
    log_peak: float = 0.0
    rule: Rule = "shiryaev-roberts"


class Outcomes(NamedTuple):
    """A run of units in the order of arrival: first those without an incident, then those with one.

    Attributes:
        clean: units without an incident, at least 0.
        incidents: units with an incident that follow them, at least 0.
    """

    clean: int
    incidents: int


def learnt(
    *, incidents: int, units: int, miss: float = 0.01, rule: Rule = "shiryaev-roberts"
) -> Detector:
    """A detector against the rate that was seen before the switch.

    Args:
        incidents: units with an incident before the switch, 0 <= incidents <= units.
        units: matured units before the switch, at least 1.
        miss: the chance that the learnt limit may lie below the old rate, in (0, 1).
        rule: how e-processes that started at different units are joined.

    Returns:
        A detector that has seen no unit yet.

    Raises:
        InvalidCount: a count is negative, or there are more incidents than units.
        InvalidMargin: `miss` is out of range, or too little was seen to bound the rate below 1.
        InvalidValue: there is no such rule.

    Guarantee:
        With probability 1 - miss over what was learnt, the old rate lies within the null, and the
        guarantee of `alarmed` holds for it. On average over both, the run length to a false alarm
        is at least (1 - miss) times the one asked for.
    """
    return known(upper_rate(incidents=incidents, units=units, alpha=miss), rule=rule)


def known(null_rate: float, *, rule: Rule = "shiryaev-roberts") -> Detector:
    """A detector against a rate given beforehand.

    Args:
        null_rate: the highest rate that is no change, in (0, 1).
        rule: how e-processes that started at different units are joined.

    Returns:
        A detector that has seen no unit yet.

    Raises:
        InvalidMargin: the rate is not strictly between 0 and 1, or too near to either.
        InvalidValue: there is no such rule.
    """
    _check_rule(null_rate, rule)
    rates = tuple(alternatives_above(null_rate).tolist())
    detector = Detector(null_rate, rates, (0.0,) * len(rates), rule=rule)
    check_detector(detector)
    return detector


def follow(detector: Detector, runs: Iterable[Outcomes]) -> Detector:
    """The detector after more units.

    Args:
        detector: the detector so far.
        runs: outcomes since, in the order of arrival; a run costs two steps, however long it is.

    Returns:
        The detector after all of them, the same however the units are cut into runs.

    Raises:
        InvalidCount: a count is negative or not finite.
        InvalidMargin, InvalidShape, InvalidValue: the detector cannot be.
    """
    check_detector(detector)
    on_clean, on_incident = _log_likelihood_ratios(detector)
    stakes, peak = np.asarray(detector.log_stakes), detector.log_peak
    for run in runs:
        check_count("clean", run.clean)
        check_count("incidents", run.incidents)
        stakes = _after(stakes, run.clean, on_clean, detector.rule)
        if run.incidents:
            # With each incident the sums grow: the last one leads to the peak of the run.
            stakes = _after(stakes, run.incidents - 1, on_incident, detector.rule)
            log_sums = stakes + on_incident
            peak = max(peak, log_mixture(log_sums))
            stakes = _staked(log_sums, detector.rule)
    return detector._replace(log_stakes=tuple(stakes.tolist()), log_peak=peak)


def alarmed(detector: Detector, *, run_length: float) -> bool:
    """Whether the rate has risen: the sum has reached the run length asked for.

    Args:
        detector: the detector so far.
        run_length: units that shall pass, on average at least, until a false alarm; above 1.

    Returns:
        Whether an alarm was raised by any unit so far; once true, it stays true.

    Raises:
        InvalidMargin: the run length is not a finite number above 1, or the detector cannot be.
        InvalidShape, InvalidValue: the detector cannot be.

    Guarantee:
        While every unit's rate, given the past, is at most `null_rate`: E[units until an alarm] >=
        run_length. Alarms are raised at incidents only, which can but lengthen it.

    Example:
        >>> quiet = follow(known(0.01), [Outcomes(clean=500, incidents=0)])
        >>> alarmed(quiet, run_length=10_000)
        False
        >>> alarmed(follow(quiet, [Outcomes(clean=5, incidents=1)] * 6), run_length=10_000)
        True
    """
    check_detector(detector)
    if not 1.0 < run_length < math.inf:
        raise InvalidMargin(f"run_length == {run_length}, must be a finite number above 1")
    return detector.log_peak >= math.log(run_length)


def check_detector(detector: Detector) -> None:
    """Refuse a detector, perhaps one that was stored, that cannot have come about.

    Raises:
        InvalidMargin: its null's rate or an alternative is out of range.
        InvalidShape: alternatives and stakes are not of one length.
        InvalidValue: a stake or the peak is negative or not finite, or there is no such rule.
    """
    _check_rule(detector.null_rate, detector.rule)
    if not all(detector.null_rate < rate < 1.0 for rate in detector.rates):
        raise InvalidMargin(
            f"rates == {detector.rates}, must lie between {detector.null_rate} and 1"
        )
    if not 0 < len(detector.rates) == len(detector.log_stakes):
        raise InvalidShape("rates and log_stakes must be of one length, at least 1")
    for value in (*detector.log_stakes, detector.log_peak):
        if not 0.0 <= value < math.inf:
            raise InvalidValue(f"stake or peak == {value}, must be finite and at least 0")


def _check_rule(null_rate: float, rule: Rule) -> None:
    if not 0.0 < null_rate < 1.0:
        raise InvalidMargin(f"null_rate == {null_rate}, must lie strictly between 0 and 1")
    if rule not in get_args(Rule):
        raise InvalidValue(f"rule == {rule!r}, must be one of {get_args(Rule)}")


def _log_likelihood_ratios(detector: Detector) -> tuple[Vector, Vector]:
    """Shape (J,) each: of a unit without an incident, below 0, and of one with, above 0."""
    rates, null = np.asarray(detector.rates), detector.null_rate
    return np.log1p(-rates) - np.log1p(-null), np.log(rates / null)


def _after(stakes: Vector, units: int, log_ratio: Vector, rule: Rule) -> Vector:
    """What `units` steps of one outcome lead to, in one: a geometric sum."""
    if units == 0:
        return stakes
    total = units * log_ratio
    if rule == "cusum":
        return _staked(stakes + total, rule)
    # The sum of exp(i log_ratio) over i < units; of a rising one, the last part is taken out.
    last = np.maximum(total - log_ratio, 0.0)
    size = np.abs(log_ratio)
    started_since = last + np.log(-np.expm1(-units * size)) - np.log(-np.expm1(-size))
    return np.asarray(np.logaddexp(stakes + total, started_since))


def _staked(log_sums: Vector, rule: Rule) -> Vector:
    join = np.maximum if rule == "cusum" else np.logaddexp
    return np.asarray(join(0.0, log_sums))
