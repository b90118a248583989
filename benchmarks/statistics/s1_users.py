"""S1 for users: those with many incidents, and those who keep coming (`ongoing`)."""

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
from incident_paths import harm, rejecting_counts
from mixtures import LOG_20, log_mean
from rows import Case, Counts, Flags, Numbers, Row

from anytime.ongoing import OngoingStratum, harm_stratum, non_inferior_stratum

UNITS, CHRONIC = 40_000, 0.01
"""Units of an A/A, and the part of them with 1 + Poisson(4) incidents; the others have none."""

EVENTS_A_STAGE, STAGE_SHARES = 800, (0.05, 0.25, 0.5)
ARRIVALS = 20.0
"""Units that arrive in the time in which a hazard is measured."""


def user_rows(paths: int) -> list[Row]:
    """Chronic users, and the counts of units at risk under proportional hazards."""
    margins = (non_inferior_stratum(margin=margin) for margin in (1.2, 1.5, 2.0))
    return [
        *(row for share in (0.05, 0.5) for row in _chronic(paths, share)),
        _ongoing(paths, harm_stratum(), "harm in an A/A", "false alarms"),
        *(_ongoing(paths, each, "truth at the margin", "false certificates") for each in margins),
    ]


def _chronic(paths: int, share: float) -> list[Row]:
    first, events = chronic_alarms(paths, share)
    measure = "false alarms"
    case = f"A/A, 1 % of users with 1 + Poisson(4) incidents, share {100 * share:g} %"
    return [
        Case("S1", f"{case}; first incident of a unit", measure).rate(first, at_most=0.05),
        Case("S1", f"{case}; every event counted, which is never done", measure).rate(events),
    ]


def chronic_alarms(paths: int, share: float) -> tuple[Flags, Flags]:
    """Whether harm is ever seen, by first incidents and by events; looked at after each user."""
    rng = np.random.default_rng(111)
    users = int(UNITS * CHRONIC)
    on_candidate = rng.random((paths, users)) < share
    incidents = 1 + rng.poisson(4.0, (paths, users))
    return (
        _ever_rejected(on_candidate.astype(np.int64), np.ones_like(incidents), share),
        _ever_rejected(on_candidate * incidents, incidents, share),
    )


def _ever_rejected(on_candidate: Counts, incidents: Counts, share: float) -> Flags:
    bad, total = np.cumsum(on_candidate, axis=1), np.cumsum(incidents, axis=1)
    needed = rejecting_counts(share, int(total.max()), harm())
    return np.asarray((bad >= needed[total]).any(axis=1))


class Step(NamedTuple):
    """What happens next in every path, each of shape (paths,).

    Attributes:
        stage: the number of the stage, the same in all paths.
        candidate: units of the candidate at risk before.
        baseline: units of the baseline at risk before.
        is_incident: whether a unit has its incident; else a new one arrives.
        on_candidate: the arm of that unit.
    """

    stage: int
    candidate: Counts
    baseline: Counts
    is_incident: Flags
    on_candidate: Flags


def ongoing_steps(paths: int, ratio: float, seed: int = 112) -> Iterator[Step]:
    """Arrivals and incidents, one at a time, while the hazard of all at risk drifts up and down."""
    rng = np.random.default_rng(seed)
    for stage, share in enumerate(STAGE_SHARES):
        at_risk = np.zeros((2, paths), dtype=np.int64)
        for number in range(EVENTS_A_STAGE):
            hazard = 0.05 + 0.04 * np.sin(0.02 * number)
            candidate, baseline = at_risk
            failing = hazard * (ratio * candidate + baseline)
            is_incident = rng.random(paths) < failing / (ARRIVALS + failing)
            with np.errstate(invalid="ignore"):  # with nobody at risk there is no incident
                of_incident = ratio * candidate / (ratio * candidate + baseline)
            chance = np.where(is_incident, of_incident, share)
            on_candidate = rng.random(paths) < chance
            yield Step(stage, candidate.copy(), baseline.copy(), is_incident, on_candidate)
            change = np.where(is_incident, -1, 1)
            at_risk += np.stack([change * on_candidate, change * ~on_candidate])


def ongoing_peaks(steps: Iterator[Step], question: OngoingStratum) -> Numbers:
    """The largest log e-value of each path, shape (paths,), by counts at risk."""
    ratios, peaks = np.zeros(1), np.full(1, -np.inf)
    grid, null = np.array(question.alternatives)[:, None], question.null_ratio
    for step in steps:
        candidate, baseline = step.candidate, step.baseline
        at_risk = np.maximum(candidate + baseline, 1)  # with nobody at risk nothing happens
        part = candidate / at_risk
        normaliser = np.log((grid * part + 1.0 - part) / (null * part + 1.0 - part))
        gain = step.on_candidate * np.log(grid / null) - normaliser
        ratios = ratios + step.is_incident * gain
        peaks = np.maximum(peaks, log_mean(ratios, question.weights))
    return peaks


def _ongoing(paths: int, question: OngoingStratum, case: str, measure: str) -> Row:
    ratio = question.null_ratio
    peaks = ongoing_peaks(ongoing_steps(paths, ratio), question)
    name = f"ongoing: {case}, hazard ratio {ratio:g}, hazards drifting, shares 5/25/50 %"
    return Case("S1", name, measure).rate(peaks >= LOG_20, at_most=0.05)
