"""A recorded rollout under another policy: what it would have decided, and when."""

from datetime import datetime
from typing import Literal, NamedTuple

import msgspec

from tidegate.domain.decision import Decision, Verdict
from tidegate.domain.discrepancies import Discrepancy
from tidegate.domain.document import API_VERSION, ApiVersion, Document
from tidegate.domain.errors import InvalidManifest
from tidegate.domain.evidence import Evidence
from tidegate.domain.installation import Budgets
from tidegate.domain.intent import Strategy
from tidegate.domain.metrics import Guardrail, Metrics
from tidegate.domain.policy import Policy, policy_of
from tidegate.domain.release import Release

ENDS = (Verdict.ROLL_BACK, Verdict.FREEZE, Verdict.PROMOTE)
"""Verdicts after which a rollout is over."""


class Happening(NamedTuple):
    """One event of a rollout that counts.

    Attributes:
        seq: its sequence number.
        at: when it arrived.
        kind: a unit's exposure in a stage, its first incident of a kind, or its first outcome.
    """

    seq: int
    at: datetime
    kind: Literal["exposure", "safety", "outcome"]


class ReplayPolicy(Document, frozen=True, kw_only=True, tag_field="kind", tag="ReplayPolicy"):
    """What shall be otherwise; what is not said stays as it was.

    Attributes:
        budgets: as in tidegate.yaml.
        guardrails: as in the agent's metrics.yaml.
        strategy: as in INTENT; a canary.
    """

    api_version: ApiVersion = API_VERSION
    budgets: Budgets | None = None
    guardrails: tuple[Guardrail, ...] | None = None
    strategy: Strategy | None = None

    def __post_init__(self) -> None:
        if self.strategy is not None and self.strategy.canary is None:
            raise ValueError("strategy must be a canary: only canary rollouts can be replayed")

    def applied(self, release: Release, metrics: Metrics) -> Policy:
        """The policy of a release, with what is otherwise.

        Raises:
            ValueError: the guardrails do not go together.
        """
        strategy = self.strategy or release.intent.strategy
        intent = msgspec.structs.replace(release.intent, strategy=strategy)
        watched = msgspec.structs.replace(metrics, guardrails=self.guardrails or metrics.guardrails)
        budgets = self.budgets or release.policy.budgets
        try:
            found = policy_of(release.environment, intent, watched, budgets)
        except InvalidManifest as error:
            raise ValueError(error.problem) from error
        return msgspec.structs.replace(found, forward_only=release.policy.forward_only)


class Moment(msgspec.Struct, frozen=True, kw_only=True):
    """A verdict, and how far the rollout had come.

    Attributes:
        seq: the last event that was seen.
        units, candidate_units: units that had been exposed, of both arms and of the candidate.
        share_ppm: the share that was served, in parts per million.
        next_share_ppm: the share that the verdict asks for, if it changes it.
    """

    seq: int
    at: datetime
    units: int
    candidate_units: int
    share_ppm: int
    verdict: Verdict
    rule: str
    reason: str
    guardrail: str | None = None
    next_share_ppm: int | None = None


class Backtest(msgspec.Struct, frozen=True, kw_only=True):
    """A recorded rollout under another policy, beside what was decided in fact.

    Attributes:
        every: units between looks.
        looks: how many looks there were.
        changes: where the other policy differs from the one in force then.
        fact: the decisions of the engine, oldest first.
        moments: what the other policy would have decided, oldest first: steps forward that it
            would have taken, pauses, and last the end, if there is one.
        end: the verdict that would have ended the rollout; None if the log is over before.
        last: the last look.
        ran_ahead: the look at which the log went to a share that the other policy had not allowed
            yet; from there on it is asked about harm alone.
        notes: what these figures do not say.
    """

    rollout: str
    environment: str
    agent: str
    baseline: str
    candidate: str
    every: int
    looks: int
    changes: tuple[Discrepancy, ...]
    fact: tuple[Moment, ...]
    moments: tuple[Moment, ...]
    end: Moment | None
    last: Moment | None
    ran_ahead: Moment | None
    notes: tuple[str, ...]

    @property
    def fact_end(self) -> Moment | None:
        """The decision of the engine that ended the rollout, if one did."""
        return next((each for each in self.fact if each.verdict in ENDS), None)


def moment_of(evidence: Evidence, decision: Decision, at: datetime) -> Moment:
    """A verdict on some evidence at an instant."""
    return Moment(
        seq=evidence.seq,
        at=at,
        units=evidence.units,
        candidate_units=evidence.candidate_units,
        share_ppm=evidence.share_ppm,
        verdict=decision.verdict,
        rule=decision.rule,
        reason=decision.reason,
        guardrail=decision.guardrail,
        next_share_ppm=decision.next_share_ppm,
    )


def step_for(policy: Policy, share_ppm: int, recorded: int) -> int:
    """The step of a policy that a recorded stage is judged by: the last of no larger share.

    Args:
        policy: the other policy.
        share_ppm: the share that was served in the stage.
        recorded: the stage's own number, which is kept where a policy has no fixed steps.
    """
    if policy.risk_budget is not None:
        return recorded
    below = [index for index, step in enumerate(policy.steps[:-1]) if step.share_ppm <= share_ppm]
    return below[-1] if below else 0


def judged_by(policy: Policy, evidence: Evidence) -> Evidence:
    """The same evidence, its stages numbered as the steps of another policy."""
    return msgspec.structs.replace(
        evidence,
        step=step_for(policy, evidence.share_ppm, evidence.step),
        stages=tuple(
            msgspec.structs.replace(stage, step=step_for(policy, stage.share_ppm, stage.step))
            for stage in evidence.stages
        ),
    )
