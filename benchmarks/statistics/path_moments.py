"""Moments and sequences of means of many paths at once (S3, S4, S10).

The arithmetic of `anytime.moments`, `mean_difference` and `ratio_metric` with one more axis, the
paths; tests hold the two against each other.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from rows import Counts, Flags, Numbers

from anytime.mean_difference import MIN_EVENTS, MIN_UNITS, half_width


@dataclass(frozen=True, slots=True)
class PathMoments:
    """Count, means and co-moments of d columns in each path; batches merge with `+`.

    Attributes:
        count: shape (paths,).
        mean: shape (paths, d).
        comoment: shape (paths, d, d).
    """

    count: Numbers
    mean: Numbers
    comoment: Numbers

    @classmethod
    def empty(cls, paths: int, columns: int) -> "PathMoments":
        """Moments of no unit."""
        shapes = (paths,), (paths, columns), (paths, columns, columns)
        return cls(*map(np.zeros, shapes))

    @classmethod
    def of(cls, values: Numbers, chosen: Flags | None = None) -> "PathMoments":
        """Moments of the chosen units of one batch.

        Args:
            values: shape (paths, units, d).
            chosen: shape (paths, units); all units if None.
        """
        used = np.ones(values.shape[:2]) if chosen is None else chosen.astype(np.float64)
        count = used.sum(axis=1)
        mean = np.einsum("pu,pud->pd", used, values) / np.maximum(count, 1.0)[:, None]
        centred = (values - mean[:, None, :]) * used[:, :, None]
        return cls(count, mean, np.swapaxes(centred, 1, 2) @ centred)

    @classmethod
    def of_events(cls, units: Counts, events: Counts) -> "PathMoments":
        """Moments of one binary column, from shape (paths,) each."""
        count = np.asarray(units, np.float64)
        mean = events / np.maximum(count, 1.0)
        return cls(count, mean[:, None], (events * (1.0 - mean))[:, None, None])

    def __add__(self, other: "PathMoments") -> "PathMoments":
        count = self.count + other.count
        part = np.divide(other.count, np.maximum(count, 1.0))
        step = other.mean - self.mean
        between = step[:, :, None] * step[:, None, :] * (self.count * part)[:, None, None]
        mean = self.mean + step * part[:, None]
        return PathMoments(count, mean, self.comoment + other.comoment + between)

    def mapped(self, matrix: Numbers, shift: Numbers | float = 0.0) -> "PathMoments":
        """Moments of `matrix @ column + shift`; shapes (paths or 1, e, d) and (paths or 1, e)."""
        mean = (matrix @ self.mean[:, :, None])[:, :, 0] + shift
        comoment = matrix @ self.comoment @ np.swapaxes(matrix, 1, 2)
        return PathMoments(self.count, mean, comoment)

    @property
    def variance_of_mean(self) -> Numbers:
        """Of the first column, shape (paths,); 0 below two units."""
        units = np.maximum(self.count, 2.0)
        return np.asarray(np.maximum(self.comoment[:, 0, 0], 0.0) / (units - 1.0) / units)


class PathArm(NamedTuple):
    """One arm of one stage in each path: moments, and events of shape (paths,)."""

    moments: PathMoments
    events: Numbers


class PathStage(NamedTuple):
    """One stage of a rollout in each path."""

    candidate: PathArm
    baseline: PathArm

    @property
    def units(self) -> Numbers:
        """Of both arms, shape (paths,)."""
        return self.candidate.moments.count + self.baseline.moments.count


class PathSequence(NamedTuple):
    """Estimate, half-width and whether there is enough, each of shape (paths,)."""

    estimate: Numbers
    half_width: Numbers
    enough: Flags

    def misses(self, truth: float) -> Flags:
        """Whether the interval at this look leaves a value out."""
        return self.enough & (np.abs(self.estimate - truth) > self.half_width)


def mean_difference(stages: Sequence[PathStage], planned: float) -> PathSequence:
    """`anytime.mean_difference.mean_difference` at one look of all paths.

    Args:
        stages: in any order; columns after the first are covariates.
        planned: units at which the intervals are to be narrowest.
    """
    counted = [is_counted(stage) for stage in stages]
    units = np.sum(
        [keep * stage.units for keep, stage in zip(counted, stages, strict=True)], axis=0
    )
    contrast = _contrast(stages, counted)
    estimate, variance = np.zeros_like(units), np.zeros_like(units)
    for keep, stage in zip(counted, stages, strict=True):
        weight = keep * stage.units / np.maximum(units, 1.0)
        one, other = (arm.moments.mapped(contrast) for arm in stage)
        estimate = estimate + weight * (one.mean[:, 0] - other.mean[:, 0])
        variance = variance + weight**2 * (one.variance_of_mean + other.variance_of_mean)
    width = np.sqrt(units * variance) * _factor(units, planned)
    return PathSequence(estimate, width, is_enough(stages, counted) & (variance > 0.0))


def is_counted(stage: PathStage) -> Flags:
    """Whether each path's stage can expect the minimum of events in its smaller arm."""
    smaller = np.minimum(stage.candidate.moments.count, stage.baseline.moments.count)
    events = stage.candidate.events + stage.baseline.events
    return np.asarray((events > 0) & (smaller * events >= MIN_EVENTS * stage.units))


