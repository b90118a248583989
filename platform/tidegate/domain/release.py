"""What one commit says must be served: INTENT and STATE in, release out."""

from datetime import datetime
from typing import Literal

import msgspec

from tidegate.domain.agent_version import AgentVersion
from tidegate.domain.evidence import Orders
from tidegate.domain.intent import AgentRelease
from tidegate.domain.policy import Policy
from tidegate.domain.state import Phase, ReleaseState
from tidegate_sdk.bucketing import PARTS, in_share

_ID_DIGITS = 16
Arm = Literal["baseline", "candidate"]


class Traffic(msgspec.Struct, frozen=True, kw_only=True):
    """Who gets what, and why.

    Attributes:
        baseline: version of every unit outside the share.
        candidate: version of the units inside the share, while a rollout runs.
        share_ppm: the candidate's share in parts per million.
        phase: where the release stands.
        reason: one sentence for people.
    """

    baseline: str
    phase: Phase
    reason: str
    candidate: str | None = None
    share_ppm: int = 0


class Release(msgspec.Struct, frozen=True, kw_only=True):
    """An agent's release in one environment, as one commit has it.

    Attributes:
        commit: the manifest commit this was read from.
        attempt: the commit that last changed INTENT.
        watched: names that are counted: the agent's guardrails and the three safety kinds.
        orders: what a person wants of this attempt.
    """

    environment: str
    agent: str
    commit: str
    attempt: str
    intent: AgentRelease
    state: ReleaseState | None
    traffic: Traffic
    policy: Policy
    watched: tuple[str, ...]
    window_s: int
    versions: dict[str, AgentVersion]
    orders: Orders = Orders()

    @property
    def rollout(self) -> str:
        """The id of the rollout that this attempt is."""
        return rollout_id(self.agent, self.attempt)

    @property
    def in_rollout(self) -> bool:
        """Whether units are being compared."""
        return self.traffic.phase in (Phase.PROGRESSING, Phase.PAUSED)

    @property
    def step(self) -> int:
        """Index of the step in force; 0 outside a rollout."""
        return self.state.step if self.state is not None and self.in_rollout else 0

    @property
    def step_started(self) -> datetime | None:
        """When the step in force began."""
        return self.state.step_started if self.state is not None and self.in_rollout else None

    @property
    def fallback(self) -> str:
        """The version that a rollback leads to: the baseline, or the one before the promotion."""
        state = self.state
        if state is not None and state.phase is Phase.COMPLETED and len(state.window) > 1:
            return state.window[1]
        return self.traffic.baseline

    def arm(self, unit: str) -> Arm | None:
        """The arm of a unit, by the unit and this commit alone; None outside a rollout."""
        if not self.in_rollout or self.state is None:
            return None
        return (
            "candidate" if in_share(self.state.salt, unit, self.traffic.share_ppm) else "baseline"
        )

    def version(self, unit: str) -> str:
        """The version a unit is served."""
        if self.arm(unit) == "candidate" and self.traffic.candidate is not None:
            return self.traffic.candidate
        return self.traffic.baseline

    def halted(self, reason: str) -> "Release":
        """The same release with every unit on the fallback: an emergency, before git knows."""
        traffic = Traffic(
            baseline=self.fallback, phase=Phase.ROLLED_BACK, reason=f"override: {reason}"
        )
        return msgspec.structs.replace(self, traffic=traffic)


def rollout_id(agent: str, attempt: str) -> str:
    """The id of one agent's rollout; a commit may begin those of several agents."""
    return f"{agent}@{attempt[:_ID_DIGITS]}"


def traffic_of(
    intent: AgentRelease, state: ReleaseState | None, attempt: str, previous: str | None = None
) -> Traffic:
    """Who gets what: a pure function of one commit.

    Args:
        intent: what people want.
        state: how far the engine has come, if it ever wrote it.
        attempt: the commit that last changed INTENT.
        watched: names that are counted: the agent's guardrails and the three safety kinds.
        previous: the version that INTENT named before that commit, if there was one.

    If INTENT has changed since STATE was written, STATE is void. An intent that then names a
    version of the rollback window is served at once, so that a person's `git revert` works with no
    engine alive. Any other new version waits at 0 % until an engine begins its rollout: a canary
    that nobody watches would be no canary.
    """
    if state is None:
        return _traffic_without_state(intent, previous)
    if state.attempt == attempt:
        return _traffic_of_state(state)
    is_bad = state.marks_bad(intent.version)
    if is_bad and not intent.force:
        reason = f"{intent.version} was rolled back before; set force: true to try it again"
        return Traffic(baseline=state.stable, phase=Phase.DEGRADED, reason=reason)
    if intent.version in (state.stable, *state.window) and not is_bad:
        reason = f"{intent.version} is in the rollback window and is served at once"
        return Traffic(baseline=intent.version, phase=Phase.HEALTHY, reason=reason)
    reason = f"{intent.version} waits for an engine to begin its rollout"
    return Traffic(
        baseline=state.stable, candidate=intent.version, phase=Phase.PENDING, reason=reason
    )


def _traffic_without_state(intent: AgentRelease, previous: str | None) -> Traffic:
    if previous is None or previous == intent.version:
        reason = "first version of this agent"
        return Traffic(baseline=intent.version, phase=Phase.HEALTHY, reason=reason)
    reason = f"{intent.version} waits for an engine to begin its rollout"
    return Traffic(baseline=previous, candidate=intent.version, phase=Phase.PENDING, reason=reason)


def _traffic_of_state(state: ReleaseState) -> Traffic:
    if state.phase in (Phase.PROGRESSING, Phase.PAUSED) and state.candidate is not None:
        return Traffic(
            baseline=state.stable,
            candidate=state.candidate,
            share_ppm=min(state.weight, PARTS),
            phase=state.phase,
            reason=state.reason,
        )
    return Traffic(baseline=state.stable, phase=state.phase, reason=state.reason)
