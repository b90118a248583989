"""Rollouts over a ramp, many at once, and how e-values of incidents run along them (S1)."""

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import NamedTuple, TypeVar

import numpy as np
from mixtures import LOG_20
from rows import Counts, Flags, Numbers

from anytime.paths import (
    IncidentPath,
    log_e_harm,
    log_e_non_inferior_incidents,
)
from anytime.safe_logrank import HARM_MIXTURE

SHARES = (0.01, 0.05, 0.25, 0.5)
"""The candidate's share in each stage of the ramp."""


class Ramp(NamedTuple):
    """A rollout in four stages, looked at after every batch of units.

    Attributes:
        looks: looks in each stage.
        units: units between two looks, of both arms.
    """

    looks: int = 40
    units: int = 500

    @property
    def shares(self) -> Numbers:
        """The candidate's share at each look."""
        return np.repeat(SHARES, self.looks)

    @property
    def drift(self) -> Numbers:
        """How far the rollout has come at each look, from 0 to 1."""
        return np.linspace(0.0, 1.0, len(SHARES) * self.looks)


RAMP = Ramp()


def incidents_over_ramp(
    paths: int, seed: int, ratio: float, ramp: Ramp = RAMP
) -> tuple[Counts, Counts]:
    """Incidents of each look by arm while the baseline's rate drifts from 0.5 to 3 %.

    Args:
        paths: how many rollouts.
        seed: of the generator.
        ratio: the candidate's rate as a multiple of the baseline's.
        ramp: stages and looks.

    Returns:
        Incidents on the candidate and on the baseline, each of shape (paths, looks).
    """
    rng = np.random.default_rng(seed)
    base = 0.005 + 0.025 * ramp.drift
    on_candidate = rng.binomial(ramp.units, ramp.shares, (paths, len(base)))
    candidate = rng.binomial(on_candidate, ratio * base)
    return candidate, rng.binomial(ramp.units - on_candidate, base)


Stage = TypeVar("Stage")


def stages_along(kind: Callable[..., Stage], counts: Sequence[Counts]) -> Iterator[list[Stage]]:
    """What is known of each stage at the looks of one stage after the other.

    Args:
        kind: what the counts and the share of a stage make.
        counts: of each look, each of shape (paths, looks of all stages).

    Yields:
        The stages before with their totals, shape (paths, 1), and this one with its counts so far,
        shape (paths, looks of a stage).
    """
    done: list[Stage] = []
    split = zip(*(np.split(each, len(SHARES), axis=1) for each in counts), strict=True)
    for parts, share in zip(split, SHARES, strict=True):
        so_far = [np.cumsum(part, axis=1) for part in parts]
        yield [*done, kind(*so_far, share)]
        done.append(kind(*(each[:, -1:] for each in so_far), share))


Question = Callable[[Sequence[IncidentPath]], Numbers]
"""Log e-values of one null along paths."""


def harm(mixture: Mapping[float, float] = HARM_MIXTURE, *, null_ratio: float = 1.0) -> Question:
    """Is the candidate worse than `null_ratio` times the baseline?

    Another null than 1 is the same question about units whose odds are that much higher.
    """

    def question(strata: Sequence[IncidentPath]) -> Numbers:
        moved = [each._replace(share=_moved(each.share, null_ratio)) for each in strata]
        return log_e_harm(moved, mixture=mixture)

    return question


def _moved(share: float, ratio: float) -> float:
    return ratio * share / (ratio * share + 1.0 - share)


def non_inferior(margin: float) -> Question:
    """Is the candidate better than `margin` times the baseline?"""
    return lambda strata: log_e_non_inferior_incidents(strata, margin=margin)


def logrank(candidate: Counts, baseline: Counts, question: Question) -> Numbers:
    """Log e-value after each look, stage by stage, shape (paths, looks)."""
    stages = stages_along(IncidentPath, (candidate, baseline))
    return np.concatenate([question(strata) for strata in stages], axis=1)


def rejecting_counts(
    share: float, most: int, question: Question, threshold: float = LOG_20
) -> Counts:
    """How many of n incidents must fall on the candidate for harm to be seen.

    Args:
        share: the candidate's share of units.
        most: the largest n.
        question: of harm; the e-value grows with the candidate's part.
        threshold: the log e-value that rejects.

    Returns:
        Shape (most + 1,): the least count for each n; n + 1 where no count is enough.
    """
    incidents = np.arange(most + 1)

    def enough(on_candidate: Counts) -> Flags:
        path = IncidentPath(on_candidate, incidents - on_candidate, share)
        return question([path]) >= threshold

    return _least(incidents, enough)


def certifying_counts(share: float, most: int, question: Question) -> Counts:
    """How few of n incidents must fall on the candidate for a margin to be certified.

    Returns:
        Shape (most + 1,): the largest count for each n; -1 where none is few enough.
    """
    incidents = np.arange(most + 1)

    def enough(on_baseline: Counts) -> Flags:
        return question([IncidentPath(incidents - on_baseline, on_baseline, share)]) >= LOG_20

    return incidents - _least(incidents, enough)


def _least(most: Counts, enough: Callable[[Counts], Flags]) -> Counts:
    """By bisection: the least counts that are enough, `most` + 1 where none is."""
    low, high = np.full(most.shape, -1), most + 1
    for _ in range(math.ceil(math.log2(float(most.max()) + 2.0)) + 1):
        middle = (low + high) // 2
        reached, open_ = enough(np.maximum(middle, 0)), high - low > 1
        low = np.where(open_ & ~reached, middle, low)
        high = np.where(open_ & reached, middle, high)
    return high
