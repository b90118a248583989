"""The plan: which guardrails may decide, and with which budgets."""

import math

import msgspec
import pytest

from tidegate.domain.canary import Canary
from tidegate.domain.errors import InvalidManifest
from tidegate.domain.installation import Budgets
from tidegate.domain.intent import AgentRelease, Strategy
from tidegate.domain.metrics import Guardrail, Metrics
from tidegate.domain.policy import SRM_ALPHA, Policy, policy_of

METRICS = Metrics(
    agent="support",
    guardrails=(
        Guardrail(name="error"),
        Guardrail(name="prompt_injection", weight=3.0),
        Guardrail(name="resolved", kind="outcome"),
    ),
)


def _named(intent: AgentRelease, *names: str) -> AgentRelease:
    canary = Canary(steps=intent.strategy.canary.steps, guardrails=names)
    return msgspec.structs.replace(intent, strategy=Strategy(canary=canary))


def test_policy_without_named_guardrails_takes_all_of_the_agents(intent: AgentRelease) -> None:
    policy = policy_of("production", intent, METRICS, Budgets())
    assert policy.guardrails == METRICS.guardrails
    assert policy.steps == intent.strategy.canary.steps
    assert policy.srm_alpha == SRM_ALPHA == 0.001


def test_policy_with_named_guardrails_takes_those_in_their_order(intent: AgentRelease) -> None:
    policy = policy_of("production", _named(intent, "resolved", "error"), METRICS, Budgets())
    assert [guardrail.name for guardrail in policy.guardrails] == ["resolved", "error"]


def test_policy_with_an_unknown_guardrail_names_the_file_and_what_is_known(
    intent: AgentRelease,
) -> None:
    wrong = _named(intent, "error", "errors", "latency")
    with pytest.raises(InvalidManifest) as refused:
        policy_of("production", wrong, METRICS, Budgets())
    assert refused.value.path == "envs/production/support.yaml"
    assert "the strategy's guardrails name ['errors', 'latency']" in refused.value.problem
    assert "['error', 'prompt_injection', 'resolved']" in refused.value.problem


def test_harm_thresholds_spend_the_false_rollback_budget_by_weight(intent: AgentRelease) -> None:
    policy = policy_of("production", intent, METRICS, Budgets(false_rollback=0.1))
    levels = [math.exp(-policy.log_harm_threshold(each)) for each in policy.guardrails]
    assert levels == pytest.approx([0.02, 0.06, 0.02])
    assert sum(levels) == pytest.approx(0.1)


def test_certify_threshold_is_the_whole_false_promote_budget_for_each_guardrail(
    policy: Policy,
) -> None:
    assert policy.log_certify_threshold == pytest.approx(math.log(20.0))
