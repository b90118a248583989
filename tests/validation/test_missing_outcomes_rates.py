"""A candidate that loses its outcomes: how soon it is noticed, and how rarely that is a mistake.

Looks come every so many units of a stage. The e-values of all paths and looks are computed at once;
each simulation checks on some of them that this is what the production function says.
"""

import math
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import TypeAlias

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy.special import betaln

from anytime.safe_logrank import HARM_MIXTURE
from tidegate.demo.sample_manifest import STEPS
from tidegate.domain.decision import Decision, Verdict, decide
from tidegate.domain.evidence import ArmCounts, Clock, Evidence, StageCounts
from tidegate.domain.installation import Budgets
from tidegate.domain.metrics import Guardrail
from tidegate.domain.policy import SRM_ALPHA, Policy
from tidegate.domain.split import log_e_outcomes_missing

Counts: TypeAlias = NDArray[np.int64]
Numbers: TypeAlias = NDArray[np.float64]

RAMP = (0.01, 0.05, 0.25, 0.5)
ALARM = math.log(1.0 / SRM_ALPHA)
SIZES = [
    pytest.param(10_000, id="quick"),
    pytest.param(40_000, id="long", marks=pytest.mark.validation),
]


def _bound(alpha: float, paths: int) -> float:
    return alpha + 3.0 * math.sqrt(alpha * (1.0 - alpha) / paths)


class Stage:
    """Closed units of both arms, and those that reported, after each look; shape (paths, looks)."""

    def __init__(
        self, rng: np.random.Generator, share: float, shape: tuple[int, int], units_a_look: int
    ) -> None:
        self.share = share
        self._rng = rng
        self._new_candidate = rng.binomial(units_a_look, share, shape)
        self._new_baseline = units_a_look - self._new_candidate
        self.candidate = np.cumsum(self._new_candidate, axis=1)
        self.baseline = np.cumsum(self._new_baseline, axis=1)

    def report(self, on_candidate: float, on_baseline: float) -> "Stage":
        """Who reports, with these chances."""
        told = self._rng.binomial(self._new_candidate, on_candidate)
        self.candidate_told = np.cumsum(told, axis=1)
        told = self._rng.binomial(self._new_baseline, on_baseline)
        self.baseline_told = np.cumsum(told, axis=1)
        return self

    def at(self, path: int, look: int) -> StageCounts:
        """The same as the store would tell it."""
        arms = {
            name: ArmCounts(
                units=closed, newcomers=closed, matured=closed, closed=closed, reported=told
            )
            for name, closed, told in (
                (
                    "candidate",
                    int(self.candidate[path, look]),
                    int(self.candidate_told[path, look]),
                ),
                ("baseline", int(self.baseline[path, look]), int(self.baseline_told[path, look])),
            )
        }
        return StageCounts(step=0, share_ppm=round(self.share * 1e6), **arms)


def _log_e(stages: Sequence[Stage]) -> Numbers:
    """Log e-value after each look of the ramp, shape (paths, stages x looks)."""
    paths = stages[0].candidate.shape[0]
    split, bets, found = np.zeros((paths, 1)), [np.zeros((len(HARM_MIXTURE), paths, 1))] * 2, []
    for stage in stages:
        c, b, p = stage.candidate_told, stage.baseline_told, stage.share
        prior = 100.0 * p, 100.0 * (1.0 - p)
        of_split = betaln(prior[0] + c, prior[1] + b) - betaln(*prior)
        of_split = split + of_split - c * math.log(p) - b * math.log(1.0 - p)
        lost = stage.candidate - c, stage.baseline - b
        of_bets = [
            bets[0] + _bet(*lost, p),
            bets[1] + _bet(lost[1], lost[0], 1.0 - p),
        ]
        mixed = [_log_mean(each, list(HARM_MIXTURE.values())) for each in of_bets]
        found.append(_log_mean(np.stack([of_split, *mixed]), [1.0] * 3))
        split, bets = of_split[:, -1:], [each[:, :, -1:] for each in of_bets]
    return np.concatenate(found, axis=1)


