"""Error rates and speed of binary goals and of revenue when one looks after every batch.

Seeds are fixed. A bound is the nominal level plus three standard errors of the number of paths. All
paths are computed at once, from formulas written out anew here, and some looks are checked against
the production rule. The long ones (`-m validation`) use more paths, and print what they measure.
"""

import math
from typing import Literal, NamedTuple, TypeAlias

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy.special import log_ndtr

from anytime.mean_difference import MIN_EVENTS, MIN_UNITS, ArmMoments
from anytime.moments import Moments
from experiments import plan, seen
from tidegate.domain.experiment_assessment import GoalAssessment, assess_goals
from tidegate.domain.experiment_evidence import ArmEvidence, ExperimentStage, GoalStatistics
from tidegate.domain.experiment_policy import ExperimentPolicy
from tidegate.domain.goal import GoalMetric

Numbers: TypeAlias = NDArray[np.float64]
Flags: TypeAlias = NDArray[np.bool_]

ALPHA = 0.05
NAMES = ("a", "b", "c", "d")


def _paths(quick: int, long: int) -> list[object]:
    return [
        pytest.param(quick, id="quick"),
        pytest.param(long, id="long", marks=pytest.mark.validation),
    ]


def _bound(paths: int, alpha: float = ALPHA) -> float:
    return alpha + 3.0 * math.sqrt(alpha * (1.0 - alpha) / paths)


# --- All paths at once --------------------------------------------------------------------------


class _Sums(NamedTuple):
    """Units, events, sums and sums of squares of each arm, each of shape (paths, arms)."""

    units: Numbers
    events: Numbers
    total: Numbers
    squares: Numbers

    def plus(self, other: "_Sums") -> "_Sums":
        return _Sums(*(one + two for one, two in zip(self, other, strict=True)))

    def arm(self, path: int, arm: int) -> ArmEvidence:
        """One arm of one path, as production sees it."""
        units, events, total, squares = (float(each[path, arm]) for each in self)
        mean = total / units
        moments = Moments(int(units), (mean,), ((max(squares - units * mean**2, 0.0),),))
        return ArmEvidence(goal=GoalStatistics.of_moments(ArmMoments(moments, int(events))))


class _Effects(NamedTuple):
    """Of each contender, each of shape (paths, contenders); an error of nan for too few data."""

    estimate: Numbers
    error: Numbers
    units: Numbers


def _effects(stages: list[_Sums]) -> _Effects:
    """Differences within each stage, averaged by the stage's units in both arms."""
    shape = stages[0].units[:, 1:].shape
    units, weighted, variance = np.zeros(shape), np.zeros(shape), np.zeros(shape)
    most = [np.zeros(shape) for _ in range(4)]
    for sums in stages:
        n, events = np.maximum(sums.units, 2.0), sums.events
        mean = sums.total / n
        of_mean = np.maximum(sums.squares - n * mean**2, 0.0) / n / (n - 1.0)
        both, some = n[:, 1:] + n[:, :1], events[:, 1:] + events[:, :1]
        keep = (some > 0) & (np.minimum(n[:, 1:], n[:, :1]) * some >= MIN_EVENTS * both)
        units += keep * both
        weighted += keep * both * (mean[:, 1:] - mean[:, :1])
        variance += keep * both**2 * (of_mean[:, 1:] + of_mean[:, :1])
        arms = (n[:, 1:], n[:, :1], events[:, 1:], events[:, :1])
        most = [known + keep * arm for known, arm in zip(most, arms, strict=True)]
    enough = (np.minimum(*most[:2]) >= MIN_UNITS) & (np.minimum(*most[2:]) >= MIN_EVENTS)
    seen_units = np.maximum(units, 1.0)
    error = np.where(enough & (variance > 0.0), np.sqrt(variance) / seen_units, np.nan)
    return _Effects(weighted / seen_units, error, units)


def _log_e(effects: _Effects, than: float, policy: ExperimentPolicy, turn: float = 1.0) -> Numbers:
    """Of the half-normal mixture; 0 for too few data."""
    spent = -2.0 * math.log(2.0 * ALPHA / len(policy.contenders))
    scaled = effects.units * (spent + math.log1p(spent)) / policy.planned_units
    errors = (turn * effects.estimate - than) / effects.error
    u = errors * np.sqrt(scaled / (scaled + 1.0))
    log_e = math.log(2.0) + 0.5 * u**2 + log_ndtr(u) - 0.5 * np.log1p(scaled)
    return np.nan_to_num(log_e, nan=0.0)


