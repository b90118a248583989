"""Incidents of users who keep coming: the safe logrank test with counts at risk.

The form for units that stay at risk (`exposure: ongoing`). At an incident of a stage in which Yc
units of the candidate and Yb of the baseline are at risk (exposed in that stage, no incident
before), under a hazard ratio h the incident falls on the candidate with probability

    theta(h) = h Yc / (h Yc + Yb).

A unit enters by its first incident alone and leaves the risk set with it, so none is used twice.
The state of a stage is the two counts and one log-likelihood-ratio for each alternative; those of
several stages add up before they are mixed: one mixture outside the product over stages.

The null is proportional hazards: at any moment all units at risk in a stage share one hazard, up to
the factor of their arm, and that hazard may drift at will. It is not enough that the arms are
alike: where units that have just arrived are the ones that fail, Yc / (Yc + Yb) is not the chance
that the next one is a candidate's. `safe_logrank`, with the assigned share, is exact there.

Source: ter Schure, Perez-Ortiz, Ly and Gruenwald (2020), "The safe logrank test: error control
under optional stopping, continuation and prior misspecification", Section 2.
"""

import math
from collections.abc import Iterable, Mapping, Sequence
from typing import Literal, NamedTuple

import numpy as np

from anytime.errors import InvalidCount, InvalidMargin, InvalidShape, InvalidValue
from anytime.mixture import log_mixture
from anytime.safe_logrank import HARM_MIXTURE, log_e_harm, log_e_non_inferior
from anytime.strata import check_count

NON_INFERIOR_RATIOS = (0.5, 0.8, 1.0)
"""The hazard ratios mixed for non-inferiority, where below the margin; its root joins them."""


class OngoingStratum(NamedTuple):
    """What one stage says about one question; plain values, to be stored and taken up again.

    Attributes:
        null_ratio: the hazard ratio on the edge of the null, above 0.
        alternatives: shape (J,), the hazard ratios that are mixed, each above 0.
        weights: shape (J,), their relative weights, each above 0.
        log_ratios: shape (J,), the log-likelihood-ratio of each alternative so far.
        candidate: units of the candidate at risk now, at least 0.
        baseline: units of the baseline at risk now, at least 0.
    """

    null_ratio: float
    alternatives: Sequence[float]
    weights: Sequence[float]
    log_ratios: Sequence[float]
    candidate: int = 0
    baseline: int = 0


class UnitEvent(NamedTuple):
    """What happened to one unit of a stage; events are told in the order of their arrival.

    Attributes:
        kind: "exposed" on the unit's first exposure in the stage, "incident" on its first incident
            in the whole rollout, "left" when it is at risk no more for another reason (an incident
            of an earlier stage that arrived late, a consent withdrawn).
        on_candidate: whether the unit was assigned to the candidate.
    """

    kind: Literal["exposed", "incident", "left"]
    on_candidate: bool


def harm_stratum(
    *, null_ratio: float = 1.0, mixture: Mapping[float, float] = HARM_MIXTURE
) -> OngoingStratum:
    """An empty stage for the null "the hazard ratio is at most `null_ratio`".

    Args:
        null_ratio: h0, the largest hazard ratio that is no harm, above 0.
        mixture: relative weight of each alternative, by its multiple of h0; the multiples are
            finite and above 1, the weights finite and above 0.

    Returns:
        A stage without units; its e-value is exactly 1.

    Raises:
        InvalidMargin: h0, an alternative or a weight is out of range.
    """
    log_e_harm((), null_ratio=null_ratio, mixture=mixture)  # refuses what is no question there
    alternatives = [null_ratio * ratio for ratio in mixture]
    return _empty(null_ratio, alternatives, list(mixture.values()))


