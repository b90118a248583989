"""One look at 20 guardrails and 5 arms: from 10,000 new units to every e-value and verdict.

Measured three ways on the same counts: by `assess`, which the engine calls for each candidate; by
`anytime.paths`, which asks all guardrails of all candidates at once; and by plain numpy with no
checks, the reference. Times are of the processor, so that other work on the machine matters little.
"""

import statistics
import time
from collections.abc import Callable
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from anytime import paths
from anytime.bernoulli import ABOVE_MULTIPLES, BELOW_FRACTIONS
from anytime.safe_logrank import HARM_MIXTURE
from tidegate.domain.assessment import Assessment, assess
from tidegate.domain.canary import Step
from tidegate.domain.evidence import ArmCounts, Evidence, StageCounts
from tidegate.domain.installation import Budgets
from tidegate.domain.metrics import Guardrail
from tidegate.domain.policy import Policy
from tidegate_sdk.bucketing import PARTS

GUARDRAILS, ARMS, NEW_UNITS = 20, 5, 10_000
HISTORIES = (10_000, 10_000_000)
"""Units of all arms before the look."""

RATE, CEILING, NEGLIGIBLE, MARGIN = 0.01, 0.02, 0.01, 1.5
SHARE = 0.5
"""A candidate's share of the units of itself and of the control: all arms are alike."""

_ROUNDS = 15
_NAMES = tuple(f"guardrail-{number}" for number in range(GUARDRAILS))
_POLICY = Policy(
    budgets=Budgets(),
    guardrails=tuple(Guardrail(name=name, ceiling="2%") for name in _NAMES),
    steps=(Step(set_weight="50%"), Step(set_weight="100%")),
)

Numbers = NDArray[np.float64]


class Counts(NamedTuple):
    """What is known of an experiment: units, shape (ARMS,); incidents, shape (ARMS, GUARDRAILS)."""

    units: NDArray[np.int64]
    incidents: NDArray[np.int64]

    def updated(self, arm: NDArray[np.int64], hit: NDArray[np.bool_]) -> "Counts":
        """With new units: their arms, shape (n,), and who had which incident, (n, GUARDRAILS)."""
        member = arm == np.arange(ARMS)[:, np.newaxis]
        news = member.astype(np.float32) @ hit.astype(np.float32)
        return Counts(self.units + member.sum(axis=1), self.incidents + news.astype(np.int64))


def by_assessment(counts: Counts) -> list[tuple[Assessment, ...]]:
    """As the engine does it: one assessment of each guardrail of each candidate."""
    control = _arm(counts, 0)
    return [
        assess(
            _POLICY,
            Evidence(
                step=0,
                paused=False,
                seq=1,
                stages=(
                    StageCounts(
                        step=0,
                        share_ppm=round(SHARE * PARTS),
                        baseline=control,
                        candidate=_arm(counts, candidate),
                    ),
                ),
            ),
        )
        for candidate in range(1, ARMS)
    ]


def _arm(counts: Counts, arm: int) -> ArmCounts:
    units = int(counts.units[arm])
    incidents = dict(zip(_NAMES, counts.incidents[arm].tolist(), strict=True))
    return ArmCounts(units=units, newcomers=units, matured=units, incidents=incidents)


def by_paths(counts: Counts) -> tuple[Numbers, Numbers]:
    """Harm and safety of all guardrails of all candidates at once, (ARMS - 1, GUARDRAILS) each."""
    hits, units = counts.incidents[1:], counts.units[1:, np.newaxis]
    strata = [paths.IncidentPath(hits, counts.incidents[0], SHARE)]
    above = paths.log_e_above(incidents=hits, units=units, ceiling=CEILING)
    below = paths.log_e_below(incidents=hits, units=units, ceiling=CEILING)
    rare = paths.log_e_below(incidents=hits, units=units, ceiling=NEGLIGIBLE)
    ratio = paths.log_e_non_inferior_incidents(strata, margin=MARGIN)
    harm = np.maximum(paths.log_e_harm(strata), above)
    return harm, np.minimum(paths.log_mean([ratio, rare]), below)


