"""The A/B strategy: several versions at once for chosen units, until one of them wins."""

from typing import Final, Literal

from tidegate.domain import quantities
from tidegate.domain.audience import Condition
from tidegate.domain.document import Document
from tidegate.domain.goal import GoalMetric
from tidegate.domain.layer import LayerSlot
from tidegate_sdk.bucketing import PARTS

CONTROL: Final = "control"
"""The arm of the version that is live; it has what the others leave."""


class AbArm(Document, frozen=True, kw_only=True):
    """One arm beside the control.

    Attributes:
        version: what its units are served.
        weight: its share of the units that take part, "25%" or an integer in parts per million.
    """

    version: str
    weight: int | str

    def __post_init__(self) -> None:
        if self.share_ppm == 0:
            raise ValueError("weight is 0, so nobody would ever meet the arm; leave the arm out")

    @property
    def share_ppm(self) -> int:
        """Its share of the units that take part, in parts per million."""
        return quantities.share_ppm(self.weight)


class Horizon(Document, frozen=True, kw_only=True):
    """When an experiment ends, whatever it has found.

    Attributes:
        units: with a known outcome, all arms together.
        duration: from its start.
    """

    units: int
    duration: str | None = None

    def __post_init__(self) -> None:
        if self.units < 1:
            raise ValueError(f"units is {self.units}, must be at least 1")
        if self.duration is not None:
            quantities.seconds(self.duration)

    @property
    def duration_s(self) -> int | None:
        """How long it lasts at most, in seconds."""
        return None if self.duration is None else quantities.seconds(self.duration)


class Ab(Document, frozen=True, kw_only=True):
    """Several versions at once.

    Attributes:
        arms: name -> version and weight; the control is the release's own version, and has the
            share that they leave.
        audience: whom it is for; everyone if not given. Others are served the control's version,
            and are not compared.
        layer: the part of a layer that it uses; experiments of one layer share no unit.
        goal: what decides which arm is better.
        guardrails: names of what no arm may harm; all of the agent's if not given.
        horizon: when it ends, whatever it has found.
        winner: "promote" serves the winner to everyone; "propose" commits it to a branch, for
            people to merge.
    """

    arms: dict[str, AbArm]
    goal: GoalMetric
    horizon: Horizon
    audience: Condition | None = None
    layer: LayerSlot | None = None
    guardrails: tuple[str, ...] | None = None
    winner: Literal["promote", "propose"] = "propose"

    def __post_init__(self) -> None:
        if not self.arms or CONTROL in self.arms:
            raise ValueError(
                f"arms must name at least one, and none {CONTROL!r}, which is the release's version"
            )
        total = sum(arm.share_ppm for arm in self.arms.values())
        if total >= PARTS:
            raise ValueError(
                f"the weights add up to {quantities.percent(total)}; leave some for the control"
            )
