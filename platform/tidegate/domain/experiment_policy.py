"""The plan of an experiment: its arms, what would make one of them the winner, and what may not."""

import math

import msgspec

from tidegate.domain.document import Document
from tidegate.domain.goal import GoalMetric
from tidegate.domain.installation import Budgets
from tidegate.domain.metrics import Guardrail
from tidegate.domain.policy import SRM_ALPHA, Policy

_FEWEST_ARMS = 2


class ExperimentArm(Document, frozen=True, kw_only=True):
    """One arm: a name of its own, for two arms may run the same version."""

    name: str
    version: str


class ExperimentPolicy(msgspec.Struct, frozen=True, kw_only=True, tag_field="of", tag="experiment"):
    """Everything `decide_experiment` needs to know beforehand.

    Attributes:
        arms: all arms, the control among them, in any order.
        control: name of the arm that the others are compared with.
        budgets: `false_rollback` is that of dropping any arm that does no harm, `false_promote`
            that of declaring any winner that does not exceed the minimum effect.
        guardrails: what no arm may harm.
        horizon_units: units with a known outcome, all arms together, at which the experiment ends
            whatever it has found.
        horizon_s: seconds after which it ends; None for no such limit.
    """

    arms: tuple[ExperimentArm, ...]
    control: str
    goal: GoalMetric
    guardrails: tuple[Guardrail, ...] = ()
    horizon_units: int
    horizon_s: int | None = None
    budgets: Budgets = Budgets()
    srm_alpha: float = SRM_ALPHA

    def __post_init__(self) -> None:
        names = [arm.name for arm in self.arms]
        if len(names) < _FEWEST_ARMS or len(set(names)) != len(names):
            raise ValueError(f"arms {names} must be at least two, each named once")
        if self.control not in names:
            raise ValueError(f"control is {self.control!r}, must be one of the arms {names}")
        if self.horizon_units < 1:
            raise ValueError(f"horizonUnits is {self.horizon_units}, must be at least 1")
        if not 0.0 < self.srm_alpha < 1.0:
            raise ValueError(f"srm_alpha is {self.srm_alpha}, must lie strictly between 0 and 1")

    @property
    def arm_names(self) -> tuple[str, ...]:
        """Names of all arms, the control first."""
        return (self.control, *self.contenders)

    @property
    def contenders(self) -> tuple[str, ...]:
        """Names of the arms that are compared with the control.

        Sorted, so that the order in which arms are written decides nothing, down to the last digit.
        """
        return tuple(sorted(arm.name for arm in self.arms if arm.name != self.control))

    @property
    def planned_units(self) -> float:
        """N* of one comparison: the units of two arms at the horizon, were all of one size.

        Limits are narrowest there. The horizon is the last chance to decide, and an experiment is
        sized so that it is just about enough; much before it only large effects are seen, which
        are seen anyway. It must not depend on the data, so it is the plan's, whatever is dropped.
        """
        return 2.0 * self.horizon_units / len(self.arms)

    @property
    def even_level(self) -> float:
        """The budget of false winners shared alike by all contenders: what tests are tuned for."""
        return self.budgets.false_promote / len(self.contenders)

    @property
    def log_win_threshold(self) -> float:
        """Log of the corrected e-value at which an arm may win."""
        return -math.log(self.budgets.false_promote)

    @property
    def harm_policy(self) -> Policy:
        """The canary policy that each contender's guardrails are assessed by."""
        return Policy(budgets=self.budgets, guardrails=self.guardrails, srm_alpha=self.srm_alpha)
