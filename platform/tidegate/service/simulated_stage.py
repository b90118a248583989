"""One stage of a simulated rollout, told to the rule as a real one would be."""

import math
from datetime import UTC, datetime, timedelta
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from tidegate.domain.canary import Step
from tidegate.domain.evidence import ArmCounts, Clock, Evidence, StageCounts
from tidegate.domain.policy import Policy
from tidegate.service.streams import Counts, Looks
from tidegate_sdk.bucketing import PARTS

_BEGINNING = datetime(2000, 1, 1, tzinfo=UTC)


class Over(NamedTuple):
    """A stage that is over.

    Attributes:
        counts: what the rule is told of it.
        last: its last look.
    """

    counts: StageCounts
    last: Looks


class Stage(NamedTuple):
    """A stage that is under way.

    Attributes:
        policy: the plan; its guardrails are those of the stream, in the same order.
        units_per_s: units of both arms a second; inf if time shall not pass.
        step: index of the stage.
        share_ppm: the candidate's share in parts per million.
        before: the stages before it.
    """

    policy: Policy
    units_per_s: float
    step: int
    share_ppm: int
    before: tuple[Over, ...] = ()

    @property
    def share(self) -> float:
        """The candidate's share, in (0, 1)."""
        return self.share_ppm / PARTS

    @property
    def first(self) -> int:
        """Units of the rollout before this stage."""
        return sum(stage.counts.units for stage in self.before)

    @property
    def conditions(self) -> Step | None:
        """What must hold before the next stage; None where the plan has no further one."""
        return self.policy.step(self.step, self.share_ppm)

    def marks(self) -> tuple[int, ...]:
        """Units of this stage at which a condition is first met: one must look there."""
        conditions, policy = self.conditions, self.policy
        if conditions is None:
            return ()
        units: list[float] = [conditions.min_units, conditions.dwell_s * self.units_per_s]
        if policy.on_inconclusive is not None:
            units.append(policy.on_inconclusive.max_s * self.units_per_s)
        if policy.deadline is not None:
            units.append(policy.deadline.after_s * self.units_per_s - self.first)
        return tuple(sorted({max(1, math.ceil(mark)) for mark in units if math.isfinite(mark)}))

    def seconds(self, units: Counts) -> NDArray[np.float64]:
        """Seconds from the stage's start until so many of its units have come."""
        return np.asarray(units / self.units_per_s)

    def counts(self, looks: Looks, look: int) -> StageCounts:
        """What is known of this stage at one look."""
        units, on_candidate = int(looks.units[look]), int(looks.candidate[look])
        return StageCounts(
            step=self.step,
            share_ppm=self.share_ppm,
            baseline=self._arm(units - on_candidate, looks.baseline_hits[:, look]),
            candidate=self._arm(on_candidate, looks.candidate_hits[:, look]),
        )

    def evidence(self, looks: Looks, look: int, *, paused: bool) -> Evidence:
        """All that is known of the rollout at one look."""
        stages = (*(stage.counts for stage in self.before), self.counts(looks, look))
        return Evidence(
            step=self.step,
            paused=paused,
            seq=self.first + int(looks.units[look]),
            share_ppm=self.share_ppm,
            stages=stages,
        )

    def clock(self, units: int) -> Clock:
        """The instants at which so many units of the stage have come."""
        started = self.first / self.units_per_s
        now = started + units / self.units_per_s
        return Clock(
            now=_BEGINNING + timedelta(seconds=now),
            step_started=_BEGINNING + timedelta(seconds=started),
            rollout_started=_BEGINNING,
        )

    def _arm(self, units: int, hits: Counts) -> ArmCounts:
        incidents: dict[str, int] = {}
        successes: dict[str, int] = {}
        for guardrail, hit in zip(self.policy.guardrails, hits.tolist(), strict=True):
            counted = incidents if guardrail.kind == "incident" else successes
            counted[guardrail.name] = hit
        return ArmCounts(
            units=units,
            newcomers=units,
            matured=units,
            incidents=incidents,
            successes=successes,
            failures={name: units - won for name, won in successes.items()},
        )
