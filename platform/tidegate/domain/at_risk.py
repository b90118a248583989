"""Units that stay at risk: who could have had each incident, and what was bet on it."""

from collections.abc import Iterable, Mapping
from typing import NamedTuple

import msgspec

from anytime import ongoing
from tidegate.domain.evidence import StageCounts
from tidegate.domain.policy import Policy


class RiskSet(NamedTuple):
    """One unit's first incident, and how many units were at risk just before it.

    Attributes:
        step: the stage in which the incident happened.
        on_candidate: the arm it fell on.
        candidate, baseline: units exposed in that stage that had no incident before, this one
            included.
    """

    step: int
    on_candidate: bool
    candidate: int
    baseline: int


def with_bets(
    stages: Iterable[StageCounts], policy: Policy, incidents: Mapping[str, Iterable[RiskSet]]
) -> tuple[StageCounts, ...]:
    """Stages with the certification's bets on every incident of every guardrail.

    Args:
        stages: counts of each stage.
        policy: the guardrails and their margins.
        incidents: by guardrail, in order of arrival.
    """
    bets = {
        guardrail.name: _by_step(guardrail.allowed_margin, incidents.get(guardrail.name, ()))
        for guardrail in policy.guardrails
        if guardrail.kind == "incident"
    }
    return tuple(
        msgspec.structs.replace(
            stage,
            at_risk={
                name: tuple(strata[stage.step].log_ratios)
                for name, strata in bets.items()
                if stage.step in strata
            },
        )
        for stage in stages
    )


def log_e_non_inferior(stages: Iterable[StageCounts], name: str, margin: float) -> float:
    """Log e-value against "the hazard is at least `margin` times as high on the candidate".

    Guarantee:
        That of `anytime.ongoing.log_e`: under proportional hazards within each stage.
    """
    empty = ongoing.non_inferior_stratum(margin=margin)
    settled = [stage.at_risk[name] for stage in stages if name in stage.at_risk]
    return ongoing.log_e([empty._replace(log_ratios=each) for each in settled])


def _by_step(margin: float, incidents: Iterable[RiskSet]) -> dict[int, ongoing.OngoingStratum]:
    empty = ongoing.non_inferior_stratum(margin=margin)
    strata: dict[int, ongoing.OngoingStratum] = {}
    for each in incidents:
        known = strata.get(each.step, empty)
        before = known._replace(candidate=each.candidate, baseline=each.baseline)
        strata[each.step] = ongoing.incident(before, on_candidate=each.on_candidate)
    return strata
