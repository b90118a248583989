"""What is known of an experiment: sufficient statistics by stage and arm, up to one event."""

import msgspec

from anytime.mean_difference import ArmMoments
from anytime.moments import Moments
from anytime.quantile_sequence import ValueCounts
from tidegate.domain.evidence import ArmCounts, Evidence, Orders, StageCounts
from tidegate_sdk.bucketing import PARTS


class GoalStatistics(msgspec.Struct, frozen=True, kw_only=True):
    """What one arm's units of one stage say about the goal, as plain numbers.

    Attributes:
        moments: `Moments.to_floats` of units whose outcome is known: of the value (of a ratio, the
            numerator and then the denominator), and further of pre-exposure covariates. Values are
            winsorised as the plan says before they are summed up.
        events: units whose value is not the usual one, as `ArmMoments` has it.
        bins: of a quantile, the bins of `ValueCounts`.
    """

    moments: tuple[float, ...] = ()
    events: int = 0
    bins: tuple[tuple[int, int], ...] = ()

    def __post_init__(self) -> None:
        _ = self.arm_moments, self.value_counts  # each refuses what cannot be

    @classmethod
    def of_moments(cls, arm: ArmMoments) -> "GoalStatistics":
        """The statistics of a mean or a ratio."""
        return cls(moments=tuple(arm.moments.to_floats()), events=arm.events)

    @classmethod
    def of_values(cls, counts: ValueCounts) -> "GoalStatistics":
        """The statistics of a quantile."""
        return cls(bins=counts.bins)

    @property
    def arm_moments(self) -> ArmMoments | None:
        """The statistics of a mean or a ratio; None if nothing was summed up."""
        if not self.moments:
            return None
        return ArmMoments(Moments.from_floats(self.moments), self.events)

    @property
    def value_counts(self) -> ValueCounts:
        """The statistics of a quantile."""
        return ValueCounts(self.bins)


class ArmEvidence(msgspec.Struct, frozen=True, kw_only=True):
    """What happened to the units of one arm in one stage.

    A unit counts in the stage and the arm of its first exposure. One that comes back after its arm
    was dropped is served by the control, but says nothing about it any more.
    """

    counts: ArmCounts = ArmCounts()
    goal: GoalStatistics = GoalStatistics()


class PairStage(StageCounts, frozen=True, kw_only=True):
    """One stage of two arms among several: the candidate is a contender, the baseline the control.

    Given that a unit is in one of the two, its arm is a coin whose bias is the contender's share
    over that of both, whatever happens in the other arms.

    Attributes:
        share_ppm: the contender's share of all traffic, above 0.
        control_ppm: the control's share of all traffic, above 0.
    """

    control_ppm: int

    @property
    def share(self) -> float:
        """The contender's share of both arms' traffic, in (0, 1)."""
        return self.share_ppm / (self.share_ppm + self.control_ppm)


class ExperimentStage(msgspec.Struct, frozen=True, kw_only=True):
    """One stage: a stratum of constant shares. Dropping an arm begins the next.

    Attributes:
        index: of the stage, from 0.
        shares_ppm: each arm's share of traffic in parts per million; an arm that is not named has
            none. A dropped arm's share goes to the control.
        arms: each arm's evidence, by name.
    """

    index: int
    shares_ppm: dict[str, int]
    arms: dict[str, ArmEvidence] = {}

    def __post_init__(self) -> None:
        if not all(0 <= share <= PARTS for share in self.shares_ppm.values()):
            raise ValueError(f"shares {self.shares_ppm} must each be 0 to {PARTS}")

    def arm(self, name: str) -> ArmEvidence:
        """The evidence of an arm, empty if it has none."""
        return self.arms.get(name, _NOTHING)

    def pair(self, contender: str, control: str) -> PairStage | None:
        """The counts of two arms; None if either has no share in this stage."""
        share, control_share = self.shares_ppm.get(contender, 0), self.shares_ppm.get(control, 0)
        if not share or not control_share:
            return None
        return PairStage(
            step=self.index,
            share_ppm=share,
            control_ppm=control_share,
            baseline=self.arm(control).counts,
            candidate=self.arm(contender).counts,
        )


class ExperimentEvidence(
    msgspec.Struct, frozen=True, kw_only=True, tag_field="of", tag="experiment"
):
    """Everything known about an experiment up to one event.

    Attributes:
        seq: sequence number of the last event that was seen.
        step: index of the stage in force, from 0.
        paused: whether the experiment waits for a person.
        orders: what a person wants of it: to pause, or to resume.
        dropped: names of the arms that were dropped.
        stages: one entry per stage that has exposures, in any order.
    """

    seq: int
    step: int = 0
    paused: bool = False
    orders: Orders = Orders()
    dropped: tuple[str, ...] = ()
    stages: tuple[ExperimentStage, ...] = ()

    @property
    def units(self) -> int:
        """Units exposed, all arms together."""
        return sum(arm.counts.units for stage in self.stages for arm in stage.arms.values())

    @property
    def contender_units(self) -> int:
        """Units exposed to another arm than that with the largest share, the control."""
        return self.units - sum(
            stage.arm(max(stage.shares_ppm, key=lambda name: stage.shares_ppm[name])).counts.units
            for stage in self.stages
        )

    @property
    def matured_units(self) -> int:
        """Units whose outcome is known or whose window has closed, all arms together."""
        return sum(arm.counts.matured for stage in self.stages for arm in stage.arms.values())

    def pairs(self, contender: str, control: str) -> tuple[tuple[ExperimentStage, PairStage], ...]:
        """The stages in which two arms can be compared, each with the counts of both."""
        found = ((stage, stage.pair(contender, control)) for stage in self.stages)
        return tuple((stage, pair) for stage, pair in found if pair is not None)

    def of_pair(self, contender: str, control: str) -> Evidence:
        """The same evidence as if these two were a canary's candidate and its baseline."""
        stages = tuple(pair for _, pair in self.pairs(contender, control))
        return Evidence(step=0, paused=self.paused, seq=self.seq, stages=stages)


_NOTHING = ArmEvidence()
