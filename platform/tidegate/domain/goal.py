"""The goal of an experiment: the one metric that decides which arm is better."""

import math
from typing import Final, Literal

from tidegate.domain.document import Document

_LARGEST_EFFECT: Final = 1e12


class GoalMetric(Document, frozen=True, kw_only=True):
    """The one metric that decides which arm is better.

    Attributes:
        name: the outcome's name.
        kind: "binary" (a success or not), "mean" (a value of each unit, such as revenue or cost),
            "ratio" (of two sums of each unit, such as cost per task) or "quantile".
        direction: whether more of it or less of it is better.
        minimum_effect: what an arm must exceed to win, at least 0, in the unit of the scale; arms
            within it are no different. With 0 there is no such verdict before the horizon.
        scale: arms are compared by the difference, or by the logarithm of the ratio, where 0.05 is
            about 5 %. Never by the quotient of estimates, which is skewed.
        per: of a ratio, the name of what is summed up below the line; without one, the number of
            events themselves, so that it is the mean of an event.
        covariate: an attribute of the unit at its first exposure that is a number and tells
            something about the goal beforehand; differences are adjusted for it (CUPED).
        winsorise_at: of a mean, the value beyond which values count as that value. It is applied
            where values are summed up, and is part of the plan because no look at the data may
            choose it.
        quantile: which quantile, in (0, 1).
    """

    name: str
    kind: Literal["binary", "mean", "ratio", "quantile"] = "binary"
    direction: Literal["increase", "decrease"] = "increase"
    minimum_effect: float = 0.0
    scale: Literal["difference", "log_ratio"] = "difference"
    per: str | None = None
    covariate: str | None = None
    winsorise_at: float | None = None
    quantile: float | None = None

    def __post_init__(self) -> None:
        if not 0.0 <= self.minimum_effect <= _LARGEST_EFFECT:
            raise ValueError(
                f"minimumEffect is {self.minimum_effect}, must be 0 to {_LARGEST_EFFECT:g}"
            )
        if self.per is not None and self.kind != "ratio":
            raise ValueError(f"per is for ratios; a goal of kind {self.kind!r} has none")
        if self.winsorise_at is not None:
            self._check_winsorising(self.winsorise_at)
        if (self.quantile is not None) != (self.kind == "quantile"):
            raise ValueError("a goal of kind 'quantile' needs a quantile, and no other has one")
        if self.quantile is not None and not 0.0 < self.quantile < 1.0:
            raise ValueError(f"quantile is {self.quantile}, must lie strictly between 0 and 1")

    def _check_winsorising(self, at: float) -> None:
        if self.kind != "mean":
            raise ValueError(f"winsoriseAt is for means; a goal of kind {self.kind!r} has none")
        if not 0.0 < at < math.inf:
            raise ValueError(f"winsoriseAt is {at}, must be finite and above 0")
