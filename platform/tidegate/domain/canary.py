"""The canary strategy: a share of the units at a time, step by step or by a budget of risk."""

from itertools import pairwise
from typing import Literal

from tidegate.domain import quantities
from tidegate.domain.document import Document
from tidegate_sdk.bucketing import PARTS

_MOST_EXCESS = 1e9


class Pause(Document, frozen=True, kw_only=True):
    """How long a step lasts at least; `pause: {}`, without a duration, waits for a person."""

    duration: str | None = None

    def __post_init__(self) -> None:
        if self.duration is not None:
            quantities.seconds(self.duration)


class Step(Document, frozen=True, kw_only=True):
    """One step of a canary.

    Attributes:
        set_weight: the candidate's share, "5%" or an integer in parts per million.
        min_units: units that must be exposed in this step before the next.
        pause: how long the step lasts at least, or that a person must let it go on.
        certify: whether every guardrail must be certified within its margin before the next step.
    """

    set_weight: int | str
    min_units: int = 0
    pause: Pause | None = None
    certify: bool = False

    def __post_init__(self) -> None:
        quantities.share_ppm(self.set_weight)
        if self.min_units < 0:
            raise ValueError(f"minUnits is {self.min_units}, must be at least 0")

    @property
    def share_ppm(self) -> int:
        """The candidate's share in parts per million."""
        return quantities.share_ppm(self.set_weight)

    @property
    def dwell_s(self) -> int:
        """Seconds the step lasts at least."""
        if self.pause is None or self.pause.duration is None:
            return 0
        return quantities.seconds(self.pause.duration)

    @property
    def needs_approval(self) -> bool:
        """Whether a person must let the rollout go on from here."""
        return self.pause is not None and self.pause.duration is None


class RiskBudget(Document, frozen=True, kw_only=True):
    """How fast a ramp without fixed steps may go: by what the worst case would cost.

    Attributes:
        excess: incidents above the baseline's that are accepted until the next look, above 0.
        look_units: units of both arms from one look to the next, at least 1.
        certify_at: the share at which the ramp waits until every guardrail is certified; from
            there it goes to 100 %.
    """

    excess: float
    look_units: int = 2000
    certify_at: int | str = "50%"

    def __post_init__(self) -> None:
        if not 0.0 < self.excess < _MOST_EXCESS:
            raise ValueError(f"excess is {self.excess}, must be above 0 and below {_MOST_EXCESS:g}")
        if self.look_units < 1:
            raise ValueError(f"lookUnits is {self.look_units}, must be at least 1")
        if not 0 < self.certify_at_ppm < PARTS:
            raise ValueError(f"certifyAt is {self.certify_at!r}, must lie between 0% and 100%")
        if self.excess * PARTS < self.look_units:
            raise ValueError(
                f"an excess of {self.excess:g} in {self.look_units} units is a first share below "
                "1 part per million; raise excess or lower lookUnits"
            )

    @property
    def certify_at_ppm(self) -> int:
        """The share at which certification is asked for, in parts per million."""
        return quantities.share_ppm(self.certify_at)


class OnInconclusive(Document, frozen=True, kw_only=True):
    """What to do with a step whose evidence does not suffice in time.

    Attributes:
        action: "hold" pauses for a person, "extend" goes on waiting, "promote" takes the next step
            all the same, "rollback" goes back without calling the version harmful. Whatever it is
            is recorded as such, not as evidence.
        max: how long a step may wait, from its start.
    """

    action: Literal["hold", "extend", "promote", "rollback"] = "hold"
    max: str = "72h"

    def __post_init__(self) -> None:
        quantities.seconds(self.max)

    @property
    def max_s(self) -> int:
        """How long a step may wait, in seconds."""
        return quantities.seconds(self.max)


class Deadline(Document, frozen=True, kw_only=True):
    """How long a whole rollout may last, and what happens then.

    Attributes:
        after: from the rollout's start.
        action: "pause" waits for a person, "rollback" goes back without calling the version
            harmful, "promote" takes the next step all the same.
    """

    after: str
    action: Literal["pause", "rollback", "promote"] = "pause"

    def __post_init__(self) -> None:
        quantities.seconds(self.after)

    @property
    def after_s(self) -> int:
        """How long the rollout may last, in seconds."""
        return quantities.seconds(self.after)


class Watch(Document, frozen=True, kw_only=True):
    """How long a version is watched once everyone has it, and what happens if it gets worse.

    Attributes:
        duration: how long, from then on.
        run_length: units that pass, on average at least, until a false alarm of a guardrail.
        action: "alarm" tells people, "rollback" goes back to the version before.
    """

    duration: str = "7d"
    run_length: int = 1_000_000
    action: Literal["alarm", "rollback"] = "alarm"

    def __post_init__(self) -> None:
        quantities.seconds(self.duration)
        if self.run_length <= 1:
            raise ValueError(f"runLength is {self.run_length}, must be above 1")

    @property
    def duration_s(self) -> int:
        """How long the version is watched, in seconds."""
        return quantities.seconds(self.duration)


class Canary(Document, frozen=True, kw_only=True):
    """The canary strategy: steps of rising share, or a share that follows a budget of risk.

    Attributes:
        mode: "steps" as given, or "riskBudget".
        steps: shares rise strictly; the last is 100 %. None with a risk budget.
        risk_budget: the budget, where that is the mode.
        guardrails: names of the guardrails that may decide; all of the agent's if not given.
        on_inconclusive: what becomes of a step that waits for too long; by default it waits.
        deadline: what becomes of a rollout that lasts for too long; by default it goes on.
        after_promotion: how the version is watched once everyone has it.
    """

    mode: Literal["steps", "riskBudget"] = "steps"
    steps: tuple[Step, ...] = ()
    risk_budget: RiskBudget | None = None
    guardrails: tuple[str, ...] | None = None
    on_inconclusive: OnInconclusive | None = None
    deadline: Deadline | None = None
    after_promotion: Watch = Watch()

    def __post_init__(self) -> None:
        if self.guardrails is not None and not self.guardrails:
            raise ValueError("guardrails is empty, so nothing could stop the rollout; name some")
        if (self.mode == "riskBudget") != (self.risk_budget is not None):
            raise ValueError("mode: riskBudget and the key riskBudget go together; give both")
        if self.mode == "riskBudget":
            if self.steps:
                raise ValueError("mode: riskBudget finds its own steps; leave steps out")
        else:
            self._check_steps()

    def _check_steps(self) -> None:
        if len(self.steps) <= 1:
            raise ValueError(
                f"steps has {len(self.steps)}, must be at least two, the last with setWeight: 100%"
            )
        if self.steps[0].share_ppm == 0:
            raise ValueError(f"{_said(self.steps, 0)}, must be above 0%")
        for number, (earlier, later) in enumerate(pairwise(self.steps)):
            if later.share_ppm <= earlier.share_ppm:
                raise ValueError(
                    f"{_said(self.steps, number + 1)}, not above steps[{number}] with "
                    f"{quantities.said_share(earlier.set_weight)}"
                    f"{quantities.percent_meant(later.set_weight)}"
                )
        last = len(self.steps) - 1
        if self.steps[last].share_ppm != PARTS:
            raise ValueError(
                f"{_said(self.steps, last)}, but the last step must be 100%"
                f"{quantities.percent_meant(self.steps[last].set_weight)}"
            )


def _said(steps: tuple[Step, ...], number: int) -> str:
    """What one step says of its share."""
    return f"steps[{number}].setWeight is {quantities.said_share(steps[number].set_weight)}"