def _better(log_es: Numbers) -> Flags:
    """Closed testing over every group of contenders, one after the other."""
    arms = log_es.shape[1]
    won = np.ones(log_es.shape, bool)
    for group in range(1, 2**arms):
        members = [arm for arm in range(arms) if group >> arm & 1]
        mean = np.exp(log_es[:, members]).mean(axis=1)
        won[:, members] &= (mean >= 1.0 / ALPHA)[:, np.newaxis]
    return won


def _binary(
    rng: np.random.Generator, paths: int, step: int, shares: list[float], rates: list[float]
) -> _Sums:
    """One batch of a binary goal; `events` holds successes until `_as_events`."""
    units = rng.multinomial(step, shares, size=paths)
    won = rng.binomial(units, rates).astype(float)
    return _Sums(units.astype(float), won, won, won)


def _as_events(sums: _Sums) -> _Sums:
    return sums._replace(events=np.minimum(sums.total, sums.units - sums.total))


class _Plan(NamedTuple):
    """Stages of (shares, rates), `looks` batches of `step` units in each."""

    stages: list[tuple[list[float], list[float]]]
    looks: int
    step: int
    direction: Literal["increase", "decrease"] = "increase"

    @property
    def policy(self) -> ExperimentPolicy:
        contenders = NAMES[1 : len(self.stages[0][0])]
        goal = GoalMetric(name="conversion", direction=self.direction)
        horizon = len(self.stages) * self.looks * self.step
        return plan(*contenders, goal=goal, horizon_units=horizon)


