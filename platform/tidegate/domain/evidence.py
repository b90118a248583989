"""What a decision is made from: sufficient statistics by stage, and the time."""

from datetime import datetime

import msgspec

from anytime import IncidentStratum
from tidegate_sdk.bucketing import PARTS


class ArmCounts(msgspec.Struct, frozen=True, kw_only=True):
    """What happened to the units of one arm in one stage; each unit counts at most once a figure.

    Attributes:
        units: units exposed in the stage; one that comes back in a later stage counts there again.
        newcomers: of these, units whose first exposure of the rollout this was. Only they are new
            tosses of the coin, so the split is judged by them.
        matured: of the newcomers, units whose outcome is known or whose window has closed. Each
            unit counts in one stage only, as its first incident does.
        closed: of the newcomers, units whose window has closed.
        reported: of these, units that reported in time, an outcome of any kind or an error.
        incidents: per safety kind, units whose first such incident of the rollout fell here.
        successes: per goal, units whose first outcome of the rollout was a success; up to the
            first unit, in the order in which they came, that may still have one.
        failures: the same of those whose first outcome was not.
    """

    units: int = 0
    newcomers: int = 0
    matured: int = 0
    closed: int = 0
    reported: int = 0
    incidents: dict[str, int] = {}
    successes: dict[str, int] = {}
    failures: dict[str, int] = {}


class ArmStage(msgspec.Struct, frozen=True, kw_only=True):
    """One stage with all arms that there are.

    Attributes:
        step: index of the stage, from 0.
        share_ppm: the share of all arms beside the baseline, in parts per million.
        arms: counts by arm.
    """

    step: int
    share_ppm: int
    arms: dict[str, ArmCounts]


class StageCounts(msgspec.Struct, frozen=True, kw_only=True):
    """One stage: a stratum of constant share.

    Attributes:
        step: index of the step in the canary, from 0.
        share_ppm: the candidate's share in parts per million.
        at_risk: where units stay at risk, per safety kind the bets of the certification so far, one
            log-likelihood-ratio for each alternative; `anytime.ongoing` says what they are.
    """

    step: int
    share_ppm: int
    baseline: ArmCounts
    candidate: ArmCounts
    at_risk: dict[str, tuple[float, ...]] = {}

    @property
    def share(self) -> float:
        """The candidate's share, in (0, 1)."""
        return self.share_ppm / PARTS

    def incident_stratum(self, kind: str) -> IncidentStratum:
        """First incidents of one kind, by arm."""
        return IncidentStratum(
            candidate=self.candidate.incidents.get(kind, 0),
            baseline=self.baseline.incidents.get(kind, 0),
            share=self.share,
        )

    @property
    def units(self) -> int:
        """Units exposed in the stage, both arms."""
        return self.baseline.units + self.candidate.units


def compared(stage: ArmStage) -> StageCounts:
    """The candidate of a stage beside its baseline, empty where there is none."""
    return StageCounts(
        step=stage.step,
        share_ppm=stage.share_ppm,
        baseline=stage.arms.get("baseline", ArmCounts()),
        candidate=stage.arms.get("candidate", ArmCounts()),
    )


class Orders(msgspec.Struct, frozen=True, kw_only=True):
    """What a person wants of a rollout under way, beyond what INTENT says.

    Attributes:
        paused: hold it where it is; harm still ends it.
        resumed: go on after a pause of the engine's; the alarm that paused it is waived.
        promoted_steps: how many steps a person has let go on, whatever they were waiting for.
        full: take all steps that are left at once.
    """

    paused: bool = False
    resumed: bool = False
    promoted_steps: int = 0
    full: bool = False

    def lets_go(self, step: int) -> bool:
        """Whether a person wants the rollout to leave a step now."""
        return self.full or self.promoted_steps > step


class Evidence(msgspec.Struct, frozen=True, kw_only=True, tag_field="of", tag="canary"):
    """Everything known about a rollout up to one event.

    Attributes:
        step: index of the step in force, from 0.
        paused: whether the rollout waits for a person.
        seq: sequence number of the last event that was seen.
        share_ppm: the candidate's share in force, in parts per million.
        orders: what a person wants of this rollout.
        stages: one entry per stage that has exposures, in order of steps.
    """

    step: int
    paused: bool
    seq: int
    share_ppm: int = 0
    orders: Orders = Orders()
    stages: tuple[StageCounts, ...] = ()

    @property
    def units(self) -> int:
        """Units exposed in the rollout, both arms."""
        return sum(stage.units for stage in self.stages)

    @property
    def units_in_step(self) -> int:
        """Units exposed in the step in force, both arms."""
        return sum(stage.units for stage in self.stages if stage.step == self.step)

    @property
    def candidate_units(self) -> int:
        """Units exposed to the candidate."""
        return sum(stage.candidate.units for stage in self.stages)


class Clock(msgspec.Struct, frozen=True, kw_only=True):
    """The instants a decision may look at; the core never reads a clock itself."""

    now: datetime
    step_started: datetime
    rollout_started: datetime | None = None

    @property
    def in_step_s(self) -> float:
        """Seconds since the step began."""
        return (self.now - self.step_started).total_seconds()

    @property
    def in_rollout_s(self) -> float:
        """Seconds since the rollout began, as far as that is known."""
        return (self.now - (self.rollout_started or self.step_started)).total_seconds()
