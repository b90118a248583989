"""S4: ratios of means (cost per task), where a unit is a user and has several tasks."""

from collections.abc import Sequence

import numpy as np
from path_moments import PathArm, PathMoments, PathStage, mean_difference, ratio_difference
from rows import Case, Flags, Numbers, Row
from s3_means import skewed_looks

SHARE = 0.1
RAMP_SHARES = (0.01, 0.05, 0.25, 0.5)

_AT_ONCE = 250  # paths held in memory


def ratio_rows(paths: int) -> list[Row]:
    """Misses of the ratio's difference and of its log, and what counting tasks as units does."""
    size, name = min(paths, _AT_ONCE), "cost per task, A/A"
    seeds = range(-(-paths // size))
    single = np.concatenate([ratio_misses(size, [401, s], (SHARE,)) for s in seeds], axis=1)
    ramp = np.concatenate([ratio_misses(size, [402, s], RAMP_SHARES) for s in seeds], axis=1)
    wrong = np.concatenate([task_misses(size, [403, s]) for s in seeds])
    drifting = f"{name} over the ramp, costs rising by half in each stage"
    miss = "ever misses"
    return [
        Case("S4", f"{name} at share 10 %", miss).rate(single[0], at_most=0.05),
        Case("S4", f"{name} at share 10 %, log ratio", miss).rate(single[1], at_most=0.05),
        Case("S4", drifting, miss).rate(ramp[0], at_most=0.05),
        Case("S4", f"{drifting}, log ratio", miss).rate(ramp[1], at_most=0.05),
        Case("S4", f"{name} at share 10 %; tasks taken for units, which is never done", miss).rate(
            wrong
        ),
    ]


def ratio_misses(paths: int, seed: Sequence[int], shares: Sequence[float]) -> Flags:
    """Whether the difference, and the log ratio, ever leave 0 out, shape (2, paths)."""
    missed = np.zeros((2, paths), dtype=bool)
    looks = 40 // len(shares)
    for stages in skewed_looks(costs, (paths, 500), seed, shares, looks=looks):
        both = [ratio_difference(stages, 20_000.0, log_scale=each) for each in (False, True)]
        missed |= np.stack([each.misses(0.0) for each in both])
    return missed


def costs(rng: np.random.Generator, on_candidate: Flags, stage: int) -> Numbers:
    """Cost, tasks, and a covariate of each unit: users differ in cost per task and in tasks."""
    shape = on_candidate.shape
    habit = rng.gamma(2.0, 0.5, shape)
    tasks = 1.0 + rng.poisson(4.0 * habit)
    cost = 1.5**stage * habit * rng.gamma(2.0 * tasks, 0.5)
    return np.stack([cost, tasks, habit * rng.gamma(4.0, 0.25, shape)], axis=2)


def task_misses(paths: int, seed: Sequence[int]) -> Flags:
    """Whether the mean over tasks, each taken for a unit of its own, ever leaves 0 out."""
    rng, missed = np.random.default_rng(seed), np.zeros(paths, dtype=bool)
    totals = np.zeros((2, 3, paths))  # by arm: tasks, cost, and squares of cost of single tasks
    for _ in range(40):
        on_candidate = rng.random((paths, 500)) < SHARE
        cost, tasks, _past = np.moveaxis(costs(rng, on_candidate, 0), 2, 0)
        # What single tasks cost, given their sum, is a uniform split of it: gamma parts.
        squares = cost**2 * 3.0 / (2.0 * tasks + 1.0)
        seen = np.stack([tasks, cost, squares])
        totals += [(seen * chosen).sum(axis=2) for chosen in (on_candidate, ~on_candidate)]
        stage = PathStage(*(_of_tasks(*each) for each in totals))
        missed |= mean_difference([stage], 20_000.0 * 5.0).misses(0.0)
    return missed


def _of_tasks(count: Numbers, total: Numbers, squares: Numbers) -> PathArm:
    mean = total / np.maximum(count, 1.0)
    comoment = (squares - count * mean**2)[:, None, None]
    return PathArm(PathMoments(count, mean[:, None], comoment), count)
