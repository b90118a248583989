"""How long an experiment lasts, and about what it could see: before it begins, and with no data."""

import math

import msgspec

from anytime.fixed_horizon import proportions_power
from tidegate.domain.ab import CONTROL, Ab
from tidegate.domain.goal import GoalMetric
from tidegate.domain.installation import Budgets
from tidegate.service.blast_radius import Group, horizon_units
from tidegate.service.forecast import OUTCOME_RATE, Assumptions

_NO_LEVEL = 0.5  # from which on a one-sided test rejects for a difference the wrong way round


class ArmPower(msgspec.Struct, frozen=True, kw_only=True):
    """What one planned test of an arm against the control could see, at the horizon.

    Attributes:
        units: of the arm and the control together.
        power: chance of telling the minimum effect from none, in one test at that many units.
    """

    arm: str
    units: float
    power: float


class PlannedExperiment(msgspec.Struct, frozen=True, kw_only=True):
    """How long an experiment lasts, and about what it could see.

    Attributes:
        horizon_units: of all arms, as planned.
        units: of all arms, at which it ends; fewer if its time is over first.
        days: until then.
        ends_by: what ends it first.
        goal_rate: the control's rate of a goal that is reached or not, in (0, 1).
        rate_assumed: whether that rate was not given.
        level: one-sided level of each arm's test: the budget of false winners, divided among arms.
        power_is: how the power was found. It drives no decision.
        power: for each arm; none if it cannot be found.
        no_power_because: why it cannot be found.
    """

    horizon_units: int
    units: float
    days: float
    ends_by: str
    goal: str
    minimum_effect: float
    goal_rate: float | None = None
    rate_assumed: bool = False
    level: float
    power_is: str = "fixed-horizon"
    power: tuple[ArmPower, ...] = ()
    no_power_because: str | None = None


def planned_experiment(
    plan: Ab, arms: tuple[Group, ...], assumed: Assumptions, budgets: Budgets
) -> PlannedExperiment:
    """How long an experiment lasts, and about what it could see.

    Args:
        plan: the experiment.
        arms: the control and the others, with the units a day of each.
        assumed: the rates, the goal's among them.
        budgets: how often a winner may be false.

    Guarantee:
        None: the power is of one planned test, while the experiment is watched all the time and an
        arm must exceed the minimum effect to win. It is an orientation.
    """
    a_day = sum(arm.units_per_day or 0.0 for arm in arms)
    units = horizon_units(plan, a_day)
    lasting = PlannedExperiment(
        horizon_units=plan.horizon.units,
        units=units,
        days=units / a_day,
        ends_by="units" if units == plan.horizon.units else "duration",
        goal=plan.goal.name,
        minimum_effect=plan.goal.minimum_effect,
        level=budgets.false_promote / len(plan.arms),
    )
    return _with_power(lasting, plan.goal, arms, assumed)


def _with_power(
    found: PlannedExperiment, goal: GoalMetric, arms: tuple[Group, ...], assumed: Assumptions
) -> PlannedExperiment:
    if goal.kind != "binary":
        return _without(found, f"a goal of kind {goal.kind} needs its deviation, not known yet")
    if found.level >= _NO_LEVEL:
        return _without(found, f"falsePromote lets a winner be false {found.level:.0%} of the time")
    if goal.minimum_effect == 0.0:
        return _without(found, "minimumEffect is 0, and no number of units tells 0 from none")
    rate = assumed.rates.get(goal.name, OUTCOME_RATE)
    better = _better(goal, rate)
    if not 0.0 < better < 1.0:
        because = f"with a rate of {rate:g} the minimum effect makes one of {better:g}"
        return _without(found, f"{because}; give another with --rate {goal.name}=RATE")
    return msgspec.structs.replace(
        found,
        goal_rate=rate,
        rate_assumed=goal.name not in assumed.rates,
        power=_powers(arms, rate, better, found.level),
    )


def _without(found: PlannedExperiment, because: str) -> PlannedExperiment:
    return msgspec.structs.replace(found, no_power_because=because)


def _better(goal: GoalMetric, rate: float) -> float:
    """The rate of an arm that is better by just the minimum effect."""
    step = goal.minimum_effect if goal.direction == "increase" else -goal.minimum_effect
    if goal.scale == "difference":
        return rate + step
    return rate * math.exp(min(step, 1.0 - math.log(rate)))  # beyond, it is no rate anyway


def _powers(
    arms: tuple[Group, ...], rate: float, better: float, level: float
) -> tuple[ArmPower, ...]:
    units = {arm.name: arm.units or 0.0 for arm in arms}
    control = units.pop(CONTROL)
    return tuple(
        ArmPower(
            arm=name,
            units=control + own,
            # The tests are two-sided: at twice the level, each side has the level of one.
            power=proportions_power(
                rate,
                better,
                units=control + own,
                share=own / (control + own),
                alpha=2.0 * level,
            ),
        )
        for name, own in units.items()
    )
