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
from tidegate.domain.evidence import ArmCounts
from tidegate.domain.risk_budget import SMALLEST_RAISE
from tidegate.service.simulated_stage import Stage
from tidegate.service.streams import Counts, Looks, Mask
from tidegate_sdk.bucketing import PARTS

_NEAR = 1e-6  # of a threshold, on the log scale; the two computations differ by far less
_LIMITS = 4  # of `anytime.ramp` that hold together, each with its part of the budget
_ALMOST_ONE = 1.0 - 1e-12  # a rate that no limit can exceed
_TINY = 1e-12  # a ratio above 0
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
    seen = np.zeros(len(looks.units), bool)
    for place, guardrail in enumerate(stage.policy.guardrails):
        near = stage.policy.log_harm_threshold(guardrail) - _NEAR
        seen |= _Question(stage, looks, place).log_e_harm() >= near
    return seen


def _unfair_split(stage: Stage, looks: Looks) -> Mask:
    strata = [
        IncidentPath(each.candidate.newcomers, each.baseline.newcomers, each.share)
        for each in stage.before
    ]
    current = IncidentPath(looks.candidate, looks.units - looks.candidate, stage.share)
    log_e = paths.log_e_mismatch([*strata, current])
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
    for place in range(len(stage.policy.guardrails)):
        log_e = _Question(stage, looks.only(places), place).log_e_safe()
        places = places[log_e >= near]
    return places


def _with_room(stage: Stage, looks: Looks, places: Places) -> Places:
    """Of some looks, those at which a risk budget may allow a larger share.

    It does where the excess of a unit is confidently small: by the candidate's highest rate less
    the baseline's lowest, or by the highest ratio less 1 times the baseline's highest rate. The
    baseline's limits lie on either side of the rate that was seen of it, so to put that in their
    place is to ask too often, never too seldom, and leaves one limit, for which its own e-value at
    one point is enough.
    """
    budget = stage.policy.risk_budget
    if budget is None or stage.share_ppm >= budget.certify_at_ppm:
        return places
    raised = min(SMALLEST_RAISE * stage.share_ppm, budget.certify_at_ppm) / PARTS
    excess = budget.excess / (budget.look_units * raised)
    near = math.log(_LIMITS / stage.policy.budgets.false_promote) - _NEAR
    for place, guardrail in enumerate(stage.policy.guardrails):
        if guardrail.kind == "incident":
            small = _Question(stage, looks.only(places), place).may_exceed_by_less(excess, near)
            places = places[small]
    return places


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


class _Question:
    """One guardrail at all looks of a stage: the strata, and what the assessment makes of them."""

    def __init__(self, stage: Stage, looks: Looks, place: int) -> None:
        self.guardrail = stage.policy.guardrails[place]
        self._stage, self._looks = stage, looks
        self.candidate, self.baseline = looks.candidate_hits[place], looks.baseline_hits[place]

    def log_e_harm(self) -> Path:
        if self.guardrail.kind == "outcome":
            return paths.log_e_lower(self._outcomes())
        log_e = paths.log_e_harm(self._incidents())
        ceiling = self.guardrail.ceiling_rate
        if ceiling is None:
            return log_e
        incidents, units = self._on_candidate()
        above = paths.log_e_above(incidents=incidents, units=units, ceiling=ceiling)
        return np.maximum(log_e, above)

    def log_e_safe(self) -> Path:
        margin = self.guardrail.allowed_margin
        if self.guardrail.kind == "outcome":
            return paths.log_e_non_inferior_outcomes(self._outcomes(), margin=margin)
        incidents, units = self._on_candidate()
        ratio = paths.log_e_non_inferior_incidents(self._incidents(), margin=margin)
        rare = self.guardrail.negligible_rate
        negligible = paths.log_e_below(incidents=incidents, units=units, ceiling=rare)
        log_e, ceiling = paths.log_mean([ratio, negligible]), self.guardrail.ceiling_rate
        if ceiling is None:
            return log_e
        below = paths.log_e_below(incidents=incidents, units=units, ceiling=ceiling)
        return np.minimum(log_e, below)

    def may_exceed_by_less(self, excess: float, near: float) -> Mask:
        """Where a unit's excess of incidents may be confidently below a limit."""
        incidents, units = self._on_candidate()
        base_incidents, base_units = self._on_baseline()
        seen = base_incidents / np.maximum(base_units, 1)
        rates = np.minimum(seen + excess, _ALMOST_ONE)
        by_rate = paths.log_e_of_upper_rate(incidents=incidents, units=units, rates=rates)
        exchanged = [
            IncidentPath(each.baseline, each.candidate, 1.0 - each.share)
            for each in self._incidents()
        ]
        by_ratio = paths.log_e_of_lower_ratio(exchanged, ratios=seen / (seen + excess) + _TINY)
        return (rates >= _ALMOST_ONE) | (by_rate >= near) | (by_ratio >= near)

    def _on_candidate(self) -> tuple[Counts, Counts]:
        """Incidents, and units, of the candidate in all stages."""
        before = [each.candidate for each in self._stage.before]
        return self._in_all(before, self.candidate, self._looks.candidate)

    def _on_baseline(self) -> tuple[Counts, Counts]:
        before = [each.baseline for each in self._stage.before]
        return self._in_all(before, self.baseline, self._looks.units - self._looks.candidate)

    def _in_all(
        self, before: list[ArmCounts], incidents: Counts, units: Counts
    ) -> tuple[Counts, Counts]:
        known = sum(arm.incidents[self.guardrail.name] for arm in before)
        return incidents + known, units + sum(arm.units for arm in before)

    def _incidents(self) -> list[IncidentPath]:
        name = self.guardrail.name
        over = [
            IncidentPath(each.candidate.incidents[name], each.baseline.incidents[name], each.share)
            for each in self._stage.before
        ]
        return [*over, IncidentPath(self.candidate, self.baseline, self._stage.share)]

    def _outcomes(self) -> list[OutcomePath]:
        name, looks = self.guardrail.name, self._looks
        over = [
            OutcomePath(
                each.candidate.successes[name],
                each.candidate.failures[name],
                each.baseline.successes[name],
                each.baseline.failures[name],
                each.share,
            )
            for each in self._stage.before
        ]
        current = OutcomePath(
            self.candidate,
            looks.candidate - self.candidate,
            self.baseline,
            looks.units - looks.candidate - self.baseline,
            self._stage.share,
        )
        return [*over, current]