def by_bare_numpy(counts: Counts) -> tuple[Numbers, Numbers]:
    """The same sums, written down once more with nothing around them."""
    hits = counts.incidents[1:, :, np.newaxis].astype(float)
    total = hits + counts.incidents[0][:, np.newaxis]
    rest = counts.units[1:, np.newaxis, np.newaxis] - hits
    harm = np.array(list(HARM_MIXTURE))
    safe = np.array([0.5, 0.8, 1.0, MARGIN**0.5])
    worse, rarer = CEILING * np.array(ABOVE_MULTIPLES), np.array(BELOW_FRACTIONS)

    def ratio(grid: Numbers, null: float) -> Numbers:
        spread = np.log((grid * SHARE + 1 - SHARE) / (null * SHARE + 1 - SHARE))
        return hits * np.log(grid / null) - total * spread

    def mean(logs: Numbers, weights: Numbers | None = None) -> Numbers:
        peak = logs.max(axis=-1, keepdims=True)
        return peak[..., 0] + np.log(np.average(np.exp(logs - peak), axis=-1, weights=weights))

    def below(ceiling: float) -> Numbers:
        lost = np.where(rarer > 0.0, hits * np.log(np.maximum(rarer, 1e-300)), -np.inf)
        logs = np.where((rarer == 0.0) & (hits == 0.0), 0.0, lost)
        return mean(logs + rest * np.log((1 - rarer * ceiling) / (1 - ceiling)))

    above = mean(hits * np.log(worse / CEILING) + rest * np.log((1 - worse) / (1 - CEILING)))
    seen = mean(ratio(harm, 1.0), np.array(list(HARM_MIXTURE.values())))
    either = np.logaddexp(mean(ratio(safe, MARGIN)), below(NEGLIGIBLE)) - np.log(2.0)
    return np.maximum(seen, above), np.minimum(either, below(CEILING))


def looks() -> dict[str, float]:
    """Times of one look at a short and at a long history, and their ratios."""
    generator = np.random.default_rng(1)
    arm = generator.integers(0, ARMS, NEW_UNITS)
    hit = generator.random((NEW_UNITS, GUARDRAILS)) < RATE
    found: dict[str, float] = {}
    for history in HISTORIES:
        before = Counts(
            np.full(ARMS, history // ARMS),
            generator.binomial(history // ARMS, RATE, (ARMS, GUARDRAILS)),
        )
        _agree(before.updated(arm, hit))
        for name, ask in (
            ("assess", by_assessment),
            ("paths", by_paths),
            ("bare_numpy", by_bare_numpy),
        ):
            asked = _milliseconds(lambda ask=ask, before=before: ask(before.updated(arm, hit)))
            found[f"look_20x5_{name}_ms_at_{history}"] = asked
    short, long = (f"ms_at_{history}" for history in HISTORIES)
    bare = found[f"look_20x5_bare_numpy_{long}"]
    for name in ("assess", "paths"):
        time_long = found[f"look_20x5_{name}_{long}"]
        found[f"look_20x5_{name}_longer_to_short"] = time_long / found[f"look_20x5_{name}_{short}"]
        found[f"look_20x5_{name}_to_bare_numpy"] = time_long / bare
    return found


def _agree(counts: Counts) -> None:
    """All three ways give the same e-values, or their times mean nothing."""
    assessed = by_assessment(counts)
    harm = np.array([[each.log_e_harm for each in arm] for arm in assessed])
    safe = np.array([[each.log_e_safe for each in arm] for arm in assessed])
    for others in (by_paths(counts), by_bare_numpy(counts)):
        np.testing.assert_allclose(others[0], harm, rtol=1e-9, atol=1e-9)
        np.testing.assert_allclose(others[1], safe, rtol=1e-9, atol=1e-9)


def _milliseconds(action: Callable[[], object]) -> float:
    times = []
    for _ in range(_ROUNDS):
        began = time.process_time()
        action()
        times.append(time.process_time() - began)
    return 1000 * statistics.median(times)
