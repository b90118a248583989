"""Rollouts on made-up traffic, decided by the very rule that decides real ones.

What a plan promises is found out by trying it: the same `decide` is called on generated streams,
with a look at every incident (or every few outcomes).
"""

import math
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Literal

import msgspec
import numpy as np
from numpy.typing import NDArray

from tidegate.domain.decision import Verdict, decide
from tidegate.domain.evidence import ArmCounts, Clock, Evidence, StageCounts
from tidegate.domain.installation import Budgets
from tidegate.domain.intent import Step
from tidegate.domain.metrics import Guardrail
from tidegate.domain.policy import Policy
from tidegate_sdk.bucketing import PARTS

_EPOCH = datetime(2000, 1, 1, tzinfo=UTC)
_CLOCK = Clock(now=_EPOCH, step_started=_EPOCH)
_NAME = "simulated"
_KINDS: dict[str, Literal["incident", "outcome"]] = {"incident": "incident", "goal": "outcome"}
_OUTCOMES_A_LOOK = 25
_UNITS_A_LOOK = 250

Numbers = NDArray[np.float64]


class Scenario(msgspec.Struct, frozen=True, kw_only=True):
    """One metric, its true rates, and the plan that watches it.

    Attributes:
        metric: "incident" (more is harm) or "goal" (fewer is harm).
        baseline_rate, candidate_rate: true rates, in (0, 1).
        shares: the candidate's share at each step, rising, in (0, 1). With one share nothing is
            promoted: the question is then only when harm is seen.
        units: units at most, of both arms.
        step_units: units of each step before the next, where there are several.
        drift: where the baseline's rate begins and ends; the candidate's keeps its ratio to it.
    """

    metric: Literal["incident", "goal"]
    baseline_rate: float
    candidate_rate: float
    shares: tuple[float, ...]
    units: int
    step_units: int = 2000
    drift: tuple[float, float] | None = None

    def __post_init__(self) -> None:
        numbers = (self.baseline_rate, self.candidate_rate, *self.shares, *(self.drift or ()))
        if not all(0.0 < number < 1.0 for number in numbers):
            raise ValueError(f"rates and shares must lie strictly between 0 and 1, not {numbers}")
        if self.units < 1 or not self.shares:
            raise ValueError("a simulation needs at least one unit and one share")

    def policy(self) -> Policy:
        """The plan as the engine has it: one guardrail with the whole budget."""
        kind = _KINDS[self.metric]
        last = len(self.shares) - 1
        ramp = last > 0
        steps = tuple(
            Step(
                set_weight=round(share * PARTS),
                min_units=self.step_units if number < last else 0 if ramp else self.units + 1,
                certify=ramp and number == last,
            )
            for number, share in enumerate(self.shares)
        )
        return Policy(
            budgets=Budgets(),
            guardrails=(Guardrail(name=_NAME, kind=kind),),
            steps=(*steps, Step(set_weight=PARTS)),
        )

    def rates(self) -> tuple[Numbers, Numbers]:
        """Rates of baseline and candidate at each unit, each of shape (units,)."""
        first, last = self.drift or (self.baseline_rate, self.baseline_rate)
        baseline = np.linspace(first, last, self.units)
        ratio = self.candidate_rate / self.baseline_rate
        return baseline, np.minimum(baseline * ratio, 1.0)


class Rollout(msgspec.Struct, frozen=True, kw_only=True):
    """How one simulated rollout ended.

    Attributes:
        verdict: ROLL_BACK, PROMOTE, or HOLD if the units ran out.
        units: units until then.
        candidate_units: of these, on the candidate.
        harmed_units: of these, with an incident or without their goal.
    """

    verdict: Verdict
    units: int
    candidate_units: int
    harmed_units: int


class Summary(msgspec.Struct, frozen=True, kw_only=True):
    """How many simulated rollouts ended.

    Attributes:
        rejected: rollouts in which harm was seen; today each of them is rolled back.
        mean_units, median_units: units until the end of a rollout, also where nothing was decided.
        rolled_back, promoted: how many rollouts ended so.
        mean_harmed_units: units of the candidate that had an incident, or missed their goal.
        oracle_mean_units: units that a test needs which knows both rates beforehand; None for a
            ramp.
    """

    reps: int
    rejected: int
    mean_units: float
    median_units: float
    rolled_back: int
    promoted: int
    mean_harmed_units: float
    oracle_mean_units: float | None


def simulate(scenario: Scenario, *, reps: int, seed: int) -> Summary:
    """Run a scenario many times.

    Args:
        scenario: what is true, and the plan.
        reps: how many rollouts.
        seed: of the generated streams.
    """
    policy = scenario.policy()
    generator = np.random.default_rng(seed)
    ends, oracle = [], []
    for _ in range(reps):
        stream = _Stream(scenario, generator)
        ends.append(_run(stream, policy))
        if len(scenario.shares) == 1:
            oracle.append(stream.oracle_units())
    units = np.array([end.units for end in ends])
    rolled_back = sum(end.verdict is Verdict.ROLL_BACK for end in ends)
    return Summary(
        reps=reps,
        rejected=rolled_back,
        mean_units=float(units.mean()),
        median_units=float(np.median(units)),
        rolled_back=rolled_back,
        promoted=sum(end.verdict is Verdict.PROMOTE for end in ends),
        mean_harmed_units=float(np.mean([end.harmed_units for end in ends])),
        oracle_mean_units=float(np.mean(oracle)) if oracle else None,
    )


