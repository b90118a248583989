"""What one commit says must be served: INTENT and STATE in, release out."""

from collections.abc import Mapping
from datetime import datetime
from functools import cached_property
from typing import Final

import msgspec

from tidegate.domain.ab import CONTROL
from tidegate.domain.agent_version import AgentVersion
from tidegate.domain.evidence import Orders
from tidegate.domain.experiment_policy import ExperimentArm, ExperimentPolicy
from tidegate.domain.intent import AgentRelease
from tidegate.domain.policy import Policy
from tidegate.domain.state import Phase, ReleaseState
from tidegate.domain.traffic import Traffic
from tidegate_sdk.allocation import Allocation, Arm, Slice
from tidegate_sdk.enrolment import CompiledEnrolment, Enrolment, Forced, Placement
from tidegate_sdk.rules import Segments

BASELINE: Final = "baseline"
PREVIEW: Final = "preview"
"""The arm of units that meet an environment before the switch; nothing compares them."""

_ID_DIGITS = 16
_LIVE = "live"  # the one arm of a release in which nothing is compared
_NO_ATTRIBUTES: Mapping[str, object] = {}


class Release(msgspec.Struct, frozen=True, kw_only=True, dict=True):
    """An agent's release in one environment, as one commit has it.

    Attributes:
        commit: the manifest commit this was read from.
        attempt: the commit that last changed INTENT.
        previous: the attempt before that, if there was one.
        watched: names that are counted: the agent's guardrails and the three safety kinds.
        orders: what a person wants of this attempt.
        holdout: units that take part in no rollout of the environment.
        layer: the units that an experiment may use, if it is in a layer.
        segments: matchers of the manifest's segments.
    """

    environment: str
    agent: str
    commit: str
    attempt: str
    previous: str | None = None
    intent: AgentRelease
    state: ReleaseState | None
    traffic: Traffic
    policy: Policy
    watched: tuple[str, ...]
    window_s: int
    versions: dict[str, AgentVersion]
    orders: Orders = Orders()
    holdout: Slice | None = None
    layer: Slice | None = None
    segments: Segments = {}

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

    @cached_property
    def experiment(self) -> ExperimentPolicy | None:
        """The plan of the experiment, if this is one."""
        plan = self.intent.strategy.ab
        if plan is None:
            return None
        arms = {CONTROL: self.intent.version} | {n: arm.version for n, arm in plan.arms.items()}
        return ExperimentPolicy(
            arms=tuple(ExperimentArm(name=name, version=each) for name, each in arms.items()),
            control=CONTROL,
            goal=plan.goal,
            guardrails=self.policy.guardrails,
            horizon_units=plan.horizon.units,
            horizon_s=plan.horizon.duration_s,
            budgets=self.policy.budgets,
        )

    def place(self, unit: str, attributes: Mapping[str, object] = _NO_ATTRIBUTES) -> Placement:
        """Where a unit is placed: by the unit, its attributes and this commit alone."""
        return self._enrolment.place(unit, attributes)

    def arm(self, unit: str, attributes: Mapping[str, object] = _NO_ATTRIBUTES) -> str | None:
        """The arm of a unit; None if it is not compared with anything."""
        placement = self.place(unit, attributes)
        if placement.rule is not None and placement.rule >= len(self._forced):
            return PREVIEW
        return None if placement.arm == _LIVE else placement.arm

    def version(self, unit: str, attributes: Mapping[str, object] = _NO_ATTRIBUTES) -> str:
        """The version a unit is served."""
        return self.place(unit, attributes).version

    def halted(self, reason: str) -> "Release":
        """The same release with every unit on the fallback: an emergency, before git knows.

        Where that would corrupt memory, units that met the candidate stay on it.
        """
        freezes = self.policy.forward_only
        traffic = Traffic(
            baseline=self.fallback,
            candidate=self.traffic.candidate if freezes else None,
            phase=Phase.DEGRADED if freezes else Phase.ROLLED_BACK,
            reason=f"override: {reason}",
            frozen=freezes,
        )
        return msgspec.structs.replace(self, traffic=traffic)

    def at(self, commit: str) -> "Release":
        """The same release at another commit, between which and its own nothing of it changed."""
        moved = msgspec.structs.replace(self, commit=commit)
        vars(moved).update(vars(self))  # what is compiled does not depend on the commit
        return moved

    @cached_property
    def _enrolment(self) -> CompiledEnrolment:
        return CompiledEnrolment(self._plan(), self.segments)

    def _plan(self) -> Enrolment:
        """Who takes part, as service and SDK evaluate it."""
        traffic = self.traffic
        if not self.in_rollout or self.state is None:
            return Enrolment(
                default=traffic.baseline,
                versions={_LIVE: traffic.baseline},
                allocation=Allocation(self.attempt, _LIVE, ()),
                forced=self._forced,
            )
        plan = self.intent.strategy.ab
        control = BASELINE if plan is None else CONTROL
        arms = tuple(Arm(each.name, each.share_ppm, each.max_ppm) for each in traffic.arms)
        return Enrolment(
            default=traffic.baseline,
            versions={control: traffic.baseline} | {a.name: a.version for a in traffic.arms},
            allocation=Allocation(self.state.salt, control, arms),
            forced=(*self._forced, *self._preview()),
            audience=plan.audience.rule() if plan is not None and plan.audience else None,
            layer=self.layer,
            holdout=self.holdout,
        )

    @cached_property
    def _forced(self) -> tuple[Forced, ...]:
        """Versions that some units are served whatever the split says."""
        return tuple(
            Forced(each.when.rule(), each.version)
            for each in self.intent.forced
            if not self._is_recalled(each.version)
        )

    def _is_recalled(self, version: str) -> bool:
        """Whether a version was rolled back for harm; then not even a forced rule serves it."""
        return self.state is not None and self.state.marks_bad(version) and not self.intent.force

    def _preview(self) -> tuple[Forced, ...]:
        """Who meets the environment that becomes active, before it does."""
        plan, candidate = self.intent.strategy.blue_green, self.traffic.candidate
        if plan is None or plan.preview is None or candidate is None:
            return ()
        return (Forced(plan.preview.rule(), candidate),)


def rollout_id(agent: str, attempt: str) -> str:
    """The id of one agent's rollout; a commit may begin those of several agents."""
    return f"{agent}@{attempt[:_ID_DIGITS]}"
