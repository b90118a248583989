"""Units of a canary one by one, many streams at once, and when each method first sees harm.

All methods read the same streams, so that their ratio is known better than either mean.
"""

import math
from collections.abc import Callable, Mapping
from typing import NamedTuple, TypeAlias

import growthbook
import numpy as np
from incident_paths import Question, harm, rejecting_counts
from mixtures import LOG_20
from rows import Counts, Flags, Numbers

from anytime.safe_logrank import UNIFORM_HARM_MIXTURE

BATCH = 100
"""Units between two looks of GrowthBook's method; the others look at every unit."""

_AT_ONCE = 2_000_000  # units held in memory


class Canary(NamedTuple):
    """A case: true incident rates of baseline and candidate, and the candidate's share."""

    baseline: float
    harmed: float
    share: float

    @property
    def name(self) -> str:
        """As a reader calls it."""
        rates = f"{100 * self.baseline:g} to {100 * self.harmed:g} %"
        return f"{rates} at share {100 * self.share:g} %"

    @property
    def pooled(self) -> float:
        """The incident rate of all units together."""
        return self.share * self.harmed + (1.0 - self.share) * self.baseline


HORIZONS = {
    Canary(0.01, 0.02, 0.01): 700_000,
    Canary(0.01, 0.02, 0.05): 160_000,
    Canary(0.01, 0.02, 0.5): 40_000,
    Canary(0.01, 0.05, 0.01): 90_000,
    Canary(0.01, 0.05, 0.05): 20_000,
    Canary(0.01, 0.05, 0.5): 6_000,
    Canary(0.001, 0.01, 0.01): 300_000,
    Canary(0.001, 0.01, 0.05): 60_000,
    Canary(0.001, 0.01, 0.5): 16_000,
}
"""The nine cases, each with a horizon in units far beyond S1's decision."""


class Seen(NamedTuple):
    """Totals of each stream after each unit, each of shape (streams, units)."""

    units: Counts
    candidates: Counts
    incidents: Counts
    on_candidate: Counts


Rule: TypeAlias = Callable[[Seen], Flags]


class Method(NamedTuple):
    """When a method sees harm: a rule, and how many units lie between two looks."""

    rule: Rule
    every: int = 1


OURS, EQUAL, ORACLE, GROWTHBOOK = "S1", "S1, equal weights", "oracle", "GrowthBook"
"""The four methods that are compared."""


def methods(case: Canary, most: int) -> Mapping[str, Method]:
    """The four methods in a case; the oracle knows its rates.

    Args:
        case: what is true.
        most: units that a stream may have.
    """
    return {
        OURS: Method(_logrank(case, harm(), most)),
        EQUAL: Method(_logrank(case, harm(UNIFORM_HARM_MIXTURE), most)),
        ORACLE: Method(_oracle(case)),
        GROWTHBOOK: Method(_growthbook, BATCH),
    }


def _logrank(case: Canary, question: Question, most: int) -> Rule:
    expected = most * case.pooled
    incidents = math.ceil(expected + 10.0 * math.sqrt(expected) + 10.0)
    needed = rejecting_counts(case.share, incidents, question)

    def rule(seen: Seen) -> Flags:
        return np.asarray(seen.on_candidate >= needed[seen.incidents])

    return rule


def _oracle(case: Canary) -> Rule:
    """Wald's test of both rates against one common rate, the average by share."""
    pooled = case.pooled

    def gains(rate: float) -> tuple[float, float]:
        return math.log(rate / pooled), math.log((1.0 - rate) / (1.0 - pooled))

    (bad, clean), (base_bad, base_clean) = gains(case.harmed), gains(case.baseline)

    def rule(seen: Seen) -> Flags:
        on_baseline = seen.incidents - seen.on_candidate
        log_e = (
            seen.on_candidate * (bad - clean)
            + on_baseline * (base_bad - base_clean)
            + seen.candidates * (clean - base_clean)
            + seen.units * base_clean
        )
        return np.asarray(log_e >= LOG_20)

    return rule


def _growthbook(seen: Seen) -> Flags:
    return growthbook.harm_seen(
        growthbook.Totals(
            seen.candidates,
            seen.on_candidate,
            seen.units - seen.candidates,
            seen.incidents - seen.on_candidate,
        )
    )


def units_until_harm_is_seen(
    case: Canary, streams: int, most: int, seed: int
) -> dict[str, Numbers]:
    """Units until each method first sees harm in each stream, shape (streams,).

    Args:
        case: what is true.
        streams: how many.
        most: units at which a stream ends; a method that has not seen harm by then gets this.
        seed: of the generator.
    """
    rng = np.random.default_rng(seed)
    asked = methods(case, most + _AT_ONCE // 10)
    found = {name: np.full(streams, np.inf) for name in asked}
    totals = np.zeros((4, streams), dtype=np.int64)
    while (open_ := _undecided(found, totals[0] < most)).size:
        length = max(1, min(_AT_ONCE // open_.size, _AT_ONCE // 10) // BATCH) * BATCH
        seen = _next_units(rng, case, totals[:, open_], length)
        for name, method in asked.items():
            _note(found[name], open_, method, seen)
        totals[:, open_] = [each[:, -1] for each in seen]
    return {name: np.minimum(units, most) for name, units in found.items()}


def _undecided(found: Mapping[str, Numbers], running: Flags) -> Counts:
    """The streams that go on and in which some method has not seen harm."""
    return np.flatnonzero(running & np.any(np.isinf(list(found.values())), axis=0))


def _note(found: Numbers, open_: Counts, method: Method, seen: Seen) -> None:
    """Write down when a method sees harm in those open streams in which it has not yet."""
    waiting = np.isinf(found[open_])
    found[open_[waiting]] = _first(method, Seen(*(each[waiting] for each in seen)))


def _next_units(rng: np.random.Generator, case: Canary, before: Counts, length: int) -> Seen:
    shape = (before.shape[1], length)
    on_candidate = rng.random(shape, dtype=np.float32) < case.share
    rate = np.where(on_candidate, np.float32(case.harmed), np.float32(case.baseline))
    hit = rng.random(shape, dtype=np.float32) < rate
    news = (np.ones(shape, dtype=bool), on_candidate, hit, on_candidate & hit)
    return Seen(
        *(
            start[:, None] + np.cumsum(new, axis=1, dtype=np.int32)
            for start, new in zip(before.astype(np.int32), news, strict=True)
        )
    )


def _first(method: Method, seen: Seen) -> Numbers:
    """Units at the first look that sees harm, inf if none does, shape (streams,)."""
    looks = Seen(*(each[:, method.every - 1 :: method.every] for each in seen))
    crossed = method.rule(looks)
    units = np.take_along_axis(looks.units, crossed.argmax(axis=1)[:, None], axis=1)[:, 0]
    return np.where(crossed.any(axis=1), units, np.inf)
