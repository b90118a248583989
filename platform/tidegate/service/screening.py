"""At which looks of a simulated stage the rule has to be asked.

The rule takes the better part of a millisecond, and most looks cannot move it. Here its e-values
are computed for all looks of a stage at once, and a look is passed over when none is near its
threshold and no condition of the step can be met. At the looks that are left the rule alone
decides, on the evidence it would have of a real rollout. Tests hold both together: with the screen
and without it, simulated rollouts end alike.
"""

import math
from collections.abc import Callable
from typing import NamedTuple, TypeAlias

import numpy as np
from numpy.typing import NDArray

from anytime import paths
from anytime.paths import IncidentPath, OutcomePath
from tidegate.domain.metrics import Guardrail
from tidegate.domain.risk_budget import SMALLEST_RAISE
from tidegate.service.simulated_stage import Stage
from tidegate.service.streams import Counts, Looks, Mask
from tidegate_sdk.bucketing import PARTS

_NEAR = 1e-6  # of a threshold, on the log scale; the two computations differ by far less
_LIMITS = 4  # of `anytime.ramp` that hold together, each with its part of the budget
_ALMOST_ONE = 1.0 - 1e-12  # a rate that no limit can exceed
_TINY = 1e-12  # a rate that no limit lies below, but 0
_HALVINGS = 16  # of the way from a rate that was seen to 0 or 1, to find its limit
_NEAR_S = 1e-3  # of an instant, in seconds; a clock counts microseconds

Path: TypeAlias = NDArray[np.float64]
Places: TypeAlias = NDArray[np.intp]


class Worth(NamedTuple):
    """What might come of each look, shape (L,) each.

    Attributes:
        harm: the harm of a guardrail might be seen.
        onward: an alarm might be raised, a condition met, or a time be over.
    """

    harm: Mask
    onward: Mask


Screen: TypeAlias = Callable[[Stage, Looks], Worth]


def screened(stage: Stage, looks: Looks) -> Worth:
    """What might come of each look: never too little, sometimes too much."""
    return Worth(
        harm=_harm(stage, looks),
        onward=_unfair_split(stage, looks) | _complete(stage, looks) | _late(stage, looks),
    )


def all_looks(_stage: Stage, looks: Looks) -> Worth:
    """No screen at all: the rule is asked at every look."""
    everywhere = np.ones(len(looks.units), bool)
    return Worth(harm=everywhere, onward=everywhere)


def _harm(stage: Stage, looks: Looks) -> Mask:
    """Where the e-value of a guardrail's harm, or of its ceiling, reaches its threshold."""
    seen = np.zeros(len(looks.units), bool)
    guardrails, counted = stage.policy.guardrails, _Counted(stage, looks)
    near = np.array([[stage.policy.log_harm_threshold(each) - _NEAR] for each in guardrails])
    incidents = [k for k, each in enumerate(guardrails) if each.kind == "incident"]
    outcomes = [k for k, each in enumerate(guardrails) if each.kind == "outcome"]
    if incidents:
        log_e = paths.log_e_harm(counted.incidents(incidents))
        seen |= np.any(log_e >= near[incidents], axis=0)
    if outcomes:
        log_e = paths.log_e_lower(counted.outcomes(outcomes))
        seen |= np.any(log_e >= near[outcomes], axis=0)
    for k, guardrail in enumerate(guardrails):
        if guardrail.ceiling_rate is not None:
            hits, units = counted.on_candidate(k)
            above = paths.log_e_above(incidents=hits, units=units, ceiling=guardrail.ceiling_rate)
            seen |= above >= near[k]
    return seen


def _unfair_split(stage: Stage, looks: Looks) -> Mask:
    log_e = paths.log_e_mismatch(
        IncidentPath(each.candidate, each.units - each.candidate, share)
        for each, share in _Counted(stage, looks).stages
    )
    return np.asarray(log_e >= -math.log(stage.policy.srm_alpha) - _NEAR)


def _complete(stage: Stage, looks: Looks) -> Mask:
    """Where the step's conditions are met, as far as can be seen from here."""
    complete = np.zeros(len(looks.units), bool)
    conditions = stage.conditions
    if conditions is None or conditions.needs_approval:
        return complete
    enough = looks.units >= conditions.min_units
    due = enough & (stage.seconds(looks.units) >= conditions.dwell_s - _NEAR_S)
    places = np.flatnonzero(due)
    if conditions.certify:
        places = _certified(stage, looks, places)
    complete[_with_room(stage, looks, places)] = True
    return complete


def _certified(stage: Stage, looks: Looks, places: Places) -> Places:
    """Of some looks, those at which every guardrail is certified."""
    if stage.policy.exposure == "ongoing":
        return places  # certified by hazards, which are not computed here: let the rule say it
    near = stage.policy.log_certify_threshold - _NEAR
    for k, guardrail in enumerate(stage.policy.guardrails):
        if places.size:
            log_e = _log_e_safe(_Counted(stage, looks.only(places)), k, guardrail)
            places = places[log_e >= near]
    return places


def _log_e_safe(counted: "_Counted", k: int, guardrail: Guardrail) -> Path:
    margin = guardrail.allowed_margin
    if guardrail.kind == "outcome":
        return paths.log_e_non_inferior_outcomes(counted.outcomes(k), margin=margin)
    hits, units = counted.on_candidate(k)
    ratio = paths.log_e_non_inferior_incidents(counted.incidents(k), margin=margin)
    rare = paths.log_e_below(incidents=hits, units=units, ceiling=guardrail.negligible_rate)
    log_e = paths.log_mean([ratio, rare])
    if guardrail.ceiling_rate is None:
        return log_e
    below = paths.log_e_below(incidents=hits, units=units, ceiling=guardrail.ceiling_rate)
    return np.minimum(log_e, below)


