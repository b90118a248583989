"""S10: a judge that is biased for the candidate, and few human labels."""

from collections.abc import Callable, Sequence
from typing import TypeAlias

import numpy as np
from path_moments import (
    PathArm,
    PathMoments,
    PathSequence,
    PathStage,
    mean_difference,
    ratio_difference,
)
from rows import Case, Flags, Numbers, Row

from anytime.prediction_powered import MIN_LABELS

LOOKS, UNITS, LABELLED = 30, 1000, 0.1
HALF = 0.5
"""The candidate's share, everywhere here."""

TRUTH, BETTER = 0.60, 0.66
"""The part of tasks that humans pass, on both arms of an A/A, and on a candidate that is better."""

PLANNED = float(LOOKS * UNITS)
ESTIMATES = ("judge and labels", "labels alone", "judge alone, which is never done")

_AT_ONCE = 250  # paths held in memory


def judge_rows(paths: int) -> list[Row]:
    """False differences in an A/A, power beside labels alone, and users with several tasks."""
    size = min(paths, _AT_ONCE)
    seeds = range(-(-paths // size))
    null = np.concatenate([found_differences(size, [1001, s], TRUTH) for s in seeds], axis=1)
    better = np.concatenate([found_differences(size, [1002, s], BETTER) for s in seeds], axis=1)
    users = np.concatenate([user_misses(size, [1003, s]) for s in seeds], axis=1)
    promised = (0.05, 0.05, None)
    a_a = "A/A of 60 %, judge biased for the candidate, a tenth labelled"
    power = "60 against 66 %, the same judge, 30,000 units"
    clusters = "A/A of users with 1 + Poisson(4) tasks each, half labelled"
    return [
        *(
            Case("S10", f"{a_a}; {name}", "a difference is seen").rate(found, at_most=level)
            for name, found, level in zip(ESTIMATES, null, promised, strict=True)
        ),
        *(
            Case("S10", f"{power}; {name}", "the difference is seen").rate(found)
            for name, found in zip(ESTIMATES[:2], better, strict=False)
        ),
        Case("S10", f"{clusters}; by user", "ever misses").rate(users[0], at_most=0.05),
        Case("S10", f"{clusters}; tasks taken for units, which is never done", "ever misses").rate(
            users[1]
        ),
    ]


class Fold:
    """One arm, batch by batch, as `anytime.prediction_powered.PowerTuned` folds it."""

    def __init__(self, paths: int) -> None:
        self.seen = PathMoments.empty(paths, 3)
        self.tuned = PathMoments.empty(paths, 1)
        self.labels = np.zeros(paths)

    @property
    def weight(self) -> Numbers:
        """The next batch's weight, shape (paths,)."""
        spread = self.seen.comoment[:, 1, 1]
        best = -self.seen.comoment[:, 0, 1] / np.where(spread > 0.0, spread, 1.0)
        known = (self.labels >= MIN_LABELS) & (spread > 0.0)
        return np.where(known, np.clip(best, 0.0, 1.0), 1.0)

    def extend(self, batch: PathMoments, labels: Numbers) -> None:
        """Add a batch of the columns a, b and score."""
        weight = self.weight
        bet = np.stack([np.ones_like(weight), weight, np.zeros_like(weight)], axis=1)
        self.tuned = self.tuned + batch.mapped(bet[:, None, :])
        self.seen = self.seen + batch
        self.labels = self.labels + labels

    def arms(self) -> list[PathArm]:
        """What each estimate takes for the outcome: tuned values, labels, scores."""
        columns = [self.seen.mapped(np.eye(3)[None, [place]]) for place in (0, 2)]
        return [PathArm(each, self.labels) for each in (self.tuned, *columns)]


def found_differences(paths: int, seed: Sequence[int], candidate: float) -> Flags:
    """Whether each estimate ever leaves 0 out, shape (3, paths), arms of equal shares.

    Args:
        paths: how many.
        seed: of the generator.
        candidate: the part of the candidate's tasks that humans pass.
    """
    rng, folds = np.random.default_rng(seed), (Fold(paths), Fold(paths))
    seen = np.zeros((3, paths), dtype=bool)
    for _ in range(LOOKS):
        on_candidate = rng.random((paths, UNITS)) < HALF
        passed = rng.random((paths, UNITS)) < np.where(on_candidate, candidate, TRUTH)
        columns, labelled = judged(rng, passed, on_candidate, LABELLED)
        for fold, chosen in zip(folds, (on_candidate, ~on_candidate), strict=True):
            labels = (labelled & chosen).sum(axis=1).astype(np.float64)
            fold.extend(PathMoments.of(columns, chosen), labels)
        pairs = zip(folds[0].arms(), folds[1].arms(), strict=True)
        seen |= np.stack([mean_difference([PathStage(*p)], PLANNED).misses(0.0) for p in pairs])
    return seen


def judged(
    rng: np.random.Generator, passed: Flags, on_candidate: Flags, probability: float
) -> tuple[Numbers, Flags]:
    """The columns a, b and score of a batch, shape (..., 3), and who is labelled.

    The judge passes 95 % of what humans pass; of the rest 15 %, and 35 % on the candidate.
    """
    leniency = np.where(passed, 0.95, np.where(on_candidate, 0.35, 0.15))
    score = (rng.random(passed.shape) < leniency).astype(np.float64)
    labelled = rng.random(passed.shape) < probability
    drawn = labelled / probability
    return np.stack([passed * drawn, score * (1.0 - drawn), score], axis=-1), labelled


TASKS = 12
"""Tasks of a user at most."""

Estimate: TypeAlias = Callable[[Sequence[PathStage], float], PathSequence]


def user_misses(paths: int, seed: Sequence[int]) -> Flags:
    """Whether the ratio over users, and the mean over tasks, ever leave 0 out, shape (2, paths).

    Users differ in how often they pass; scores and labels are summed by user (S4).
    """
    rng, missed = np.random.default_rng(seed), np.zeros((2, paths), dtype=bool)
    users, tasks = (PathStage(*_nothing(paths, columns)) for columns in (2, 1))
    for _ in range(20):
        values, mask, on_candidate = _tasks_of_users(rng, (paths, 100))
        users = _with(users, _by_user(values, mask), on_candidate)
        flat = values.reshape(paths, -1, 1)
        arm_of_task = np.repeat(on_candidate, TASKS, axis=1)
        tasks = _with(tasks, flat, arm_of_task, mask.reshape(paths, -1))
        found = ratio_difference([users], 2000.0), mean_difference([tasks], 10_000.0)
        missed |= np.stack([each.misses(0.0) for each in found])
    return missed


def _nothing(paths: int, columns: int) -> tuple[PathArm, PathArm]:
    empty = PathArm(PathMoments.empty(paths, columns), np.zeros(paths))
    return empty, empty


def _tasks_of_users(
    rng: np.random.Generator, shape: tuple[int, int]
) -> tuple[Numbers, Flags, Flags]:
    """Influence values of weight 1, shape (paths, users, TASKS), which exist, and users' arms."""
    on_candidate = rng.random(shape) < HALF
    number = np.minimum(1 + rng.poisson(4.0, shape), TASKS)
    mask = np.arange(TASKS) < number[:, :, None]
    skill = rng.beta(0.3, 0.2, shape)
    passed = rng.random(mask.shape) < skill[:, :, None]
    arms = np.broadcast_to(on_candidate[:, :, None], mask.shape)
    columns, _ = judged(rng, passed, arms, 0.5)
    return np.where(mask, columns[..., 0] + columns[..., 1], 0.0), mask, on_candidate


def _by_user(values: Numbers, mask: Flags) -> Numbers:
    return np.stack([values.sum(axis=2), mask.sum(axis=2).astype(np.float64)], axis=2)


def _with(
    stage: PathStage, values: Numbers, on_candidate: Flags, exists: Flags | None = None
) -> PathStage:
    """The stage with more units; every one is an event."""
    arms = []
    for arm, mine in zip(stage, (on_candidate, ~on_candidate), strict=True):
        chosen = mine if exists is None else mine & exists
        events = arm.events + chosen.sum(axis=1)
        arms.append(PathArm(arm.moments + PathMoments.of(values, chosen), events))
    return PathStage(*arms)