def non_inferior_stratum(*, margin: float) -> OngoingStratum:
    """An empty stage for the null "the hazard ratio is at least `margin`".

    Args:
        margin: the hazard ratio that must be excluded, above 0 (usually above 1).

    Returns:
        A stage without units; its e-value is exactly 1.

    Raises:
        InvalidMargin: the margin is out of range.
    """
    log_e_non_inferior((), margin=margin)  # refuses what is no question there
    below = [each for each in (*NON_INFERIOR_RATIOS, math.sqrt(margin)) if each < margin]
    alternatives = below or [margin / 2.0]
    return _empty(margin, alternatives, [1.0] * len(alternatives))


def exposed(stratum: OngoingStratum, *, candidate: int = 0, baseline: int = 0) -> OngoingStratum:
    """The stage after more units were exposed for the first time in it.

    Args:
        stratum: the stage so far.
        candidate: new units of the candidate without an incident before, at least 0.
        baseline: the same of the baseline.

    Returns:
        The stage with these units at risk; the e-value is unchanged.

    Raises:
        InvalidCount: a count is negative or not finite.
        InvalidMargin, InvalidShape, InvalidValue: the stage cannot be.
    """
    check_stage(stratum)
    check_count("candidate", candidate)
    check_count("baseline", baseline)
    return stratum._replace(
        candidate=stratum.candidate + candidate, baseline=stratum.baseline + baseline
    )


def left(stratum: OngoingStratum, *, on_candidate: bool) -> OngoingStratum:
    """The stage after one unit at risk left it without an incident of this stage.

    Args:
        stratum: the stage so far.
        on_candidate: the arm of the unit.

    Returns:
        The stage with one unit less at risk; the e-value is unchanged.

    Raises:
        InvalidCount: no unit of that arm is at risk.
        InvalidMargin, InvalidShape, InvalidValue: the stage cannot be.
    """
    check_stage(stratum)
    candidate = stratum.candidate - int(on_candidate)
    baseline = stratum.baseline - int(not on_candidate)
    if min(candidate, baseline) < 0:
        arm = "candidate" if on_candidate else "baseline"
        raise InvalidCount(f"{arm} == 0, must be at least 1 for one of its units to go")
    return stratum._replace(candidate=candidate, baseline=baseline)


def incident(stratum: OngoingStratum, *, on_candidate: bool) -> OngoingStratum:
    """The stage after the first incident of one unit at risk, which thereby leaves it.

    Args:
        stratum: the stage just before the incident.
        on_candidate: the arm of the unit.

    Returns:
        The stage with the bets on this incident settled and one unit less at risk.

    Raises:
        InvalidCount: no unit of that arm is at risk: it was never exposed, or is used twice.
        InvalidMargin, InvalidShape, InvalidValue: the stage cannot be.
    """
    after = left(stratum, on_candidate=on_candidate)
    grid, null = np.asarray(stratum.alternatives), stratum.null_ratio
    at_risk = stratum.candidate + stratum.baseline
    candidate, baseline = stratum.candidate / at_risk, stratum.baseline / at_risk
    gain = math.log(null * candidate + baseline) - np.log(grid * candidate + baseline)
    if on_candidate:
        gain = gain + np.log(grid) - math.log(null)
    return after._replace(log_ratios=tuple((np.asarray(stratum.log_ratios) + gain).tolist()))


def follow(stratum: OngoingStratum, events: Iterable[UnitEvent]) -> OngoingStratum:
    """The stage after a batch of events.

    Args:
        stratum: the stage so far.
        events: what happened since, in the order of arrival.

    Returns:
        The stage after all of them; how events are cut into batches changes no bit of it.

    Raises:
        InvalidCount: a unit has an incident or leaves that cannot be at risk.
        InvalidMargin, InvalidShape: the stage cannot be.
        InvalidValue: the stage cannot be, or an event is of another kind.
    """
    check_stage(stratum)
    for kind, on_candidate in events:
        if kind == "incident":
            stratum = incident(stratum, on_candidate=on_candidate)
        elif kind == "left":
            stratum = left(stratum, on_candidate=on_candidate)
        elif kind == "exposed":
            stratum = exposed(stratum, candidate=int(on_candidate), baseline=int(not on_candidate))
        else:
            raise InvalidValue(f"kind == {kind!r}, must be 'exposed', 'incident' or 'left'")
    return stratum


