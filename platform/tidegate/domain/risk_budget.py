"""The next share of a ramp that follows a budget of risk."""

from anytime import ramp
from tidegate.domain.assessment import comparable
from tidegate.domain.evidence import Evidence
from tidegate.domain.policy import Policy
from tidegate_sdk.bucketing import PARTS

SMALLEST_RAISE = 1.25
"""A share is raised by this factor at least: each raise begins a stratum and makes a commit."""


def next_share_ppm(policy: Policy, evidence: Evidence) -> int | None:
    """The share that the worst case allows until the next look, if it is worth a step.

    The worst case is taken over the incident guardrails, each with its own limit, as
    `anytime.ramp` finds it; the share never exceeds the one at which certification is asked for.

    Args:
        policy: a plan with a risk budget.
        evidence: what is known so far.

    Returns:
        Parts per million above the share in force; None to stay.
    """
    budget = policy.risk_budget
    if budget is None:
        return None
    allowed = min(_allowed(policy, evidence), budget.certify_at_ppm)
    enough = min(SMALLEST_RAISE * evidence.share_ppm, budget.certify_at_ppm)
    return allowed if allowed >= enough and allowed > evidence.share_ppm else None


def _allowed(policy: Policy, evidence: Evidence) -> int:
    shares = [_share_for(policy, evidence, name) for name in policy.incident_names]
    return int(PARTS * min(shares, default=1.0))


def _share_for(policy: Policy, evidence: Evidence, name: str) -> float:
    if policy.risk_budget is None:
        return 0.0
    stages = comparable(evidence.stages)
    strata = [stage.incident_stratum(name) for stage in stages]
    matured = sum(stage.candidate.matured for stage in stages)
    base_matured = sum(stage.baseline.matured for stage in stages)
    return ramp.next_share(
        strata,
        candidate_units=max(matured, sum(stratum.candidate for stratum in strata)),
        baseline_units=max(base_matured, sum(stratum.baseline for stratum in strata)),
        units=policy.risk_budget.look_units,
        budget=policy.risk_budget.excess,
        alpha=policy.budgets.false_promote,
    )
