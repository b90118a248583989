"""The plan of a rollout: what may decide, with which error budgets, along which steps."""

import math

import msgspec

from tidegate.domain.errors import InvalidManifest
from tidegate.domain.installation import Budgets
from tidegate.domain.intent import AgentRelease, Step
from tidegate.domain.manifest_files import intent_path
from tidegate.domain.metrics import Guardrail, Metrics

SRM_ALPHA = 0.001
"""Level at which a sample ratio mismatch raises its alarm."""


class Policy(msgspec.Struct, frozen=True, kw_only=True):
    """Everything `decide` needs to know beforehand."""

    budgets: Budgets
    guardrails: tuple[Guardrail, ...]
    steps: tuple[Step, ...]
    srm_alpha: float = SRM_ALPHA

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
    named = intent.strategy.canary.guardrails
    known = {guardrail.name: guardrail for guardrail in metrics.guardrails}
    unknown = sorted(set(named or ()) - set(known))
    if unknown:
        raise InvalidManifest(
            intent_path(environment, intent.agent),
            f"strategy.canary.guardrails names {unknown}; the agent's metrics define {list(known)}",
        )
    chosen = tuple(known[name] for name in (named if named is not None else known))
    return Policy(budgets=budgets, guardrails=chosen, steps=intent.strategy.canary.steps)