def _bet(on_arm: Counts, elsewhere: Counts, share: float) -> Numbers:
    ratios = np.array(list(HARM_MIXTURE))[:, None, None]
    total = ratios * share + 1.0 - share
    return np.asarray(on_arm * np.log(ratios / total) - elsewhere * np.log(total))


def _log_mean(log_values: Numbers, weights: Sequence[float]) -> Numbers:
    peak = log_values.max(axis=0)
    mean = np.average(np.exp(log_values - peak), axis=0, weights=weights)
    return np.asarray(peak + np.log(mean))


def _agrees(log_e: Numbers, stages: Sequence[Stage]) -> None:
    rng, looks = np.random.default_rng(7), stages[0].candidate.shape[1]
    for path in map(int, rng.integers(0, log_e.shape[0], 5)):
        for index in range(len(stages)):
            look = int(rng.integers(looks))
            known = [each.at(path, looks - 1) for each in stages[:index]]
            known.append(stages[index].at(path, look))
            evidence = Evidence(step=0, paused=False, seq=1, stages=tuple(known))
            expected = log_e_outcomes_missing(evidence)
            assert log_e[path, index * looks + look] == pytest.approx(expected, abs=1e-9)


@pytest.mark.parametrize("paths", SIZES)
@pytest.mark.parametrize("lost", [0.0, 0.001, 0.1, 0.9])
def test_outcomes_lost_by_both_arms_alike_raise_the_alarm_within_its_level(
    paths: int, lost: float
) -> None:
    rng = np.random.default_rng(401)
    stages = [Stage(rng, p, (paths, 25), 200).report(1.0 - lost, 1.0 - lost) for p in RAMP]
    log_e = _log_e(stages)
    _agrees(log_e, stages)
    alarmed = float(np.mean(log_e.max(axis=1) >= ALARM))
    print(f"{lost:.1%} lost on both arms: alarm in {alarmed:.4%} of {paths:,} ramps")
    assert alarmed <= _bound(SRM_ALPHA, paths)


@pytest.mark.parametrize(
    ("share", "lost", "base_lost", "most"),
    [
        pytest.param(0.01, 0.3, 0.0, 3000, id="30 % of 1 %, none elsewhere"),
        pytest.param(0.01, 0.3, 0.01, 8000, id="30 % of 1 %, 1 % elsewhere"),
        pytest.param(0.5, 0.1, 0.05, 5000, id="10 % against 5 %, half and half"),
    ],
)
def test_outcomes_lost_by_the_candidate_are_noticed_within_a_few_thousand_units(
    share: float, lost: float, base_lost: float, most: int
) -> None:
    rng, looks, units_a_look = np.random.default_rng(402), 600, 50
    stage = Stage(rng, share, (1000, looks), units_a_look).report(1.0 - lost, 1.0 - base_lost)
    crossed = _log_e([stage]) >= ALARM
    assert crossed.any(axis=1).all()
    units = units_a_look * (1 + crossed.argmax(axis=1))
    print(f"{lost:.0%} lost at {share:.0%}: {units.mean():,.0f} units, 95 % by "
          f"{np.quantile(units, 0.95):,.0f}")  # fmt: skip
    assert np.quantile(units, 0.95) <= most


# --- What becomes of such a candidate -----------------------------------------------------------

GOAL = Policy(budgets=Budgets(), guardrails=(Guardrail(name="goal", kind="outcome"),), steps=STEPS)
UNITS_A_LOOK = 500
STARTED = datetime(2026, 1, 1, tzinfo=UTC)
CLOCK = Clock(now=STARTED, step_started=STARTED)


