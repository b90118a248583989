"""What a decision is made from: sufficient statistics by stage, and the time."""

from datetime import datetime

import msgspec

from tidegate_sdk.bucketing import PARTS


class ArmCounts(msgspec.Struct, frozen=True, kw_only=True):
    """What happened to the units of one arm in one stage; each unit counts at most once a figure.

    Attributes:
        units: units exposed in the stage; one that comes back in a later stage counts there again.
        newcomers: of these, units whose first exposure of the rollout this was. Only they are new
            tosses of the coin, so the split is judged by them.
        matured: of the newcomers, units whose outcome is known or whose window has closed. Each
            unit counts in one stage only, as its first incident does.
        incidents: per safety kind, units whose first such incident of the rollout fell here.
        successes: per goal, units whose first outcome of the rollout was a success.
        failures: per goal, units whose first outcome of the rollout was not.
    """

    units: int = 0
    newcomers: int = 0
    matured: int = 0
    incidents: dict[str, int] = {}
    successes: dict[str, int] = {}
    failures: dict[str, int] = {}


class StageCounts(msgspec.Struct, frozen=True, kw_only=True):
    """One stage: a stratum of constant share.

    Attributes:
        step: index of the step in the canary, from 0.
        share_ppm: the candidate's share in parts per million.
    """

    step: int
    share_ppm: int
    baseline: ArmCounts
    candidate: ArmCounts

    @property
    def share(self) -> float:
        """The candidate's share, in (0, 1)."""
        return self.share_ppm / PARTS

    @property
    def units(self) -> int:
        """Units exposed in the stage, both arms."""
        return self.baseline.units + self.candidate.units


class Evidence(msgspec.Struct, frozen=True, kw_only=True):
    """Everything known about a rollout up to one event.

    Attributes:
        step: index of the step in force, from 0.
        paused: whether the rollout waits for a person.
        seq: sequence number of the last event that was seen.
        stages: one entry per stage that has exposures, in order of steps.
    """

    step: int
    paused: bool
    seq: int
    stages: tuple[StageCounts, ...] = ()

    @property
    def units(self) -> int:
        """Units exposed in the rollout, both arms."""
        return sum(stage.units for stage in self.stages)

    @property
    def candidate_units(self) -> int:
        """Units exposed to the candidate."""
        return sum(stage.candidate.units for stage in self.stages)


class Clock(msgspec.Struct, frozen=True, kw_only=True):
    """The instants a decision may look at; the core never reads a clock itself."""

    now: datetime
    step_started: datetime

    @property
    def in_step_s(self) -> float:
        """Seconds since the step began."""
        return (self.now - self.step_started).total_seconds()
