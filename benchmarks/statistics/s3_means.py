"""S3: differences of means, peeked at after every batch; binary, skewed, adjusted, drifting."""

from collections.abc import Callable, Iterator, Sequence
from itertools import accumulate
from typing import NamedTuple, TypeAlias

import numpy as np
from path_moments import PathArm, PathMoments, PathSequence, PathStage, mean_difference
from rows import Case, Counts, Flags, Numbers, Row

from anytime.mean_difference import winsorised

Plan: TypeAlias = Sequence[tuple[float, float, float]]
"""Of each stage: the candidate's share, and the rates of baseline and candidate."""

RISING: Plan = [(0.01, 0.05, 0.05), (0.05, 0.1, 0.1), (0.25, 0.2, 0.2), (0.5, 0.3, 0.3)]
PLANS: dict[str, Plan] = {
    "binary A/A, 10 % at share 5 %": [(0.05, 0.1, 0.1)],
    "binary A/A, 1 % at share 5 %": [(0.05, 0.01, 0.01)],
    "binary A/A, 10 % at share 50 %": [(0.5, 0.1, 0.1)],
    "binary A/A over the ramp, rate rising from 5 to 30 %": RISING,
    "binary A/A over a falling ramp, rate falling from 30 to 5 %": RISING[::-1],
}
CEILING = 300.0
"""Revenue above this is set to it, by the plan; one unit in 150 pays more."""

MEDIAN_TARGET = 1.1 * 29_000
"""Of the units until 10 is told from 11 %: what was measured before, and a tenth more."""

REVENUE = {
    "at share 10 %": (0.1,),
    "over the ramp, revenue rising by half in each stage": (0.01, 0.05, 0.25, 0.5),
}
"""The shares of an A/A of revenue."""

_AT_ONCE = 250  # paths held in memory


def mean_rows(paths: int) -> list[Row]:
    """Misses of the difference at any look, and units until a small one is seen."""
    return [
        *(_binary(name, plan, paths) for name, plan in PLANS.items()),
        *(row for name in REVENUE for row in _revenue(name, paths)),
        _sooner(paths),
    ]


def _binary(name: str, plan: Plan, paths: int) -> Row:
    missed = np.zeros(paths, dtype=bool)
    for found in binary_looks(plan, paths, seed=301):
        missed |= found.sequence.misses(0.0)
    return Case("S3", f"{name}, 100 looks of 1,000 units", "ever misses").rate(missed, at_most=0.05)


class Look(NamedTuple):
    """What is seen at one look, and what is said of it."""

    stages: list[PathStage]
    sequence: PathSequence


def binary_looks(plan: Plan, paths: int, seed: int) -> Iterator[Look]:
    """100 looks in all, 1,000 units each, in stages of equal length."""
    looks = 100 // len(plan)
    stages = binary_stages(paths, seed, plan, looks=looks, step=1000)
    for stage in range(len(plan)):
        for look in range(looks):
            seen = binary_at(stages, stage, look)
            yield Look(seen, mean_difference(seen, 100_000.0))


def _sooner(paths: int) -> Row:
    case = Case(
        "S3", "10 against 11 %, share 50 %, tuned to 30,000", "median units until it is seen"
    )
    return case.median(units_until_seen(paths), at_most=MEDIAN_TARGET)


def units_until_seen(paths: int) -> Numbers:
    """Units until 10 % is told from 11 %, looked at every 250, inf if never, shape (paths,)."""
    stages = binary_stages(paths, 303, [(0.5, 0.10, 0.11)], looks=400, step=250)
    found = np.full(paths, np.inf)
    for look in range(400):
        at = mean_difference(binary_at(stages, 0, look), 30_000.0)
        seen = at.enough & (at.estimate > at.half_width)
        found = np.where(seen, np.minimum(found, 250.0 * (look + 1)), found)
    return found