def _with_room(stage: Stage, looks: Looks, places: Places) -> Places:
    """Of some looks, those at which a risk budget may allow a larger share."""
    budget = stage.policy.risk_budget
    if budget is None or stage.share_ppm >= budget.certify_at_ppm:
        return places
    raised = min(SMALLEST_RAISE * stage.share_ppm, budget.certify_at_ppm) / PARTS
    excess = budget.excess / (budget.look_units * raised)
    near = math.log(_LIMITS / stage.policy.budgets.false_promote) - _NEAR
    for k, guardrail in enumerate(stage.policy.guardrails):
        if guardrail.kind == "incident" and places.size:
            small = _may_be_below(_Counted(stage, looks.only(places)), k, excess, near)
            places = places[small]
    return places


def _may_be_below(counted: "_Counted", k: int, excess: float, near: float) -> Mask:
    """Where a unit's excess of incidents may be confidently below a limit.

    It is where the candidate's highest rate is not far above the baseline's lowest, or where the
    highest ratio is not far above 1, times the baseline's highest rate. The baseline's two limits
    are found first, each rounded to the side of the rate that was seen: that is to say yes too
    often, never too seldom. It leaves one limit each, whose e-value at one point is enough.
    """
    hits, units = counted.on_candidate(k)
    base_hits, base_units = counted.on_baseline(k)
    seen = base_hits / np.maximum(base_units, 1)

    def too_low(rates: Path) -> Path:
        return paths.log_e_of_lower_rate(incidents=base_hits, units=base_units, rates=rates)

    def too_high(rates: Path) -> Path:
        return paths.log_e_of_upper_rate(incidents=base_hits, units=base_units, rates=rates)

    rates = np.minimum(_limit(too_low, near, seen, 0.0) + excess, _ALMOST_ONE)
    by_rate = paths.log_e_of_upper_rate(incidents=hits, units=units, rates=rates)
    base_highest = _limit(too_high, near, seen, 1.0)
    exchanged = [
        IncidentPath(each.baseline, each.candidate, 1.0 - each.share)
        for each in counted.incidents(k)
    ]
    ratios = base_highest / (base_highest + excess)
    by_ratio = paths.log_e_of_lower_ratio(exchanged, ratios=ratios)
    return (rates >= _ALMOST_ONE) | (by_rate >= near) | (by_ratio >= near)


def _limit(log_e: Callable[[Path], Path], near: float, seen: Path, end: float) -> Path:
    """A confidence limit between the rate that was seen and an end, rounded towards what was seen.

    Args:
        log_e: log e-values against rates, shape (L,); they rise from what was seen to the end.
        near: where a rate is rejected.
        seen: shape (L,), the rates that were seen.
        end: 0 or 1.
    """
    inside, outside = np.clip(seen, _TINY, _ALMOST_ONE), np.full_like(seen, end)
    for _ in range(_HALVINGS):
        middle = np.clip(0.5 * (inside + outside), _TINY, _ALMOST_ONE)
        beyond = log_e(middle) >= near
        inside, outside = np.where(beyond, inside, middle), np.where(beyond, middle, outside)
    return inside


def _late(stage: Stage, looks: Looks) -> Mask:
    """Where the plan's patience may be over."""
    late = np.zeros(len(looks.units), bool)
    seconds, policy = stage.seconds(looks.units), stage.policy
    if policy.on_inconclusive is not None and policy.on_inconclusive.action != "extend":
        late |= seconds >= policy.on_inconclusive.max_s - _NEAR_S
    if policy.deadline is not None:
        in_rollout = seconds + stage.first / stage.units_per_s
        late |= in_rollout >= policy.deadline.after_s - _NEAR_S
    return late


class _Counted:
    """The counts of some guardrails in all stages: one look of those that are over, then paths."""

    def __init__(self, stage: Stage, looks: Looks) -> None:
        over = [(each.last, each.counts.share) for each in stage.before]
        self.stages = [*over, (looks, stage.share)]

    def incidents(self, k: int | list[int]) -> list[IncidentPath]:
        return [
            IncidentPath(each.candidate_hits[k], each.baseline_hits[k], share)
            for each, share in self.stages
        ]

    def outcomes(self, k: int | list[int]) -> list[OutcomePath]:
        return [
            OutcomePath(
                each.candidate_hits[k],
                each.candidate - each.candidate_hits[k],
                each.baseline_hits[k],
                each.units - each.candidate - each.baseline_hits[k],
                share,
            )
            for each, share in self.stages
        ]

    def on_candidate(self, k: int) -> tuple[Counts, Counts]:
        """Hits, and units, of the candidate in all stages."""
        hits = sum(each.candidate_hits[k] for each, _ in self.stages)
        units = sum(each.candidate for each, _ in self.stages)
        return np.asarray(hits), np.asarray(units)

    def on_baseline(self, k: int) -> tuple[Counts, Counts]:
        hits = sum(each.baseline_hits[k] for each, _ in self.stages)
        units = sum(each.units - each.candidate for each, _ in self.stages)
        return np.asarray(hits), np.asarray(units)
