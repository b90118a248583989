"""S9: the worst-case limit of the excess, and ramps within a budget beside fixed steps."""

from collections.abc import Mapping
from typing import NamedTuple

import numpy as np
from mixtures import LOG_20
from rows import Case, Row

from anytime import IncidentStratum
from anytime.ramp import excess_limit, next_share
from anytime.safe_logrank import log_e_harm

UNITS_A_LOOK, LOOKS = 1000, 80
BASE_RATE = 0.01
LADDER = (0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.3, 0.5)
"""The shares that a ramp within a budget may take."""

FIXED = tuple(share for share in (0.01, 0.05, 0.25, 0.5) for _ in range(5))
"""The shares of fixed steps, one for each look."""

BUDGETS = (None, 5.0, 10.0)
"""Excess incidents accepted until the next look; None for fixed steps."""

BAD_RATES = (0.02, 0.05, 0.2)
COVERED_LOOKS = 3
"""Looks in each stage while the limit's coverage is measured."""


class Course(NamedTuple):
    """How one rollout went.

    Attributes:
        excess: incidents that the candidate's units had more than on the baseline, expected.
        units: units of both arms until the end.
        promoted: whether it reached 100 %.
    """

    excess: float
    units: int
    promoted: bool

    @property
    def rolled_back(self) -> bool:
        """Whether harm was seen."""
        return not self.promoted and self.units < LOOKS * UNITS_A_LOOK


def budget_rows(paths: int) -> list[Row]:
    """Coverage with all paths, ramps with a quarter of them: each look costs a limit."""
    few = max(paths // 4, 5)
    return [
        *(_coverage(rate, paths) for rate in (0.015, 0.05)),
        *(row for budget in BUDGETS for row in _healthy(budget, few)),
        *(row for rate in BAD_RATES for budget in BUDGETS for row in _bad(rate, budget, few)),
    ]


def _coverage(rate: float, paths: int) -> Row:
    rng = np.random.default_rng(902)
    missed = [_ever_above_limit(rng, rate) for _ in range(paths)]
    name = f"worst-case limit of the excess, 1 to {100 * rate:g} %, over the ramp"
    return Case("S9", name, "ever too low").rate(missed, at_most=0.05)


def _ever_above_limit(rng: np.random.Generator, rate: float) -> bool:
    counts, units = dict[float, tuple[int, int]](), np.zeros(2, dtype=np.int64)
    for share in (0.01, 0.05, 0.25, 0.5):
        for _ in range(COVERED_LOOKS):
            units += _one_look(rng, counts, share, rate)
            limit = excess_limit(
                strata(counts), candidate_units=int(units[0]), baseline_units=int(units[1])
            )
            if limit < rate - BASE_RATE:
                return True
    return False


def _one_look(
    rng: np.random.Generator, counts: dict[float, tuple[int, int]], share: float, rate: float
) -> tuple[int, int]:
    """Add the incidents of one batch of units to its stage; the units of both arms."""
    new = int(rng.binomial(UNITS_A_LOOK, share))
    old = UNITS_A_LOOK - new
    bad, of_base = counts.get(share, (0, 0))
    counts[share] = (
        bad + int(rng.binomial(new, rate)),
        of_base + int(rng.binomial(old, BASE_RATE)),
    )
    return new, old


def strata(counts: Mapping[float, tuple[int, int]]) -> list[IncidentStratum]:
    """Incidents by share, as the production functions take them."""
    return [IncidentStratum(bad, base, share) for share, (bad, base) in counts.items()]


def rollout(rng: np.random.Generator, rate: float, budget: float | None) -> Course:
    """One rollout to an alarm, or to 100 % and then on until the last look without a control.

    Args:
        rng: the generator.
        rate: the candidate's incident rate; the baseline's is 1 %.
        budget: excess incidents accepted until the next look; None for fixed steps.
    """
    counts, units = dict[float, tuple[int, int]](), np.zeros(2, dtype=np.int64)
    excess = 0.0
    for look in range(LOOKS):
        share = _share(counts, units.tolist(), look, budget)
        if share >= 1.0:
            rest = (LOOKS - look) * UNITS_A_LOOK * (rate - BASE_RATE)
            return Course(excess + rest, look * UNITS_A_LOOK, promoted=True)
        new, old = _one_look(rng, counts, share, rate)
        units += new, old
        excess += new * (rate - BASE_RATE)
        if log_e_harm(strata(counts)) >= LOG_20:
            return Course(excess, (look + 1) * UNITS_A_LOOK, promoted=False)
    return Course(excess, LOOKS * UNITS_A_LOOK, promoted=False)


def _share(
    counts: Mapping[float, tuple[int, int]], units: list[int], look: int, budget: float | None
) -> float:
    if budget is None:
        return FIXED[look] if look < len(FIXED) else 1.0
    share = next_share(
        strata(counts),
        candidate_units=units[0],
        baseline_units=units[1],
        units=UNITS_A_LOOK,
        budget=budget,
    )
    return 1.0 if share >= 1.0 else max(step for step in LADDER if step <= max(share, LADDER[0]))


def courses(rate: float, budget: float | None, paths: int) -> list[Course]:
    """Many rollouts, from one seed."""
    rng = np.random.default_rng(901)
    return [rollout(rng, rate, budget) for _ in range(paths)]


def ramp_name(budget: float | None) -> str:
    """How a row calls a ramp."""
    if budget is None:
        return "fixed steps 1/5/25/50 %, 5,000 units each"
    return f"a budget of {budget:g} excess incidents a look"


def _healthy(budget: float | None, paths: int) -> list[Row]:
    found = courses(BASE_RATE, budget, paths)
    name = f"healthy candidate, 1 %; {ramp_name(budget)}, looks of 1,000 units"
    until = [each.units for each in found if each.promoted]
    return [
        Case("S9", name, "falsely rolled back").rate(
            [each.rolled_back for each in found], at_most=0.05
        ),
        Case("S9", name, "promoted within 80,000 units").rate([each.promoted for each in found]),
        Case("S9", name, "mean units to 100 %").mean(until),
    ]


def _bad(rate: float, budget: float | None, paths: int) -> list[Row]:
    found = courses(rate, budget, paths)
    name = f"1 to {100 * rate:g} %; {ramp_name(budget)}, looks of 1,000 units"
    return [
        Case("S9", name, "mean units harmed").mean([each.excess for each in found]),
        Case("S9", name, "promoted").rate([each.promoted for each in found]),
    ]