class _Stream:
    """One generated stream of units, each with a place in the population and a fate by arm."""

    def __init__(self, scenario: Scenario, generator: np.random.Generator) -> None:
        self.scenario = scenario
        self.place = generator.random(scenario.units)
        self.fate = generator.random(scenario.units)
        self.baseline, self.candidate = scenario.rates()

    def stage(self, first: int, share: float) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
        """From unit `first` on: who is on the candidate, and who has the incident or the goal."""
        on_candidate = self.place[first:] < share
        rate = np.where(on_candidate, self.candidate[first:], self.baseline[first:])
        return on_candidate, self.fate[first:] < rate

    def oracle_units(self) -> int:
        """Units that a sequential test needs which knows both rates (Wald 1945)."""
        share = self.scenario.shares[0]
        on_candidate, hit = self.stage(0, share)
        pooled = share * self.candidate + (1.0 - share) * self.baseline
        rate = np.where(on_candidate, self.candidate, self.baseline)
        gains = np.where(hit, np.log(rate / pooled), np.log((1.0 - rate) / (1.0 - pooled)))
        crossed = np.cumsum(gains) >= -math.log(Budgets().false_rollback)
        return int(np.argmax(crossed)) + 1 if crossed.any() else self.scenario.units


def _run(stream: _Stream, policy: Policy) -> Rollout:
    first, verdict = 0, Verdict.HOLD
    done: list[StageCounts] = []
    for step, share in enumerate(stream.scenario.shares):
        stage = _Stage(stream, step, first, share)
        verdict, seen = stage.decide_along(policy, tuple(done))
        done.append(stage.counts(seen))
        first += seen
        if verdict is not Verdict.ADVANCE:
            break
    harmed = [_harmed(stream.scenario, counts) for counts in done]
    on_candidate = sum(counts.candidate.units for counts in done)
    return Rollout(
        verdict=verdict, units=first, candidate_units=on_candidate, harmed_units=sum(harmed)
    )


def _harmed(scenario: Scenario, counts: StageCounts) -> int:
    arm = counts.candidate
    return (arm.incidents if scenario.metric == "incident" else arm.failures).get(_NAME, 0)


class _Stage:
    """The units from one step's beginning on, with running counts."""

    def __init__(self, stream: _Stream, step: int, first: int, share: float) -> None:
        self._metric = stream.scenario.metric
        self._step, self._share_ppm = step, round(share * PARTS)
        on_candidate, hit = stream.stage(first, share)
        self._hit = hit
        self._candidate = np.cumsum(on_candidate)
        self._candidate_hits = np.cumsum(on_candidate & hit)
        self._hits = np.cumsum(hit)

    def decide_along(self, policy: Policy, before: tuple[StageCounts, ...]) -> tuple[Verdict, int]:
        """The first verdict but HOLD, and the units of this stage it took; HOLD at their end."""
        for seen in self._looks(policy):
            stages = (*before, self.counts(seen))
            evidence = Evidence(step=self._step, paused=False, seq=seen, stages=stages)
            verdict = decide(policy, evidence, _CLOCK).verdict
            if verdict in (Verdict.ROLL_BACK, Verdict.ADVANCE, Verdict.PROMOTE):
                return verdict, seen
        return Verdict.HOLD, len(self._hits)

    def counts(self, seen: int) -> StageCounts:
        """Counts after some units of this stage."""
        if not seen:
            return self._counts_of(0, 0, 0, 0)
        candidate, hits = int(self._candidate[seen - 1]), int(self._hits[seen - 1])
        candidate_hits = int(self._candidate_hits[seen - 1])
        return self._counts_of(seen - candidate, hits - candidate_hits, candidate, candidate_hits)

    def _counts_of(
        self, baseline: int, baseline_hits: int, candidate: int, candidate_hits: int
    ) -> StageCounts:
        return StageCounts(
            step=self._step,
            share_ppm=self._share_ppm,
            baseline=self._arm(baseline, baseline_hits),
            candidate=self._arm(candidate, candidate_hits),
        )

    def _arm(self, units: int, hits: int) -> ArmCounts:
        if self._metric == "incident":
            incidents = {_NAME: hits}
            return ArmCounts(units=units, newcomers=units, matured=units, incidents=incidents)
        return ArmCounts(
            units=units,
            newcomers=units,
            matured=units,
            successes={_NAME: hits},
            failures={_NAME: units - hits},
        )

    def _looks(self, policy: Policy) -> Iterator[int]:
        """After how many units to look: where something can have changed the verdict."""
        last = len(self._hits)
        if self._metric == "incident":
            news = np.flatnonzero(self._hit) + 1
            regular = np.arange(_UNITS_A_LOOK, last, _UNITS_A_LOOK)
        else:
            news, regular = np.arange(_OUTCOMES_A_LOOK, last, _OUTCOMES_A_LOOK), np.array([], int)
        enough = policy.steps[self._step].min_units
        wanted = np.unique(np.concatenate([news, regular, [min(max(enough, 1), last), last]]))
        yield from (int(seen) for seen in wanted if 0 < seen <= last)
