"""S7: twenty guardrails, several arms with one control, long lists."""

import math
from typing import NamedTuple

import numpy as np
from incident_paths import harm, incidents_over_ramp, logrank
from mixtures import LOG_20
from rows import Case, Counts, Flags, Numbers, Row

from anytime.multiplicity import closed_log_es, e_bh, weighted_thresholds
from anytime.paths import IncidentPath, log_e_harm

WEIGHTS = (5.0,) * 4 + (1.0,) * 16
"""Of twenty guardrails: four that matter most."""

ARMS, HARMFUL, RATIO = 6, 2, 2.0
"""Arms beside the control, how many of them are harmful, and how much."""

LIST, EFFECTS = 50, 10
"""Hypotheses of an exploratory list, and how many of them are false."""

LOOKS = 60


def multiplicity_rows(paths: int) -> list[Row]:
    """Family-wise errors of guardrails and arms, and the false discoveries of a list."""
    arms = [row for harmful in (0, HARMFUL) for row in _arm_rows(paths, harmful)]
    lists = [row for false in (0, EFFECTS) for row in _list_rows(paths, false)]
    return [*_guardrail_rows(paths), *arms, *lists]


def _guardrail_rows(paths: int) -> list[Row]:
    weighted, plain = guardrail_alarms(paths)
    name, measure = "20 guardrails, all null, over the ramp", "any false alarm"
    return [
        Case("S7", f"{name}, budget split by weight", measure).rate(weighted, at_most=0.05),
        Case("S7", f"{name}; each at 5 %, which is never done", measure).rate(plain),
    ]


def _arm_rows(paths: int, harmful: int) -> list[Row]:
    arms = arm_errors(paths, harmful)
    which = f"{harmful} of them twice as harmful" if harmful else "all null"
    name = f"{ARMS} arms with one control, {which}"
    measure = "any null arm found"
    rows = [
        Case("S7", f"{name}; closed testing", measure).rate(arms.null_found, at_most=0.05),
        Case("S7", f"{name}; each at 5 %, which is never done", measure).rate(
            arms.null_found_uncorrected
        ),
    ]
    if harmful:
        found = Case("S7", f"{name}; closed testing", "a harmful arm found")
        rows.append(found.rate(arms.harmful_found))
    return rows


def _list_rows(paths: int, false: int) -> list[Row]:
    name, level = f"e-BH, {LIST} hypotheses, {false or 'none'} false", 0.05 * (1.0 - false / LIST)
    readings = zip(("at the first finding", "at the end"), list_errors(paths, false), strict=True)
    return [
        Case("S7", f"{name}, read {when}", "expected share of false findings").expectation(
            shares, at_most=level
        )
        for when, shares in readings
    ]


def guardrail_alarms(paths: int) -> Flags:
    """Whether any of the guardrails alarms, by its part of the budget and by all of it each."""
    thresholds, found = weighted_thresholds(0.05, WEIGHTS), np.zeros((2, paths), dtype=bool)
    for number, threshold in enumerate(thresholds):
        counts = incidents_over_ramp(paths, seed=7100 + number, ratio=1.0)
        peaks = logrank(*counts, harm()).max(axis=1)
        found |= np.stack([peaks >= threshold, peaks >= LOG_20])
    return found


class ArmErrors(NamedTuple):
    """What was ever found in each path, each of shape (paths,)."""

    null_found: Flags
    null_found_uncorrected: Flags
    harmful_found: Flags


def arm_errors(paths: int, harmful: int) -> ArmErrors:
    """Every arm against the shared control after each look, all arms with equal shares."""
    log_es = arm_log_es(paths, harmful)
    found = np.zeros((paths, ARMS), dtype=bool)
    # A corrected e-value is never above the largest uncorrected one.
    for path, look in np.argwhere(log_es.max(axis=2) >= LOG_20):
        found[path] |= np.array(closed_log_es(log_es[path, look].tolist())) >= LOG_20
    return ArmErrors(
        null_found=np.any(found[:, harmful:], axis=1),
        null_found_uncorrected=log_es[:, :, harmful:].max(axis=(1, 2)) >= LOG_20,
        harmful_found=np.any(found[:, :harmful], axis=1),
    )


def arm_log_es(paths: int, harmful: int) -> Numbers:
    """Log e-value of every arm against the control, shape (paths, looks, arms)."""
    rng = np.random.default_rng(72)
    relative = np.array([RATIO] * harmful + [1.0] * (ARMS - harmful + 1))  # the control is last
    incidents = rng.poisson(4.0 * relative, (paths, LOOKS, ARMS + 1))
    totals = np.cumsum(incidents, axis=1)
    control = np.broadcast_to(totals[:, :, -1:], totals[:, :, :-1].shape)
    return _logrank_of_totals(totals[:, :, :-1], control)


def _logrank_of_totals(candidate: Counts, baseline: Counts) -> Numbers:
    """Log e-value from totals of one stage in which both arms have equal shares."""
    return log_e_harm([IncidentPath(candidate, baseline, 0.5)])


def list_errors(paths: int, false: int) -> Numbers:
    """The false part of the findings at the first look with one, and at the last, (2, paths)."""
    rng, shares = np.random.default_rng(73), np.zeros((2, paths))
    relative = np.array([RATIO] * false + [1.0] * (LIST - false))
    for path in range(paths):
        candidate = np.cumsum(rng.poisson(4.0 * relative, (LOOKS, LIST)), axis=0)
        baseline = np.cumsum(rng.poisson(4.0, (LOOKS, LIST)), axis=0)
        log_es = _logrank_of_totals(candidate, baseline)
        first = _first_finding(log_es)
        shares[:, path] = [_false_share(log_es[look], false) for look in (first, -1)]
    return shares


def _first_finding(log_es: Numbers) -> int:
    """The first look at which e-BH finds something; the last one if none does."""
    ordered = -np.sort(-log_es, axis=1)
    needed = math.log(LIST / 0.05) - np.log(np.arange(1.0, LIST + 1.0))
    finds = (ordered >= needed).any(axis=1)
    return int(np.argmax(finds)) if finds.any() else -1


def _false_share(log_es: Numbers, false: int) -> float:
    found = np.array(e_bh(0.05, log_es.tolist()))
    return float(found[false:].sum() / max(found.sum(), 1))
