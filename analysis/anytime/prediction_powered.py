"""The mean of a costly label with the help of a cheap score, at any look?

Method S10. Every unit has a score f (a judge), a few have a label y (a human), drawn with known
probability pi. The influence value of a unit with tuning weight w is

    w f + (labelled / pi) (y - w f) = a + w b,   a = labelled y / pi,   b = f (1 - labelled / pi).

The average of a is the mean label whatever the scores are worth, and b averages to 0 because labels
are drawn at random: a biased judge widens the interval but cannot move it. w = 1 trusts the scores
in full, w = 0 uses the labels alone.

Source: Angelopoulos, Bates, Fannjiang, Jordan and Zrnic (2023), "Prediction-powered inference";
Zrnic and Candes (2024), "Active statistical inference" (tuning weight from the past only);
Waudby-Smith et al. (2024) for the sequence.
"""

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from anytime.errors import InvalidCount, InvalidShape, InvalidShare, InvalidValue
from anytime.mean_difference import MIN_UNITS, MeanSequence, half_width, interval, not_enough
from anytime.moments import Moments, Vector, as_table
from anytime.strata import check_count

MIN_LABELS = 100
"""Labels needed before an interval is given, and before the past is trusted for a tuning weight."""

_COLUMNS = 2  # a and b


@dataclass(frozen=True, slots=True)
class LabelledScores:
    """What scores and labels say, as mergeable moments; batches merge with `+`, in any order.

    Attributes:
        moments: of the columns a and b of the module's formula, over all units.
        labels: how many of the units have a label, 0 <= labels <= units.

    Raises:
        InvalidCount: the labels are negative or more than the units.
        InvalidShape: there are not two columns.
    """

    moments: Moments
    labels: int

    def __post_init__(self) -> None:
        check_count("labels", self.labels)
        if self.labels > self.moments.count:
            raise InvalidCount(f"labels == {self.labels}, more than {self.moments.count} units")
        if self.moments.columns != _COLUMNS:
            raise InvalidShape(f"{self.moments.columns} columns, must be {_COLUMNS}")

    def __add__(self, other: "LabelledScores") -> "LabelledScores":
        return LabelledScores(self.moments + other.moments, self.labels + other.labels)


@dataclass(frozen=True, slots=True)
class PowerTuned:
    """A fold over batches whose tuning weight is estimated from earlier batches only.

    It is no merge: the order of batches is that of arrival. `tuned` is a plain column with the mean
    of the label as its mean, and may serve as an outcome in S3.

    Attributes:
        seen: everything so far, for the weight of the next batch.
        tuned: moments of the influence values, each with the weight of its own batch.
    """

    seen: LabelledScores
    tuned: Moments

    @classmethod
    def start(cls) -> "PowerTuned":
        """The fold before any batch."""
        return cls(LabelledScores(Moments.empty(_COLUMNS), 0), Moments.empty(1))

    @property
    def weight(self) -> float:
        """The next batch's weight, in [0, 1]: of least variance so far; 1 before MIN_LABELS."""
        return _best_weight(self.seen)

    def extended(self, batch: LabelledScores) -> "PowerTuned":
        """The fold after one more batch."""
        values = _influence(batch.moments, self.weight)
        return PowerTuned(self.seen + batch, self.tuned + values)

    def mean(self, *, planned: float, alpha: float = 0.05) -> MeanSequence:
        """Confidence sequence of the mean label; arguments and guarantee as of `label_mean`."""
        return _sequence(self.tuned, self.seen.labels, planned=planned, alpha=alpha)


