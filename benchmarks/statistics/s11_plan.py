"""S11: what `tidegate simulate` says, beside the promise and Wald's limits."""

import numpy as np
from mixtures import LOG_20, divergence
from rows import Case, Row

from tidegate.service.simulating import Scenario, Summary, simulate

SEED_OF_FIRST = 110_000
RAMP = (0.01, 0.05, 0.25, 0.5)
HARMS = ((0.01, 0.05, 6000), (0.001, 0.01, 16_000), (0.01, 0.02, 40_000))
"""True rates of baseline and candidate, and units at most, at a share of one half."""


def plan_rows(paths: int) -> list[Row]:
    """False rollbacks of the whole rule, and units until harm is seen beside the limit."""
    few = max(paths // 4, 20)
    equal = incident(0.01, 0.01, 4000)
    goal = Scenario(metric="goal", baseline_rate=0.5, candidate_rate=0.5, shares=(0.5,), units=1500)
    return [
        _false("A/A of incidents at 1 %, share 50 %, 4,000 units", equal, paths),
        _false("A/A of incidents, ramp 1/5/25/50 %, 0.5 to 3 %", drifting(), paths),
        _false("A/A of goals at 50 %, share 50 %, 1,500 units", goal, paths),
        *(row for harm in HARMS for row in _harm(*harm, few)),
    ]  # fmt: skip


def incident(baseline: float, candidate: float, units: int) -> Scenario:
    """Incidents at a share of one half."""
    return Scenario(
        metric="incident",
        baseline_rate=baseline,
        candidate_rate=candidate,
        shares=(0.5,),
        units=units,
    )


def drifting() -> Scenario:
    """An A/A over the ramp while the base rate drifts."""
    return Scenario(
        metric="incident",
        baseline_rate=0.01,
        candidate_rate=0.01,
        shares=RAMP,
        units=8000,
        step_units=2000,
        drift=(0.005, 0.03),
    )


def simulated(scenario: Scenario, paths: int) -> list[Summary]:
    """One summary for each rollout, each from a seed of its own: so that there is an error."""
    return [simulate(scenario, reps=1, seed=SEED_OF_FIRST + path) for path in range(paths)]


def _false(name: str, scenario: Scenario, paths: int) -> Row:
    case = Case("S11", f"simulate, {name}", "falsely rolled back")
    found = [bool(each.rejected) for each in simulated(scenario, paths)]
    return case.rate(found, at_most=0.05)


def _harm(baseline: float, candidate: float, units: int, paths: int) -> list[Row]:
    found = simulated(incident(baseline, candidate, units), paths)
    name = f"simulate, {100 * baseline:g} to {100 * candidate:g} % at share 50 %"
    ours = Case("S11", name, "mean units until harm is seen, to the limit of incidents' arms")
    oracle = Case("S11", f"{name}; its oracle", "mean units until harm is seen, to Wald's limit")
    limits = incident_limit(baseline, candidate), wald_limit(baseline, candidate)
    units_of_ours = np.array([each.mean_units for each in found])
    units_of_oracle = np.array([each.oracle_mean_units for each in found], dtype=np.float64)
    return [
        Case("S11", name, "harm seen").rate([bool(each.rejected) for each in found]),
        ours.mean(units_of_ours / limits[0], nominal=1.0, at_least=1.0),
        oracle.mean(units_of_oracle / limits[1], nominal=1.0, at_least=1.0),
    ]


def wald_limit(baseline: float, candidate: float) -> float:
    """Mean units of a test that knows both rates, arms of equal shares."""
    pooled = 0.5 * (baseline + candidate)
    each = divergence(candidate, pooled), divergence(baseline, pooled)
    return LOG_20 / (0.5 * sum(each))


def incident_limit(baseline: float, candidate: float) -> float:
    """Mean units of a test that knows the ratio and looks at the arms of incidents only."""
    pooled = 0.5 * (baseline + candidate)
    return LOG_20 / (pooled * divergence(0.5 * candidate / pooled, 0.5))