def is_enough(stages: Sequence[PathStage], counted: Sequence[Flags]) -> Flags:
    """Whether each path's counted stages have the minimum of events and units in each arm."""
    enough = np.ones(stages[0].units.shape, dtype=bool)
    for arms in zip(*stages, strict=True):
        kept = list(zip(counted, arms, strict=True))
        enough &= sum(keep * arm.events for keep, arm in kept) >= MIN_EVENTS
        enough &= sum(keep * arm.moments.count for keep, arm in kept) >= MIN_UNITS
    return enough


def single_mean(moments: PathMoments, planned: float) -> tuple[Numbers, Numbers]:
    """Mean and half-width of the first column, each of shape (paths,)."""
    spread = np.sqrt(moments.count * moments.variance_of_mean)
    return moments.mean[:, 0], spread * _factor(moments.count, planned)


def _factor(units: Numbers, planned: float) -> Numbers:
    """Half-width of a variance of 1, for each path's units."""
    distinct, place = np.unique(units, return_inverse=True)
    widths = [half_width(1.0, max(float(each), 1.0), planned=planned) for each in distinct]
    return np.array(widths)[place]


def _contrast(stages: Sequence[PathStage], counted: Sequence[Flags]) -> Numbers:
    """Shape (paths, 1, d): the outcome minus slopes times covariates."""
    columns = stages[0].candidate.moments.mean.shape[1]
    ones = np.ones((len(stages[0].units), 1))
    if columns == 1:
        return ones[:, :, None]
    pooled = np.zeros((len(ones), columns, columns))
    for keep, stage in zip(counted, stages, strict=True):
        for arm in stage:
            count = np.maximum(arm.moments.count, 2.0)
            weight = keep * stage.units**2 / (count * (count - 1.0))
            pooled += weight[:, None, None] * arm.moments.comoment
    spread = pooled[:, 1:, 1:] + np.eye(columns - 1) * (pooled[:, 1:2, 1:2] == 0.0)
    slopes = np.linalg.solve(spread, pooled[:, 1:, :1])[:, :, 0]
    return np.concatenate([ones, -slopes], axis=1)[:, None, :]


def ratio_difference(
    stages: Sequence[PathStage], planned: float, *, log_scale: bool = False
) -> PathSequence:
    """`anytime.ratio_metric.ratio_difference` at one look of all paths.

    Args:
        stages: the first column is the numerator, the second the denominator.
        planned: units at which the intervals are to be narrowest.
        log_scale: compare logs of ratios.
    """
    counted = [is_counted(stage) for stage in stages]
    weights = np.stack([keep * s.units for keep, s in zip(counted, stages, strict=True)])
    arms = [_linearised(arm, weights, log_scale=log_scale) for arm in zip(*stages, strict=True)]
    return mean_difference([PathStage(*pair) for pair in zip(*arms, strict=True)], planned)


def _linearised(arms: Sequence[PathArm], weights: Numbers, *, log_scale: bool) -> list[PathArm]:
    """One arm of every stage, numerator and denominator replaced by the linearised value."""
    total = np.maximum(weights.sum(axis=0), 1.0)
    standard = np.einsum("sp,spd->pd", weights, np.stack([a.moments.mean for a in arms]))
    numerator, denominator = standard[:, 0] / total, standard[:, 1] / total
    denominator = np.where(denominator > 0.0, denominator, 1.0)  # not counted: no matter
    ratio = numerator / denominator
    unit = np.where(ratio > 0.0, ratio, 1.0) if log_scale else np.ones_like(ratio)
    columns = standard.shape[1]
    matrix, shift = (
        np.zeros((len(ratio), columns - 1, columns)),
        np.zeros((len(ratio), columns - 1)),
    )
    matrix[:, 0, 0], matrix[:, 0, 1] = 1.0 / (denominator * unit), -ratio / (denominator * unit)
    matrix[:, 1:, 2:] = np.eye(columns - 2)
    shift[:, 0] = np.log(unit) if log_scale else ratio
    return [PathArm(arm.moments.mapped(matrix, shift), arm.events) for arm in arms]