class Rollout:
    """A canary over the default steps, looked at every 500 units; all windows close at once.

    The baseline reaches its goal in nine units of ten and always says so. The candidate reaches it
    in `rate`, and says so with one chance where it did and another where it did not.
    """

    def __init__(self, seed: int, *, rate: float, told: tuple[float, float], blind: bool) -> None:
        self._rng = np.random.default_rng(seed)
        self._rate, self._told, self._blind = rate, told, blind
        self.step = 0
        self._stages: dict[int, StageCounts] = {}

    def ending(self, most_looks: int = 400) -> Decision:
        """The decision that ended it, or paused it."""
        for _ in range(most_looks):
            self._stages[self.step] = self._after_more_units()
            evidence = Evidence(
                step=self.step,
                paused=False,
                seq=1,
                share_ppm=STEPS[self.step].share_ppm,
                stages=tuple(self._stages.values()),
            )
            decision = decide(GOAL, evidence, CLOCK)
            if decision.verdict is Verdict.ADVANCE:
                self.step += 1
            elif decision.verdict is not Verdict.HOLD:
                return decision
        return decision

    def _after_more_units(self) -> StageCounts:
        share_ppm = STEPS[self.step].share_ppm
        before = self._stages.get(self.step)
        empty = ArmCounts()
        on_candidate = int(self._rng.binomial(UNITS_A_LOOK, share_ppm / 1e6))
        candidate = self._met(on_candidate, self._rate, self._told)
        baseline = self._met(UNITS_A_LOOK - on_candidate, 0.9, (1.0, 1.0))
        return StageCounts(
            step=self.step,
            share_ppm=share_ppm,
            candidate=_sum(before.candidate if before else empty, candidate),
            baseline=_sum(before.baseline if before else empty, baseline),
        )

    def _met(self, units: int, rate: float, told: tuple[float, float]) -> ArmCounts:
        reached = int(self._rng.binomial(units, rate))
        won = int(self._rng.binomial(reached, told[0]))
        lost = int(self._rng.binomial(units - reached, told[1]))
        closed, reported = (0, 0) if self._blind else (units, won + lost)
        return ArmCounts(
            units=units,
            newcomers=units,
            matured=units,
            closed=closed,
            reported=reported,
            successes={"goal": won},
            failures={"goal": lost},
        )


def _sum(one: ArmCounts, other: ArmCounts) -> ArmCounts:
    plain = ("units", "newcomers", "matured", "closed", "reported")
    named = ("successes", "failures")
    return ArmCounts(
        **{name: getattr(one, name) + getattr(other, name) for name in plain},
        **{
            name: {"goal": getattr(one, name).get("goal", 0) + getattr(other, name)["goal"]}
            for name in named
        },
    )


def _endings(
    rollouts: int, *, rate: float, told: tuple[float, float], blind: bool = False
) -> list[str]:
    endings = [
        Rollout(500 + seed, rate=rate, told=told, blind=blind).ending() for seed in range(rollouts)
    ]
    return [f"{each.verdict}/{each.rule}" for each in endings]


@pytest.mark.parametrize(
    ("rate", "told"),
    [
        pytest.param(0.9, (0.7, 0.7), id="30 % lost, whatever they were"),
        pytest.param(0.6, (1.0, 0.0), id="every failure lost: what is told looks perfect"),
        pytest.param(0.88, (1.0, 0.0), id="every failure lost, of hardly more"),
    ],
)
def test_a_candidate_that_loses_outcomes_is_promoted_within_the_budget(
    rate: float, told: tuple[float, float]
) -> None:
    rollouts = 60
    endings = _endings(rollouts, rate=rate, told=told)
    print({ending: endings.count(ending) for ending in set(endings)})
    promoted = endings.count("promote/all_steps_complete") / rollouts
    assert promoted <= GOAL.budgets.false_promote
    assert "pause/outcomes_missing" in endings


def test_a_candidate_that_loses_its_failures_would_look_perfect_without_the_rule() -> None:
    endings = _endings(20, rate=0.85, told=(1.0, 0.0), blind=True)
    assert endings.count("promote/all_steps_complete") >= 15


def test_a_candidate_as_good_that_says_everything_is_promoted() -> None:
    endings = _endings(20, rate=0.9, told=(1.0, 1.0))
    assert endings.count("promote/all_steps_complete") >= 18
