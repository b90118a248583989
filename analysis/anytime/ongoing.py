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
from collections.abc import Iterable, Sequence
from typing import Literal, NamedTuple

import numpy as np

from anytime.errors import InvalidCount, InvalidMargin
from anytime.mixture import log_uniform_mixture
from anytime.safe_logrank import HARM_RATIOS
from anytime.strata import check_count

NON_INFERIOR_RATIOS = (0.5, 0.8, 1.0)
"""The hazard ratios mixed for non-inferiority, where below the margin; its root joins them."""


class OngoingStratum(NamedTuple):
    """What one stage says about one question; plain values, to be stored and taken up again.

    Attributes:
        null_ratio: the hazard ratio on the edge of the null, above 0.
        alternatives: shape (J,), the hazard ratios that are mixed, each above 0.
        log_ratios: shape (J,), the log-likelihood-ratio of each alternative so far.
        candidate: units of the candidate at risk now, at least 0.
        baseline: units of the baseline at risk now, at least 0.
    """

    null_ratio: float
    alternatives: Sequence[float]
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
    *, null_ratio: float = 1.0, ratios: Sequence[float] = HARM_RATIOS
) -> OngoingStratum:
    """An empty stage for the null "the hazard ratio is at most `null_ratio`".

    Args:
        null_ratio: h0, the largest hazard ratio that is no harm, above 0.
        ratios: shape (J,), alternatives as multiples of h0, each above 1, mixed uniformly.

    Returns:
        A stage without units; its e-value is exactly 1.

    Raises:
        InvalidMargin: h0 or an alternative is out of range.
    """
    if not 0.0 < null_ratio < math.inf:
        raise InvalidMargin(f"null_ratio == {null_ratio}, must be a finite ratio above 0")
    if not (ratios and all(1.0 < ratio < math.inf for ratio in ratios)):
        raise InvalidMargin(f"ratios == {ratios}, must be at least one, each finite and above 1")
    return _empty(null_ratio, [null_ratio * ratio for ratio in ratios])


def non_inferior_stratum(*, margin: float) -> OngoingStratum:
    """An empty stage for the null "the hazard ratio is at least `margin`".

    Args:
        margin: the hazard ratio that must be excluded, above 0 (usually above 1).

    Returns:
        A stage without units; its e-value is exactly 1.

    Raises:
        InvalidMargin: the margin is out of range.
    """
    if not 0.0 < margin < math.inf:
        raise InvalidMargin(f"margin == {margin}, must be a finite ratio above 0")
    below = [each for each in (*NON_INFERIOR_RATIOS, math.sqrt(margin)) if each < margin]
    return _empty(margin, below or [margin / 2.0])


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
    """
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
    """
    arm = "candidate" if on_candidate else "baseline"
    at_risk = stratum.candidate if on_candidate else stratum.baseline
    if not at_risk >= 1:
        raise InvalidCount(f"{arm} == {at_risk}, must be at least 1 for one of its units to go")
    return stratum._replace(**{arm: at_risk - 1})


def incident(stratum: OngoingStratum, *, on_candidate: bool) -> OngoingStratum:
    """The stage after the first incident of one unit at risk, which thereby leaves it.

    Args:
        stratum: the stage just before the incident.
        on_candidate: the arm of the unit.

    Returns:
        The stage with the bets on this incident settled and one unit less at risk.

    Raises:
        InvalidCount: no unit of that arm is at risk: it was never exposed, or is used twice.
    """
    after = left(stratum, on_candidate=on_candidate)
    grid, null = np.asarray(stratum.alternatives), stratum.null_ratio
    candidate, baseline = stratum.candidate, stratum.baseline
    gain = -np.log((grid * candidate + baseline) / (null * candidate + baseline))
    if on_candidate:
        gain = gain + np.log(grid / null)
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
    """
    for kind, on_candidate in events:
        if kind == "incident":
            stratum = incident(stratum, on_candidate=on_candidate)
        elif kind == "left":
            stratum = left(stratum, on_candidate=on_candidate)
        else:
            stratum = exposed(stratum, candidate=int(on_candidate), baseline=int(not on_candidate))
    return stratum


def carried(strata: Sequence[OngoingStratum]) -> OngoingStratum:
    """One entry with all that closed stages have to say, and nobody at risk.

    Args:
        strata: at least one stage, all of one question, in any order.

    Returns:
        An entry that may stand for all of them from now on.

    Raises:
        InvalidMargin: there is no stage, or they ask different questions.
    """
    if not strata:
        raise InvalidMargin(f"strata == {strata}, must be at least one")
    first = strata[0]
    question = (first.null_ratio, *first.alternatives)
    for each in strata:
        if (each.null_ratio, *each.alternatives) != question:
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

    Guarantee:
        Under proportional hazards within each stage, with a ratio inside the null, P(ever >=
        log(1/alpha)) <= alpha at any looks (Ville). On the null's edge it is an exact martingale,
        however the hazard drifts.

    Example:
        >>> stage = exposed(harm_stratum(), candidate=1, baseline=99)
        >>> round(log_e([incident(stage, on_candidate=True)]), 4)
        1.7502
    """
    if not strata:
        return 0.0
    return log_uniform_mixture(np.asarray(carried(strata).log_ratios))


def _empty(null_ratio: float, alternatives: Sequence[float]) -> OngoingStratum:
    return OngoingStratum(null_ratio, tuple(alternatives), (0.0,) * len(alternatives))