def labelled_scores(
    scores: ArrayLike, labels: ArrayLike, labelled: ArrayLike, *, probability: ArrayLike
) -> LabelledScores:
    """The state of one batch.

    Args:
        scores: shape (n,), finite, on the scale of the labels.
        labels: shape (n,), finite where labelled; elsewhere never read, and may be NaN.
        labelled: shape (n,), whether the unit was drawn for labelling (0 or 1, or booleans).
        probability: pi, the known chance of that draw, in (0, 1]: one number, or shape (n,).

    Raises:
        InvalidShape: the lengths differ.
        InvalidShare: a probability is outside (0, 1].
        InvalidValue: a score or a needed label is not finite, or too large for its square after it
            was divided by the probability, or a mark is neither 0 nor 1.

    Example:
        >>> state = labelled_scores([1.0, 0.0], [1.0, float("nan")], [1, 0], probability=0.5)
        >>> state.labels, state.moments.mean
        (1, (1.0, -0.5))
    """
    score = as_table(scores)[:, 0]
    drawn = as_table(labelled)[:, 0]
    truth = np.asarray(labels, dtype=np.float64)
    chance = np.asarray(probability, dtype=np.float64)
    if not np.shape(scores) == np.shape(labelled) == truth.shape == score.shape:
        raise InvalidShape("scores, labels and marks must have one length")
    if chance.shape not in ((), score.shape):
        raise InvalidShape(f"probability of shape {chance.shape}, must be one number or one a unit")
    if not ((chance > 0.0) & (chance <= 1.0)).all():
        raise InvalidShare("probability must lie in (0, 1]: a label that never comes says nothing")
    if not np.isin(drawn, (0.0, 1.0)).all():
        raise InvalidValue("labelled must be 0 or 1 for every unit")
    used = as_table(np.where(drawn == 1.0, truth, 0.0))[:, 0]
    with np.errstate(over="ignore", invalid="ignore"):  # caught by the moments
        columns = np.stack([used * drawn / chance, score * (1.0 - drawn / chance)], axis=1)
    return LabelledScores(Moments.of(columns), int(drawn.sum()))


def label_mean(
    state: LabelledScores, *, planned: float, weight: float = 1.0, alpha: float = 0.05
) -> MeanSequence:
    """Confidence sequence of the mean label over all units, with a weight fixed beforehand.

    Args:
        state: what was seen so far, merged in any order.
        planned: N*, the units (labelled or not) at which the interval is to be narrowest, above 0.
        weight: w, how far scores are trusted; fixed in the plan, finite. See `PowerTuned` for one
            that is learnt.
        alpha: the chance of ever missing, two-sided, in (0, 1).

    Returns:
        The interval at this look; "not enough data" below MIN_LABELS labels or MIN_UNITS units,
        or while nothing varies.

    Raises:
        InvalidLevel, InvalidValue: alpha, planned or the weight is out of range.

    Guarantee:
        As S3: P(ever missing the mean label) tends to at most alpha as the first look is later. It
        needs labels drawn independently of scores and outcomes given the known probability; it
        needs nothing of the scores.
    """
    if not math.isfinite(weight):
        raise InvalidValue(f"weight == {weight}, must be finite")
    values = _influence(state.moments, weight)
    return _sequence(values, state.labels, planned=planned, alpha=alpha)


def _sequence(values: Moments, labels: int, *, planned: float, alpha: float) -> MeanSequence:
    variance = values.variance()
    width = half_width(variance, max(values.count, 1), planned=planned, alpha=alpha)
    if labels < MIN_LABELS or values.count < MIN_UNITS or variance == 0.0:
        return not_enough(values.count)
    return interval(values.mean[0], width, values.count)


def _influence(moments: Moments, weight: float) -> Moments:
    return moments.mapped([[1.0, weight]], [0.0])


def _best_weight(seen: LabelledScores) -> float:
    """The weight of least variance, -cov(a, b) / var(b), kept in [0, 1]."""
    comoment: Vector = np.asarray(seen.moments.comoment)
    if seen.labels < MIN_LABELS or comoment[1, 1] == 0.0:
        return 1.0
    with np.errstate(over="ignore"):  # what is too large for a number is clipped all the more
        return float(np.clip(-comoment[0, 1] / comoment[1, 1], 0.0, 1.0))
