"""What the evidence says about each guardrail."""

import math
from collections.abc import Iterable
from typing import Literal

import msgspec
import numpy as np

from anytime import (
    IncidentStratum,
    OutcomeStratum,
    log_e_above,
    log_e_below,
    safe_logrank,
    two_proportions,
)
from anytime.mixture import log_mixture
from tidegate.domain.at_risk import log_e_non_inferior as log_e_hazard_non_inferior
from tidegate.domain.evidence import Evidence, StageCounts
from tidegate.domain.metrics import Guardrail
from tidegate.domain.policy import Policy


class Tally(msgspec.Struct, frozen=True):
    """k of n units."""

    k: int
    n: int

    def __str__(self) -> str:
        rate = f" ({100 * self.k / self.n:.2f} %)" if self.n else ""
        return f"{self.k} of {self.n}{rate}"


class Assessment(msgspec.Struct, frozen=True, kw_only=True):
    """One guardrail's evidence of harm, and of safety.

    Attributes:
        baseline, candidate: units with an incident (or a success) of units that count.
        against: what harm is measured against: the baseline or, where that shows more, the ceiling.
        log_e_harm: log e-value against "the candidate is no worse", or "it is below the ceiling".
        log_harm_threshold: where it stops the rollout.
        log_e_safe: log e-value against "the candidate is worse than allowed"; for incidents the
            mean of the ratio's and the negligible rate's, but no larger than the ceiling's.
        log_certify_threshold: where it certifies the guardrail.
    """

    guardrail: str
    kind: Literal["incident", "outcome"]
    baseline: Tally
    candidate: Tally
    against: Literal["baseline", "ceiling"] = "baseline"
    log_e_harm: float
    log_harm_threshold: float
    log_e_safe: float
    log_certify_threshold: float

    @property
    def harmed(self) -> bool:
        """Whether the harm threshold is reached."""
        return self.log_e_harm >= self.log_harm_threshold

    @property
    def certified(self) -> bool:
        """Whether the guardrail is certified within its margin."""
        return self.log_e_safe >= self.log_certify_threshold


def assess(policy: Policy, evidence: Evidence) -> tuple[Assessment, ...]:
    """Each deciding guardrail's assessment, in the policy's order."""
    stages = comparable(evidence.stages)
    return tuple(
        _assess_incident(policy, guardrail, stages)
        if guardrail.kind == "incident"
        else _assess_outcome(policy, guardrail, stages)
        for guardrail in policy.guardrails
    )


def comparable(stages: Iterable[StageCounts]) -> tuple[StageCounts, ...]:
    """The stages with a concurrent baseline: at 100 % there is nothing to compare with."""
    return tuple(stage for stage in stages if 0.0 < stage.share < 1.0)


def _assess_incident(
    policy: Policy, guardrail: Guardrail, stages: tuple[StageCounts, ...]
) -> Assessment:
    name = guardrail.name
    strata = [stage.incident_stratum(name) for stage in stages]
    on_candidate = sum(stratum.candidate for stratum in strata)
    log_e_ratio = safe_logrank.log_e_harm(strata)
    log_e_ceiling = _log_e_above_ceiling(guardrail, stages, on_candidate)
    return Assessment(
        guardrail=name,
        kind=guardrail.kind,
        baseline=Tally(
            sum(stratum.baseline for stratum in strata),
            sum(stage.baseline.units for stage in stages),
        ),
        candidate=Tally(on_candidate, sum(stage.candidate.units for stage in stages)),
        against="ceiling" if log_e_ceiling > log_e_ratio else "baseline",
        log_e_harm=max(log_e_ratio, log_e_ceiling),
        log_harm_threshold=policy.log_harm_threshold(guardrail),
        log_e_safe=_log_e_safe(policy, guardrail, strata, stages),
        log_certify_threshold=policy.log_certify_threshold,
    )


def _log_e_above_ceiling(
    guardrail: Guardrail, stages: tuple[StageCounts, ...], incidents: int
) -> float:
    """Log e-value of the alarm; a unit that has not matured counts as free of incidents so far."""
    if guardrail.ceiling_rate is None:
        return -math.inf
    units = max(sum(stage.candidate.newcomers for stage in stages), incidents)
    return log_e_above(incidents=incidents, units=units, ceiling=guardrail.ceiling_rate)


def _log_e_safe(
    policy: Policy,
    guardrail: Guardrail,
    strata: list[IncidentStratum],
    stages: tuple[StageCounts, ...],
) -> float:
    incidents = sum(stratum.candidate for stratum in strata)
    matured = max(sum(stage.candidate.matured for stage in stages), incidents)

    def log_e_rate_below(ceiling: float) -> float:
        return log_e_below(incidents=incidents, units=matured, ceiling=ceiling)

    log_e_ratio = (
        log_e_hazard_non_inferior(stages, guardrail.name, guardrail.allowed_margin)
        if policy.exposure == "ongoing"
        else safe_logrank.log_e_non_inferior(strata, margin=guardrail.allowed_margin)
    )
    # Either may certify, so both are asked against "beyond the margin and not negligible". Their
    # average is an e-value for that; their maximum would spend the budget twice.
    log_e = log_mixture(np.array([log_e_ratio, log_e_rate_below(guardrail.negligible_rate)]))
    if guardrail.ceiling_rate is None:
        return log_e
    return min(log_e, log_e_rate_below(guardrail.ceiling_rate))


def _assess_outcome(
    policy: Policy, guardrail: Guardrail, stages: tuple[StageCounts, ...]
) -> Assessment:
    name = guardrail.name
    strata = [
        OutcomeStratum(
            candidate_successes=stage.candidate.successes.get(name, 0),
            candidate_failures=stage.candidate.failures.get(name, 0),
            baseline_successes=stage.baseline.successes.get(name, 0),
            baseline_failures=stage.baseline.failures.get(name, 0),
            share=stage.share,
        )
        for stage in stages
    ]
    won, lost = (
        sum(s.baseline_successes for s in strata),
        sum(s.baseline_failures for s in strata),
    )
    candidate_won = sum(stratum.candidate_successes for stratum in strata)
    candidate_lost = sum(stratum.candidate_failures for stratum in strata)
    return Assessment(
        guardrail=name,
        kind=guardrail.kind,
        baseline=Tally(won, won + lost),
        candidate=Tally(candidate_won, candidate_won + candidate_lost),
        log_e_harm=two_proportions.log_e_lower(strata),
        log_harm_threshold=policy.log_harm_threshold(guardrail),
        log_e_safe=two_proportions.log_e_non_inferior(strata, margin=guardrail.allowed_margin),
        log_certify_threshold=policy.log_certify_threshold,
    )


def e_value_text(log_e: float) -> str:
    """An e-value as people read it: 3.35 -> "28.5", 40 -> "2.35e+17"."""
    if log_e <= math.log(1e6):
        return f"{math.exp(log_e):.3g}"
    exponent = math.floor(log_e / math.log(10))
    mantissa, carried = f"{math.exp(log_e - exponent * math.log(10)):.2e}".split("e+")
    return f"{mantissa}e+{exponent + int(carried)}"
