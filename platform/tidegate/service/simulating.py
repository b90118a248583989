"""Many rollouts on made-up traffic, decided by the very rule that decides real ones.

What a plan promises is found out by trying it: the same `decide` is called on generated streams,
wherever something can have come of a look at them.
"""

import math
from typing import Literal

import msgspec
import numpy as np

from tidegate.domain.canary import RiskBudget, Step
from tidegate.domain.decision import Verdict
from tidegate.domain.installation import Budgets
from tidegate.domain.metrics import Guardrail
from tidegate.domain.policy import Policy
from tidegate.service.screening import Screen, screened
from tidegate.service.simulated_rollout import roll_out
from tidegate.service.streams import OUTCOMES_A_LOOK, UNITS_A_LOOK, Truth, UnitByUnit
from tidegate_sdk.bucketing import PARTS

_NAME = "simulated"
_KINDS: dict[str, Literal["incident", "outcome"]] = {"incident": "incident", "goal": "outcome"}


class Scenario(msgspec.Struct, frozen=True, kw_only=True):
    """One metric, its true rates, and the plan that watches it.

    Attributes:
        metric: "incident" (more is harm) or "goal" (fewer is harm).
        baseline_rate, candidate_rate: true rates, in (0, 1).
        shares: the candidate's share at each step, rising, in (0, 1). With one share nothing is
            promoted: the question is then only when harm is seen. None with a risk budget.
        units: units at most, of both arms.
        step_units: units of each step before the next, where there are several.
        drift: where the baseline's rate begins and ends; the candidate's keeps its ratio to it.
        risk_budget: excess incidents that are accepted until the next look, where the shares follow
            the evidence.
        look_units: units of both arms from one such look to the next.
    """

    metric: Literal["incident", "goal"]
    baseline_rate: float
    candidate_rate: float
    shares: tuple[float, ...] = ()
    units: int
    step_units: int = 2000
    drift: tuple[float, float] | None = None
    risk_budget: float | None = None
    look_units: int = 2000

    def __post_init__(self) -> None:
        numbers = (self.baseline_rate, self.candidate_rate, *self.shares, *(self.drift or ()))
        if not all(0.0 < number < 1.0 for number in numbers):
            raise ValueError(f"rates and shares must lie strictly between 0 and 1, not {numbers}")
        if not all(0 < round(share * PARTS) < PARTS for share in self.shares):
            raise ValueError(f"shares must lie a millionth or more from 0 and 1, not {self.shares}")
        if self.units < 1:
            raise ValueError("a simulation needs at least one unit")
        if bool(self.shares) == (self.risk_budget is not None):
            raise ValueError("a simulation needs at least one share, or a risk budget; not both")
        if self.risk_budget is not None and self.metric != "incident":
            raise ValueError("a risk budget counts incidents; give the goal's metric a ramp")
        self._budget()

    def policy(self) -> Policy:
        """The plan as the engine has it: one guardrail with the whole budget."""
        return Policy(
            budgets=Budgets(),
            guardrails=(Guardrail(name=_NAME, kind=_KINDS[self.metric]),),
            steps=self._steps(),
            risk_budget=self._budget(),
        )

    def _budget(self) -> RiskBudget | None:
        if self.risk_budget is None:
            return None
        return RiskBudget(excess=self.risk_budget, look_units=self.look_units)

    def _steps(self) -> tuple[Step, ...]:
        if not self.shares:
            return ()
        *early, last = (round(share * PARTS) for share in self.shares)
        # A single share is left by none: more units are asked for than will come.
        final = (
            Step(set_weight=last, certify=True)
            if early
            else Step(set_weight=last, min_units=self.units + 1)
        )
        steps = (Step(set_weight=share, min_units=self.step_units) for share in early)
        return (*steps, final, Step(set_weight=PARTS))

    def truth(self) -> Truth:
        """The true rates: one for all units, or one for each unit where they drift."""
        baseline = np.full((1, 1), self.baseline_rate)
        if self.drift is not None:
            baseline = np.linspace(*self.drift, self.units)[np.newaxis]
        ratio = self.candidate_rate / self.baseline_rate
        return Truth(baseline=baseline, candidate=np.minimum(baseline * ratio, 1.0))

    def stream(self, generator: np.random.Generator) -> UnitByUnit:
        """One stream of its units; it does not depend on the plan."""
        incidents = self.metric == "incident"
        return UnitByUnit(
            self.truth(),
            self.units,
            look_every=UNITS_A_LOOK if incidents else OUTCOMES_A_LOOK,
            look_at_hits=incidents,
            generator=generator,
        )


class Summary(msgspec.Struct, frozen=True, kw_only=True):
    """How many simulated rollouts ended.

    Attributes:
        rejected: rollouts in which harm was seen; today each of them is rolled back.
        mean_units, median_units: units until the end of a rollout, also where nothing was decided.
        rolled_back, promoted: how many rollouts ended so.
        mean_harmed_units: units of the candidate that had an incident, or missed their goal.
        oracle_mean_units: units that a test needs which knows both rates beforehand; None where
            shares change.
    """

    reps: int
    rejected: int
    mean_units: float
    median_units: float
    rolled_back: int
    promoted: int
    mean_harmed_units: float
    oracle_mean_units: float | None


def simulate(scenario: Scenario, *, reps: int, seed: int, screen: Screen = screened) -> Summary:
    """Run a scenario many times.

    Args:
        scenario: what is true, and the plan.
        reps: how many rollouts.
        seed: of the generated streams, which are the same for every plan.
        screen: at which looks the rule is asked.
    """
    policy = scenario.policy()
    generator = np.random.default_rng(seed)
    ends, oracle = [], []
    for _ in range(reps):
        stream = scenario.stream(generator)
        ends.append(roll_out(policy, stream, screen=screen))
        if len(scenario.shares) == 1:
            oracle.append(_oracle_units(scenario, stream))
    units = np.array([end.units for end in ends])
    rolled_back = sum(end.verdict is Verdict.ROLL_BACK for end in ends)
    return Summary(
        reps=reps,
        rejected=rolled_back,
        mean_units=float(units.mean()),
        median_units=float(np.median(units)),
        rolled_back=rolled_back,
        promoted=sum(end.verdict is Verdict.PROMOTE for end in ends),
        mean_harmed_units=float(np.mean([end.harmed_units(_NAME) for end in ends])),
        oracle_mean_units=float(np.mean(oracle)) if oracle else None,
    )


def _oracle_units(scenario: Scenario, stream: UnitByUnit) -> int:
    """Units that a sequential test needs which knows both rates (Wald 1945)."""
    share = scenario.shares[0]
    on_candidate, hit = stream.fates(0, scenario.units, share)
    baseline, candidate = scenario.truth()
    pooled = share * candidate + (1.0 - share) * baseline
    with np.errstate(divide="ignore"):  # a rate of 1 leaves nobody without a hit
        hits = np.where(on_candidate, np.log(candidate / pooled), np.log(baseline / pooled))
        spared = np.where(
            on_candidate,
            np.log((1.0 - candidate) / (1.0 - pooled)),
            np.log((1.0 - baseline) / (1.0 - pooled)),
        )
    crossed = np.cumsum(np.where(hit, hits, spared)) >= -math.log(Budgets().false_rollback)
    return int(np.argmax(crossed)) + 1 if crossed.any() else scenario.units
