"""The plan of a rollout: what may decide, with which error budgets, along which steps."""

import math
from typing import Literal

import msgspec

from anytime.ramp import largest_share
from tidegate.domain.blue_green import BlueGreen
from tidegate.domain.canary import Deadline, OnInconclusive, RiskBudget, Step, Watch
from tidegate.domain.errors import InvalidManifest
from tidegate.domain.installation import Budgets
from tidegate.domain.intent import AgentRelease
from tidegate.domain.manifest_files import intent_path
from tidegate.domain.metrics import Guardrail, Metrics
from tidegate_sdk.bucketing import PARTS

SRM_ALPHA = 0.001
"""Level at which a sample ratio mismatch raises its alarm."""


class Policy(msgspec.Struct, frozen=True, kw_only=True, tag_field="of", tag="rollout"):
    """Everything `decide` needs to know beforehand.

    Attributes:
        steps: the fixed steps; none with a risk budget.
        exposure: whether a unit is one task ("once"), or stays at risk ("ongoing").
        watch: what becomes of the version once everyone has it.
        switch: the environments of a blue-green release, which has no steps.
        forward_only: whether the version before cannot read what this one writes into memory, so
            that a rollback would corrupt the memory of units that met it.
    """

    budgets: Budgets
    guardrails: tuple[Guardrail, ...]
    steps: tuple[Step, ...] = ()
    srm_alpha: float = SRM_ALPHA
    exposure: Literal["once", "ongoing"] = "once"
    risk_budget: RiskBudget | None = None
    on_inconclusive: OnInconclusive | None = None
    deadline: Deadline | None = None
    watch: Watch = Watch()
    switch: BlueGreen | None = None
    forward_only: bool = False

    @property
    def first_share_ppm(self) -> int:
        """The candidate's share at the start, in parts per million.

        With no evidence every unit might be harmed: then the budget is the exposure.
        """
        if self.risk_budget is None:
            return self.steps[0].share_ppm if self.steps else 0
        share = largest_share(
            excess=1.0, units=self.risk_budget.look_units, budget=self.risk_budget.excess
        )
        return min(int(share * PARTS), self.risk_budget.certify_at_ppm)

    @property
    def incident_names(self) -> tuple[str, ...]:
        """The guardrails that count incidents."""
        return tuple(each.name for each in self.guardrails if each.kind == "incident")

    def step(self, index: int, share_ppm: int) -> Step | None:
        """The conditions of the stage in force; None where the plan has no further one.

        Args:
            index: of the stage, from 0.
            share_ppm: the candidate's share, which is a stage's only mark under a risk budget.
        """
        budget = self.risk_budget
        if budget is not None:
            certify = share_ppm >= budget.certify_at_ppm
            return Step(set_weight=share_ppm, min_units=budget.look_units, certify=certify)
        return self.steps[index] if index + 1 < len(self.steps) else None

    def log_harm_threshold(self, guardrail: Guardrail) -> float:
        """Log of the e-value at which a guardrail stops the rollout.

        Rollback is a union over guardrails, so each spends its weighted share of `false_rollback`;
        one with a ceiling asks two questions, and halves its share between them.
        """
        total = sum(each.weight for each in self.guardrails)
        questions = 1 if guardrail.ceiling is None else 2
        return math.log(questions * total / (guardrail.weight * self.budgets.false_rollback))

    @property
    def log_certify_threshold(self) -> float:
        """Log of the e-value at which a guardrail is certified.

        Promotion is an intersection over guardrails, so each may spend all of `false_promote`.
        """
        return -math.log(self.budgets.false_promote)


def policy_of(environment: str, intent: AgentRelease, metrics: Metrics, budgets: Budgets) -> Policy:
    """The policy in force for a release.

    Raises:
        InvalidManifest: the release names a guardrail that the agent's metrics do not define.
    """
    chosen = guardrails_of(environment, intent, metrics)
    common = Policy(budgets=budgets, guardrails=chosen, exposure=metrics.exposure)
    canary, blue_green = intent.strategy.canary, intent.strategy.blue_green
    if canary is not None:
        return msgspec.structs.replace(
            common,
            steps=canary.steps,
            risk_budget=canary.risk_budget,
            on_inconclusive=canary.on_inconclusive,
            deadline=canary.deadline,
            watch=canary.after_promotion,
        )
    if blue_green is not None:
        watch = blue_green.post_promotion
        return msgspec.structs.replace(common, switch=blue_green, watch=watch)
    return common


def guardrails_of(
    environment: str, intent: AgentRelease, metrics: Metrics
) -> tuple[Guardrail, ...]:
    """The guardrails that may decide on a release.

    Raises:
        InvalidManifest: the release names one that the agent's metrics do not define.
    """
    named = intent.strategy.guardrails
    known = {guardrail.name: guardrail for guardrail in metrics.guardrails}
    unknown = sorted(set(named or ()) - set(known))
    if unknown:
        raise InvalidManifest(
            intent_path(environment, intent.agent),
            f"the strategy's guardrails name {unknown}; the agent's metrics define {list(known)}",
        )
    return tuple(known[name] for name in (named if named is not None else known))