def carried(strata: Sequence[OngoingStratum]) -> OngoingStratum:
    """One entry with all that closed stages have to say, and nobody at risk.

    Args:
        strata: at least one stage, all of one question, in any order.

    Returns:
        An entry that may stand for all of them from now on.

    Raises:
        InvalidMargin: there is no stage, or they ask different questions.
        InvalidCount, InvalidShape, InvalidValue: a stage cannot be.
    """
    if not strata:
        raise InvalidMargin(f"strata == {strata}, must be at least one")
    first = strata[0]
    for each in strata:
        check_stage(each)
        if _question(each) != _question(first):
            raise InvalidMargin(f"alternatives == {each.alternatives}, must be those of {first}")
    total = np.sum([each.log_ratios for each in strata], axis=0)
    return first._replace(log_ratios=tuple(total.tolist()), candidate=0, baseline=0)


def log_e(strata: Sequence[OngoingStratum]) -> float:
    """Log e-value against the null of the question that all stages ask.

    Args:
        strata: the stages of the rollout, closed or open, in any order.

    Returns:
        The natural logarithm of the e-value; exactly 0 while there is no incident, or no stage.

    Raises:
        InvalidMargin: the stages ask different questions.
        InvalidCount, InvalidShape, InvalidValue: a stage cannot be.

    Guarantee:
        Under proportional hazards within each stage, with a ratio inside the null, P(ever >=
        log(1/alpha)) <= alpha at any looks (Ville). On the null's edge it is an exact martingale,
        however the hazard drifts.

    Example:
        One bet, that the hazard is twice as high, won at odds of 2 x 1 to 99:

        >>> stage = exposed(harm_stratum(mixture={2.0: 1.0}), candidate=1, baseline=99)
        >>> round(math.exp(log_e([incident(stage, on_candidate=True)])), 6)
        1.980198
    """
    if not strata:
        return 0.0
    total = carried(strata)
    return log_mixture(np.asarray(total.log_ratios), total.weights)


def check_stage(stratum: OngoingStratum) -> None:
    """Refuse a stage, perhaps one that was stored, that cannot have come about.

    Raises:
        InvalidCount: a count is negative or not finite.
        InvalidMargin: the null's ratio, an alternative or a weight is not finite and above 0.
        InvalidShape: alternatives, weights and log-likelihood-ratios are not of one length.
        InvalidValue: a log-likelihood-ratio is not finite.
    """
    check_count("candidate", stratum.candidate)
    check_count("baseline", stratum.baseline)
    for each in (stratum.null_ratio, *stratum.alternatives, *stratum.weights):
        if not 0.0 < each < math.inf:
            raise InvalidMargin(f"ratio or weight == {each}, must be finite and above 0")
    if not 0 < len(stratum.alternatives) == len(stratum.weights) == len(stratum.log_ratios):
        raise InvalidShape("alternatives, weights and log_ratios must be of one length, at least 1")
    if not all(map(math.isfinite, stratum.log_ratios)):
        raise InvalidValue(f"log_ratios == {stratum.log_ratios}, must all be finite")


def _empty(
    null_ratio: float, alternatives: Sequence[float], weights: Sequence[float]
) -> OngoingStratum:
    nothing = (0.0,) * len(alternatives)
    return OngoingStratum(null_ratio, tuple(alternatives), tuple(weights), nothing)


def _question(stratum: OngoingStratum) -> tuple[float, tuple[float, ...], tuple[float, ...]]:
    """What must be one for all stages; as tuples, for a state read back may hold lists."""
    return stratum.null_ratio, tuple(stratum.alternatives), tuple(stratum.weights)
