"""S3b: two success rates, by the two-sample Bernoulli e-process over the ramp."""

import numpy as np
from incident_paths import RAMP, stages_along
from mixtures import LOG_20
from rows import Case, Counts, Numbers, Row

from anytime.paths import OutcomePath, log_e_lower, log_e_non_inferior_outcomes

MARGINS = (0.05, 0.2)

_AT_ONCE = 1000  # paths held in memory


def outcome_rows(paths: int) -> list[Row]:
    """Loss of successes in an A/A, and certificates with the truth on the margin."""
    drifting = "A/A over the ramp, success rate drifting 35 to 90 %"
    null = Case("S3b", drifting, "false alarms").rate(_peaks(paths, 0.0) >= LOG_20, at_most=0.05)
    return [null, *(_margin(paths, margin) for margin in MARGINS)]


def _margin(paths: int, margin: float) -> Row:
    name = f"success exactly {100 * margin:g} points lower, the margin, over the ramp"
    case = Case("S3b", name, "false certificates")
    return case.rate(_peaks(paths, margin) >= LOG_20, at_most=0.05)


def _peaks(paths: int, margin: float) -> Numbers:
    """The largest log e-value of each path with the truth on the null's edge, shape (paths,)."""
    size = min(paths, _AT_ONCE)
    blocks = (outcomes_over_ramp(size, 2000 + seed, margin) for seed in range(-(-paths // size)))
    return np.concatenate([outcome_log_e(each, margin).max(axis=1) for each in blocks])


def outcomes_over_ramp(paths: int, seed: int, loss: float) -> list[Counts]:
    """Counts of each look in the order of OutcomePath, each of shape (paths, looks).

    Args:
        paths: how many rollouts.
        seed: of the generator.
        loss: by how much the candidate's success rate is lower.
    """
    rng = np.random.default_rng(seed)
    base = 0.35 + 0.55 * RAMP.drift
    on_candidate = rng.binomial(RAMP.units, RAMP.shares, (paths, len(base)))
    won = rng.binomial(on_candidate, base - loss)
    baseline_won = rng.binomial(RAMP.units - on_candidate, base)
    return [won, on_candidate - won, baseline_won, RAMP.units - on_candidate - baseline_won]


def outcome_log_e(counts: list[Counts], margin: float) -> Numbers:
    """Log e-value after each look, shape (paths, looks); of harm where the margin is 0."""
    stages = stages_along(OutcomePath, counts)
    if not margin:
        return np.concatenate([log_e_lower(strata) for strata in stages], axis=1)
    found = [log_e_non_inferior_outcomes(strata, margin=margin) for strata in stages]
    return np.concatenate(found, axis=1)
