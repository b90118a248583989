"""Experiments in miniature: arms, stages and plans, with what a test wants changed."""

from datetime import UTC, datetime, timedelta
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from anytime.mean_difference import ArmMoments
from anytime.moments import Moments
from anytime.quantile_sequence import value_counts
from tidegate.domain.evidence import ArmCounts, Clock
from tidegate.domain.experiment_evidence import (
    ArmEvidence,
    ExperimentEvidence,
    ExperimentStage,
    GoalStatistics,
)
from tidegate.domain.experiment_policy import ExperimentArm, ExperimentPolicy
from tidegate.domain.goal import GoalMetric
from tidegate.domain.metrics import Guardrail

STARTED = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)
PARTS = 1_000_000


def plan(*contenders: str, **changes: Any) -> ExperimentPolicy:
    """A plan of arms a (the control), b and so on; conversion is the goal, error a guardrail."""
    names = ("a", *(contenders or ("b",)))
    known = {
        "arms": tuple(ExperimentArm(name=name, version=f"v-{name}") for name in names),
        "control": "a",
        "goal": GoalMetric(name="conversion", minimum_effect=changes.pop("minimum_effect", 0.0)),
        "guardrails": (Guardrail(name="error"),),
        "horizon_units": 100_000,
    }
    return ExperimentPolicy(**(known | changes))


def counted(units: int, won: int = 0, *, errors: int = 0, **changes: Any) -> ArmEvidence:
    """An arm of a binary goal; all its units have matured and reported."""
    known = {
        "units": units,
        "newcomers": units,
        "matured": units,
        "closed": units,
        "reported": units,
        "incidents": {"error": errors},
        "successes": {"conversion": won},
        "failures": {"conversion": units - won},
    }
    return ArmEvidence(counts=ArmCounts(**(known | changes)))


def measured(values: ArrayLike, events: int | None = None) -> ArmEvidence:
    """An arm of a mean or a ratio, one row of values a unit; all are events if not said."""
    rows = np.asarray(values, dtype=float)
    arm = ArmMoments(Moments.of(rows), len(rows) if events is None else events)
    return ArmEvidence(counts=_all_here(len(rows)), goal=GoalStatistics.of_moments(arm))


def timed(values: ArrayLike) -> ArmEvidence:
    """An arm of a quantile, of one value a unit."""
    counts = value_counts(values)
    return ArmEvidence(counts=_all_here(counts.units), goal=GoalStatistics.of_values(counts))


def stage(index: int = 0, shares: dict[str, int] | None = None, /, **arms: ArmEvidence) -> Any:
    """A stage; shares are equal if not said."""
    equal = dict.fromkeys(arms, PARTS // max(len(arms), 1))
    return ExperimentStage(index=index, shares_ppm=equal if shares is None else shares, arms=arms)


def seen(*stages: ExperimentStage, **changes: Any) -> ExperimentEvidence:
    """What is known from these stages."""
    return ExperimentEvidence(seq=1, stages=stages, **changes)


def after(seconds: float = 0.0) -> Clock:
    """So long after the start."""
    return Clock(now=STARTED + timedelta(seconds=seconds), step_started=STARTED)


def _all_here(units: int) -> ArmCounts:
    return ArmCounts(units=units, newcomers=units, matured=units, closed=units, reported=units)
