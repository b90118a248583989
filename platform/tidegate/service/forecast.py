"""What is assumed of a rollout before it begins, and what is then to be expected of it."""

import math
from collections.abc import Mapping
from typing import Literal

import msgspec

from tidegate.domain.metrics import Guardrail

INCIDENT_RATE = 0.01
OUTCOME_RATE = 0.6
"""The baseline's rates where none is given."""


class Assumptions(msgspec.Struct, frozen=True, kw_only=True):
    """What is assumed of the traffic, of what is live, and of a candidate that is worse.

    Attributes:
        units_per_day: units of both arms a day, above 0.
        rates: by guardrail, the baseline's rate of incidents or successes, in (0, 1); where one is
            missing it is `INCIDENT_RATE` or `OUTCOME_RATE`.
        harm: how many times as many incidents a harmful candidate has, above 1.
        loss: how much lower a harmful candidate's success rate is, in (0, 1).
    """

    units_per_day: float
    rates: Mapping[str, float] = {}
    harm: float = 2.0
    loss: float = 0.1

    def __post_init__(self) -> None:
        if not 0.0 < self.units_per_day < math.inf:
            raise ValueError(f"{self.units_per_day} units a day must be a number above 0")
        if not 1.0 < self.harm < math.inf:
            raise ValueError(f"harm is {self.harm}, must be a ratio above 1")
        if not 0.0 < self.loss < 1.0:
            raise ValueError(f"loss is {self.loss}, must lie between 0 and 1: 0.1 is 10 points")
        for name, rate in self.rates.items():
            if not 0.0 < rate < 1.0:
                raise ValueError(f"the rate of {name} is {rate}, must lie between 0 and 1")

    def rate(self, guardrail: Guardrail) -> float:
        """The baseline's rate."""
        assumed = INCIDENT_RATE if guardrail.kind == "incident" else OUTCOME_RATE
        return self.rates.get(guardrail.name, assumed)

    def harmed_rate(self, guardrail: Guardrail) -> float:
        """The rate of a candidate that is worse on this guardrail.

        Raises:
            ValueError: it would not lie between 0 and 1.
        """
        rate = self.rate(guardrail)
        if guardrail.kind == "incident":
            name, by, harmed = "harm", self.harm, rate * self.harm
        else:
            name, by, harmed = "loss", self.loss, rate - self.loss
        if not 0.0 < harmed < 1.0:
            raise ValueError(
                f"{guardrail.name}: a rate of {rate:g} and a {name} of {by:g} make a rate of "
                f"{harmed:g}; lower the {name}, or give another rate"
            )
        return harmed


class Spread(msgspec.Struct, frozen=True, kw_only=True):
    """A figure over many simulated rollouts: its mean, its 95th percentile, its largest."""

    mean: float
    p95: float
    worst: float


class PlannedStep(msgspec.Struct, frozen=True, kw_only=True):
    """One step of the plan.

    Attributes:
        share: the candidate's share, as people read it.
        min_units: units that it takes at least.
        min_days: how long it lasts at least, by its units and its pause.
        asks_for: what must be known before the next step.
        approval: whether a person must let it go on, too.
    """

    share: str
    share_ppm: int
    min_units: int
    min_days: float
    asks_for: Literal["no harm", "certainty"]
    approval: bool


class Healthy(msgspec.Struct, frozen=True, kw_only=True):
    """How rollouts end of a candidate that is just like the baseline.

    Attributes:
        reached_all: share of rollouts that reached 100 %.
        false_rollback: share that was rolled back for harm, of which there is none.
        rolled_back_by_plan: share that was rolled back because the plan's time was over.
        paused: share that ended in a pause, waiting for a person.
        undecided: share that had not ended when the simulated units ran out.
        units, days: until 100 %, over the rollouts that reached it; None if none did.
        stages: how many shares they went through on average; None if none did.
    """

    reached_all: float
    false_rollback: float
    rolled_back_by_plan: float
    paused: float
    undecided: float
    units: Spread | None
    days: Spread | None
    stages: float | None


class Harmful(msgspec.Struct, frozen=True, kw_only=True):
    """How rollouts end of a candidate that is worse on one guardrail.

    Attributes:
        power: share of rollouts that were rolled back (or frozen, where memory has no way back).
        reached_all: share that reached 100 % all the same.
        units, days: until the rollback, over the rollouts that had one; None if none did.
        candidate_units: units that met the candidate during the rollout.
        harmed_units: of these, units with an incident, or without their success.
        excess_units: of these, those that the baseline would have spared, by the true rates.
    """

    guardrail: str
    kind: Literal["incident", "outcome"]
    baseline_rate: float
    candidate_rate: float
    power: float
    reached_all: float
    units: Spread | None
    days: Spread | None
    candidate_units: Spread
    harmed_units: Spread
    excess_units: Spread


class Forecast(msgspec.Struct, frozen=True, kw_only=True):
    """What is to be expected of a plan; the worst comes first.

    Attributes:
        worst_case_harmed_units: the most harmed units that any simulated rollout had.
        worst_case_excess_units: of these, those that the baseline would have spared.
        worst_case_guardrail: the guardrail that the candidate of that rollout was worse on.
        assumed_rates: guardrails whose rate was not given.
        most_units: units after which a simulated rollout was given up.
        risk_budget: excess incidents accepted until the next look, where the plan has a budget; the
            steps are then the first one and the one that certifies.
        notes: what people should know of these figures.
    """

    worst_case_harmed_units: int
    worst_case_excess_units: int
    worst_case_guardrail: str
    units_per_day: float
    harm: float
    loss: float
    reps: int
    seed: int
    false_rollback_budget: float
    assumed_rates: tuple[str, ...]
    most_units: int
    risk_budget: float | None
    steps: tuple[PlannedStep, ...]
    healthy: Healthy
    harmful: tuple[Harmful, ...]
    notes: tuple[str, ...]
