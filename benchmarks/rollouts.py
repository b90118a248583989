"""Simulated rollouts of 20,000 users a minute, beside plain numpy that takes likelihoods only.

The reference draws the same users and mixes the same likelihood ratios at the same looks, for one
share, and asks where they cross the threshold; there is no rule, no stage and no check around it.
Times are of the processor, so that other work on the machine matters little.
"""

import math
import time
from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from anytime.safe_logrank import HARM_MIXTURE
from anytime.two_proportions import BASELINE_RATES, LOWER_ODDS_RATIOS
from tidegate.demo.sample_manifest import GUARDRAILS, STEPS
from tidegate.domain.installation import Budgets
from tidegate.domain.policy import Policy
from tidegate.service.forecast import Assumptions
from tidegate.service.planning import forecast
from tidegate.service.simulating import Scenario, simulate
from tidegate.service.streams import OUTCOMES_A_LOOK, UNITS_A_LOOK

USERS, REPS, SHARE = 20_000, 60, 0.05
RAMP = (0.01, 0.05, 0.25, 0.5)
SCENARIOS = {
    "incident_1_to_2_percent": Scenario(
        metric="incident", baseline_rate=0.01, candidate_rate=0.02, shares=(SHARE,), units=USERS
    ),
    "incident_1_percent_aa": Scenario(
        metric="incident", baseline_rate=0.01, candidate_rate=0.01, shares=(SHARE,), units=USERS
    ),
    "incident_5_percent_aa": Scenario(
        metric="incident", baseline_rate=0.05, candidate_rate=0.05, shares=(SHARE,), units=USERS
    ),
    "incident_1_percent_aa_ramp": Scenario(
        metric="incident", baseline_rate=0.01, candidate_rate=0.01, shares=RAMP, units=USERS
    ),
    "goal_1_percent_aa": Scenario(
        metric="goal", baseline_rate=0.01, candidate_rate=0.01, shares=(SHARE,), units=USERS
    ),
    "goal_60_percent_aa": Scenario(
        metric="goal", baseline_rate=0.6, candidate_rate=0.6, shares=(SHARE,), units=USERS
    ),
    "goal_60_to_55_percent_ramp": Scenario(
        metric="goal", baseline_rate=0.6, candidate_rate=0.55, shares=RAMP, units=USERS
    ),
}
PLAN = Policy(budgets=Budgets(), guardrails=GUARDRAILS, steps=STEPS)
_THRESHOLD = math.log(20.0)

Numbers = NDArray[np.float64]


def rollouts() -> dict[str, float]:
    """Rollouts a minute, for one share with their time beside the reference's; and a whole plan."""
    found: dict[str, float] = {}
    bare = {"incident": _bare_incidents, "goal": _bare_goals}
    for name, scenario in SCENARIOS.items():
        ours = _seconds_each(lambda scenario=scenario: simulate(scenario, reps=REPS, seed=1))
        found[f"rollouts_a_minute_{name}"] = 60.0 / ours
        if len(scenario.shares) == 1:
            reference = bare[scenario.metric]
            theirs = _seconds_each(
                lambda reference=reference, scenario=scenario: reference(scenario)
            )
            found[f"rollout_{name}_to_bare_numpy"] = ours / theirs
    began = time.process_time()
    forecast(PLAN, Assumptions(units_per_day=5000.0), reps=200, seed=1)
    return found | {"plan_4_guardrails_200_reps_cpu_s": time.process_time() - began}


def _seconds_each(action: Callable[[], object]) -> float:
    """Time of one rollout, of an action that does REPS of them: the best of some tries."""
    times = []
    for _ in range(3):
        began = time.process_time()
        action()
        times.append(time.process_time() - began)
    return min(times) / REPS


def _bare_incidents(scenario: Scenario) -> int:
    ratios, weights = np.array(list(HARM_MIXTURE)), np.array(list(HARM_MIXTURE.values()))
    spread = np.log(ratios * SHARE + 1.0 - SHARE)
    generator, crossed = np.random.default_rng(1), 0
    for _ in range(REPS):
        on_candidate, hit = _drawn(scenario, generator)
        looks = hit.copy()
        looks[UNITS_A_LOOK - 1 :: UNITS_A_LOOK] = True
        candidate = np.cumsum(on_candidate & hit)[looks, np.newaxis]
        total = np.cumsum(hit)[looks, np.newaxis]
        crossed += _crosses(candidate * np.log(ratios) - total * spread, weights)
    return crossed


def _bare_goals(scenario: Scenario) -> int:
    baseline = np.repeat(BASELINE_RATES, len(LOWER_ODDS_RATIOS))
    odds = np.tile(LOWER_ODDS_RATIOS, len(BASELINE_RATES)) * baseline / (1.0 - baseline)
    candidate = odds / (1.0 + odds)
    pooled = SHARE * candidate + (1.0 - SHARE) * baseline
    rates = np.stack([candidate, 1.0 - candidate, baseline, 1.0 - baseline])
    bets = np.log(rates / np.stack([pooled, 1.0 - pooled, pooled, 1.0 - pooled]))
    generator, crossed = np.random.default_rng(1), 0
    for _ in range(REPS):
        there, hit = _drawn(scenario, generator)
        cells = np.stack([there & hit, there & ~hit, ~there & hit, ~there & ~hit])
        counts = np.cumsum(cells, axis=1)[:, OUTCOMES_A_LOOK - 1 :: OUTCOMES_A_LOOK]
        crossed += _crosses(counts.T @ bets, np.ones(len(baseline)))
    return crossed


def _drawn(
    scenario: Scenario, generator: np.random.Generator
) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
    on_candidate = generator.random(USERS) < SHARE
    rate = np.where(on_candidate, scenario.candidate_rate, scenario.baseline_rate)
    return on_candidate, generator.random(USERS) < rate


def _crosses(log_ratios: Numbers, weights: Numbers) -> bool:
    peak = log_ratios.max(axis=1)
    mean = np.average(np.exp(log_ratios - peak[:, np.newaxis]), axis=1, weights=weights)
    return bool(np.max(peak + np.log(mean)) >= _THRESHOLD)