def _ever_better(paths: int, seed: int, case: _Plan) -> Flags:
    """Whether each contender ever wins in each path, shape (paths, contenders)."""
    rng, pick = np.random.default_rng(seed), np.random.default_rng(0)
    done: list[_Sums] = []
    ever = np.zeros((paths, len(case.policy.contenders)), bool)
    turn = 1.0 if case.direction == "increase" else -1.0
    for shares, rates in case.stages:
        under_way = _Sums(*(np.zeros((paths, len(shares))) for _ in range(4)))
        for look in range(case.looks):
            under_way = under_way.plus(_binary(rng, paths, case.step, shares, rates))
            stages = [_as_events(each) for each in (*done, under_way)]
            effects = _effects(stages)
            better = _better(_log_e(effects, 0.0, case.policy, turn))
            ever |= better
            if look in (1, case.looks // 2, case.looks - 1):
                path = int(pick.integers(paths))
                goals = _production(case, stages, path)
                assert [goal.better for goal in goals] == better[path].tolist()
                found = [goal.estimate for goal in goals if goal.enough]
                assert found == pytest.approx(
                    effects.estimate[path, ~np.isnan(effects.error[path])]
                )
        done.append(under_way)
    return ever


def _production(case: _Plan, stages: list[_Sums], path: int) -> tuple[GoalAssessment, ...]:
    seen_stages = [
        ExperimentStage(
            index=index,
            shares_ppm={
                name: round(1e6 * share) for name, share in zip(NAMES, shares, strict=False)
            },
            arms={name: sums.arm(path, arm) for arm, name in enumerate(NAMES[: len(shares)])},
        )
        for index, ((shares, _), sums) in enumerate(zip(case.stages, stages, strict=False))
    ]
    return assess_goals(case.policy, seen(*seen_stages))


THIRDS, UNEVEN = [0.3334, 0.3333, 0.3333], [0.9, 0.05, 0.05]
NOBODY = [
    pytest.param(_Plan([(THIRDS, [0.1] * 3)], 100, 600), id="A/A/A 10 %"),
    pytest.param(_Plan([(THIRDS, [0.01] * 3)], 100, 600), id="A/A/A 1 %"),
    pytest.param(_Plan([(UNEVEN, [0.1] * 3)], 100, 1000), id="A/A/A 10 %, arms of 5 %"),
    pytest.param(_Plan([(UNEVEN, [0.02] * 3)], 100, 1000), id="A/A/A 2 %, arms of 5 %"),
    # A small arm that happens to have few events has a small variance as well: the harder side.
    pytest.param(
        _Plan([(UNEVEN, [0.1] * 3)], 100, 1000, "decrease"), id="less is better, arms of 5 %"
    ),
    pytest.param(
        _Plan([([0.98, 0.01, 0.01], [0.05] * 3)], 100, 4000, "decrease"),
        id="less is better, arms of 1 %",
    ),
    pytest.param(
        _Plan([(UNEVEN, [0.05] * 3), ([0.5, 0.25, 0.25], [0.3] * 3)], 50, 1000),
        id="A/A/A, shares and rates rise together",
    ),
    pytest.param(_Plan([([0.5, 0.5], [0.1] * 2)], 100, 300), id="A/A 10 %"),
]


@pytest.mark.parametrize("case", NOBODY)
@pytest.mark.parametrize("paths", _paths(1000, 20_000))
def test_arms_that_are_all_alike_have_a_winner_within_the_budget(paths: int, case: _Plan) -> None:
    rate = float(_ever_better(paths, 1, case).any(axis=1).mean())
    print(f"false winners {rate:.4f} of {paths} paths, {case}")
    assert rate <= _bound(paths)


@pytest.mark.parametrize("paths", _paths(1000, 20_000))
def test_one_good_arm_among_three_does_not_make_the_others_win(paths: int) -> None:
    """Family-wise: b is better (10 to 12 %), c and d are not."""
    case = _Plan([([0.25] * 4, [0.10, 0.12, 0.10, 0.10])], 100, 600)
    ever = _ever_better(paths, 2, case)
    false, found = float(ever[:, 1:].any(axis=1).mean()), float(ever[:, 0].mean())
    print(f"false winners {false:.4f}, the good one found {found:.4f} of {paths} paths")
    assert false <= _bound(paths)
    assert found > 0.95


@pytest.mark.parametrize("paths", _paths(1000, 20_000))
def test_arm_just_at_the_minimum_effect_is_called_equal_within_the_budget(paths: int) -> None:
    """10 against 11 %, with 1 % as the minimum effect; and so is its mirror image."""
    rng, policy = np.random.default_rng(3), plan(horizon_units=60_000)
    sums, ever = _Sums(*(np.zeros((paths, 2)) for _ in range(4))), np.zeros(paths, bool)
    for _ in range(100):
        sums = sums.plus(_binary(rng, paths, 600, [0.5, 0.5], [0.10, 0.11]))
        effects = _effects([_as_events(sums)])
        inside = [_log_e(effects, -0.01, policy, turn) >= -math.log(ALPHA) for turn in (1.0, -1.0)]
        ever |= (inside[0] & inside[1])[:, 0]
    print(f"called equal {ever.mean():.4f} of {paths} paths")
    assert float(ever.mean()) <= _bound(paths)


@pytest.mark.parametrize("paths", _paths(1000, 4000))
def test_units_until_eleven_beats_ten_percent_are_below_those_of_the_two_sided_interval(
    paths: int,
) -> None:
    """Stored: S3 tuned to 30,000, at 5 % on both sides together, has a median of 29,000 users."""
    rng, policy = np.random.default_rng(4), plan(horizon_units=30_000)
    sums, found = _Sums(*(np.zeros((paths, 2)) for _ in range(4))), np.full(paths, np.inf)
    for look in range(1, 401):
        sums = sums.plus(_binary(rng, paths, 250, [0.5, 0.5], [0.10, 0.11]))
        won = _log_e(_effects([_as_events(sums)]), 0.0, policy)[:, 0] >= -math.log(ALPHA)
        found = np.where(won, np.minimum(found, 250.0 * look), found)
    print(f"median {np.median(found):,.0f} units, not seen {np.isinf(found).mean():.4f}")
    assert float(np.median(found)) <= 29_000


# --- Revenue: lognormal, winsorised -------------------------------------------------------------


def _revenue(rng: np.random.Generator, paths: int, step: int, arms: int, at: float) -> _Sums:
    """One batch: 5 % of the units pay, lognormal with sigma 1.5, winsorised at `at`."""
    units = rng.multinomial(step, [1.0 / arms] * arms, size=paths)
    payers = rng.binomial(units, 0.05)
    paid = np.minimum(rng.lognormal(3.0, 1.5, size=int(payers.sum())), at)
    ends = np.cumsum(payers.ravel())
    sums = [np.concatenate([[0.0], np.cumsum(each)]) for each in (paid, paid**2)]
    totals = [np.diff(each[np.concatenate([[0], ends])]).reshape(payers.shape) for each in sums]
    return _Sums(units.astype(float), payers.astype(float), *totals)


@pytest.mark.parametrize("paths", _paths(1000, 10_000))
def test_winsorised_revenue_of_arms_that_are_alike_has_a_winner_within_the_budget(
    paths: int,
) -> None:
    """Three arms, 60 looks of 1,000 units; winsorised at 500, the 98.4th percentile of payments."""
    rng, policy = np.random.default_rng(5), plan("b", "c", horizon_units=60_000)
    sums, ever = _Sums(*(np.zeros((paths, 3)) for _ in range(4))), np.zeros(paths, bool)
    for _ in range(60):
        sums = sums.plus(_revenue(rng, paths, 1000, 3, 500.0))
        ever |= _better(_log_e(_effects([sums]), 0.0, policy)).any(axis=1)
    print(f"false winners {ever.mean():.4f} of {paths} paths")
    assert float(ever.mean()) <= _bound(paths)