def _revenue(name: str, paths: int) -> list[Row]:
    shares, size = REVENUE[name], min(paths, _AT_ONCE)
    blocks = [revenue_misses(size, [302, seed], shares) for seed in range(-(-paths // size))]
    plain, adjusted = np.concatenate(blocks, axis=1)
    case = f"lognormal revenue winsorised at {CEILING:g}, A/A {name}"
    return [
        Case("S3", case, "ever misses").rate(plain, at_most=0.05),
        Case("S3", f"{case}, adjusted for the past (CUPED)", "ever misses").rate(
            adjusted, at_most=0.05
        ),
    ]


def revenue_misses(paths: int, seed: Sequence[int], shares: Sequence[float]) -> Flags:
    """Whether the difference, plain and adjusted, ever leaves 0 out, shape (2, paths)."""
    looks = 40 // len(shares)
    missed = np.zeros((2, paths), dtype=bool)
    for stages in skewed_looks(revenue, (paths, 1000), seed, shares, looks=looks):
        plain = mean_difference([first_column(stage) for stage in stages], 40_000.0)
        missed |= np.stack([plain.misses(0.0), mean_difference(stages, 40_000.0).misses(0.0)])
    return missed


def revenue(rng: np.random.Generator, on_candidate: Flags, stage: int) -> Numbers:
    """Spending of one batch, most of it 0, and what the units spent in the past."""
    shape = on_candidate.shape
    habit = rng.gamma(2.0, 0.5, shape)
    pays = rng.random(shape) < 0.1 * 1.5**stage * habit
    amount = np.exp(2.0 + 1.2 * rng.standard_normal(shape)) * habit
    spent = winsorised(np.where(pays, amount, 0.0).ravel(), CEILING).reshape(shape)
    return np.stack([spent, habit * rng.gamma(4.0, 0.25, shape)], axis=2)


def first_column(stage: PathStage) -> PathStage:
    """The stage without its covariates."""
    keep = np.zeros((1, 1, stage.candidate.moments.mean.shape[1]))
    keep[0, 0, 0] = 1.0
    return PathStage(*(PathArm(arm.moments.mapped(keep), arm.events) for arm in stage))


class BinaryStage(NamedTuple):
    """Totals of one stage after each look, each of shape (paths, looks)."""

    candidates: Counts
    baselines: Counts
    candidate_events: Counts
    baseline_events: Counts


def binary_stages(paths: int, seed: int, plan: Plan, *, looks: int, step: int) -> list[BinaryStage]:
    """Stages of a plan, `looks` batches of `step` units each."""
    rng = np.random.default_rng(seed)
    found = []
    for share, base, other in plan:
        on_candidate = rng.binomial(step, share, (paths, looks))
        batches = (
            on_candidate,
            step - on_candidate,
            rng.binomial(on_candidate, other),
            rng.binomial(step - on_candidate, base),
        )
        found.append(BinaryStage(*(np.cumsum(each, axis=1) for each in batches)))
    return found


def binary_at(stages: Sequence[BinaryStage], stage: int, look: int) -> list[PathStage]:
    """What is seen at one look of one stage: the stages before it, and this one so far."""
    seen = [[each[:, -1] for each in before] for before in stages[:stage]]
    seen.append([each[:, look] for each in stages[stage]])
    return [binary_stage(*counts) for counts in seen]


def binary_stage(nc: Counts, nb: Counts, ec: Counts, eb: Counts) -> PathStage:
    """A stage from units and events of candidate and baseline, each of shape (paths,)."""
    arms = [PathMoments.of_events(*arm) for arm in ((nc, ec), (nb, eb))]
    events = [each.astype(np.float64) for each in (ec, eb)]
    return PathStage(*map(PathArm, arms, events))


Draw: TypeAlias = Callable[[np.random.Generator, Flags, int], Numbers]
"""Values of one batch, shape (paths, units, d), from who is on the candidate, and the stage."""


def skewed_looks(
    draw: Draw, shape: tuple[int, int], seed: Sequence[int], shares: Sequence[float], *, looks: int
) -> Iterator[list[PathStage]]:
    """The stages after each batch of units, in which a value above 0 is an event.

    Args:
        draw: makes the values.
        shape: paths, and units of a batch, of both arms.
        seed: of the generator.
        shares: the candidate's share in each stage.
        looks: batches in each stage.
    """
    rng, seen = np.random.default_rng(seed), list[PathStage]()
    for number, share in enumerate(shares):
        batches = (_batch(rng, draw, shape, (number, share)) for _ in range(looks))
        for now in accumulate(batches, _merged):
            seen[number:] = [now]
            yield list(seen)


def _batch(
    rng: np.random.Generator, draw: Draw, shape: tuple[int, int], stage: tuple[int, float]
) -> PathStage:
    number, share = stage
    on_candidate = rng.random(shape) < share
    values = draw(rng, on_candidate, number)
    return PathStage(_arm(values, on_candidate), _arm(values, ~on_candidate))


def _arm(values: Numbers, chosen: Flags) -> PathArm:
    events = ((values[:, :, 0] > 0.0) & chosen).sum(axis=1)
    return PathArm(PathMoments.of(values, chosen), events.astype(np.float64))


def _merged(one: PathStage, other: PathStage) -> PathStage:
    return PathStage(
        *(
            PathArm(a.moments + b.moments, a.events + b.events)
            for a, b in zip(one, other, strict=True)
        )
    )
