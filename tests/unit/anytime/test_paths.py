"""Log e-values of whole paths are those of the scalar functions, look by look."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from anytime import (
    IncidentStratum,
    InvalidCount,
    InvalidMargin,
    InvalidShare,
    OutcomeStratum,
    SplitStratum,
    bernoulli,
    multiplicity,
    paths,
    safe_logrank,
    sample_ratio,
    two_proportions,
)
from anytime.paths import IncidentPath, OutcomePath

LOOKS = 40
SHARES = (0.01, 0.05, 0.5)


def _path(seed: int, rate: float, cells: int) -> np.ndarray:
    """Running counts, shape (cells, LOOKS), the first of them none at all."""
    rng = np.random.default_rng(seed)
    news = rng.poisson(rate, (cells, LOOKS))
    news[:, 0] = 0
    return np.cumsum(news, axis=1)


def _same(path: np.ndarray, scalar: Callable[[int], float]) -> None:
    expected = [scalar(look) for look in range(LOOKS)]
    np.testing.assert_allclose(path, expected, rtol=1e-12, atol=1e-12)


def _stages(cells: int) -> list[tuple[Any, ...]]:
    """Two stages that are over, a number for each count, and one under way, a path for each."""
    over = [tuple(int(each[-1]) for each in _path(seed, 3.0, cells)) for seed in (1, 2)]
    counts = [*over, tuple(_path(3, 2.0, cells))]
    return [(*stage, share) for stage, share in zip(counts, SHARES, strict=True)]


def _at(stages: list[tuple[Any, ...]], look: int) -> list[tuple[Any, ...]]:
    return [
        (*(int(np.broadcast_to(count, LOOKS)[look]) for count in counts), share)
        for *counts, share in stages
    ]


def test_path_of_harm_of_incidents_is_the_scalar_function_at_every_look() -> None:
    stages = _stages(2)
    path = paths.log_e_harm(IncidentPath(*stage) for stage in stages)
    _same(path, lambda k: safe_logrank.log_e_harm(IncidentStratum(*s) for s in _at(stages, k)))


@pytest.mark.parametrize("margin", [0.4, 1.2, 2.0])
def test_path_of_non_inferior_incidents_is_the_scalar_function_at_every_look(margin: float) -> None:
    stages = _stages(2)
    path = paths.log_e_non_inferior_incidents((IncidentPath(*s) for s in stages), margin=margin)

    def scalar(look: int) -> float:
        strata = [IncidentStratum(*s) for s in _at(stages, look)]
        return safe_logrank.log_e_non_inferior(strata, margin=margin)

    _same(path, scalar)


def test_path_of_lower_outcomes_is_the_scalar_function_at_every_look() -> None:
    stages = _stages(4)
    path = paths.log_e_lower(OutcomePath(*stage) for stage in stages)
    _same(path, lambda k: two_proportions.log_e_lower(OutcomeStratum(*s) for s in _at(stages, k)))


def test_path_of_non_inferior_outcomes_is_the_scalar_function_at_every_look() -> None:
    stages = _stages(4)
    path = paths.log_e_non_inferior_outcomes((OutcomePath(*s) for s in stages), margin=0.05)

    def scalar(look: int) -> float:
        strata = [OutcomeStratum(*s) for s in _at(stages, look)]
        return two_proportions.log_e_non_inferior(strata, margin=0.05)

    _same(path, scalar)


@pytest.mark.parametrize("ceiling", [0.01, 0.3, 0.9])
def test_paths_of_a_rate_and_its_ceiling_are_the_scalar_functions_at_every_look(
    ceiling: float,
) -> None:
    incidents, rest = _path(4, 2.0, 2)
    for path, scalar in (
        (paths.log_e_below, bernoulli.log_e_below),
        (paths.log_e_above, bernoulli.log_e_above),
    ):
        found = path(incidents=incidents, units=incidents + rest, ceiling=ceiling)
        expected = [
            scalar(incidents=int(k), units=int(k + n), ceiling=ceiling)
            for k, n in zip(incidents, rest, strict=True)
        ]
        _same(found, expected.__getitem__)


def test_path_of_a_split_is_the_scalar_function_at_every_look() -> None:
    stages = _stages(2)
    path = paths.log_e_mismatch(IncidentPath(*stage) for stage in stages)
    _same(
        path,
        lambda k: sample_ratio.log_e_mismatch(
            SplitStratum((baseline, candidate), (1.0 - share, share))
            for candidate, baseline, share in _at(stages, k)
        ),
    )


@pytest.mark.parametrize(
    ("path", "limit"),
    [
        pytest.param(paths.log_e_of_upper_rate, bernoulli.upper_rate, id="upper"),
        pytest.param(paths.log_e_of_lower_rate, bernoulli.lower_rate, id="lower"),
    ],
)
def test_path_of_a_limit_of_a_rate_crosses_its_threshold_exactly_at_the_limit(
    path: Callable[..., np.ndarray], limit: Callable[..., float]
) -> None:
    counts = [(k, k + n) for k, n in zip(*_path(4, 2.0, 2).tolist(), strict=True) if k > 5]
    limits = [limit(incidents=k, units=n, alpha=0.01) for k, n in counts]
    assert all(0.0 < each < 1.0 for each in limits)
    incidents, units = np.array(counts).T
    found = path(incidents=incidents, units=units, rates=np.array(limits))
    np.testing.assert_allclose(found, np.log(100.0), rtol=1e-9)


def test_path_of_a_lower_ratio_crosses_its_threshold_exactly_at_the_limit() -> None:
    stages = _stages(2)
    limits = np.array(
        [
            safe_logrank.ratio_sequence([IncidentStratum(*s) for s in _at(stages, k)], alpha=0.5)[0]
            for k in range(LOOKS)
        ]
    )
    assert np.all(limits > 0.0)
    path = paths.log_e_of_lower_ratio((IncidentPath(*s) for s in stages), ratios=limits)
    np.testing.assert_allclose(path, np.log(4.0), rtol=1e-9)


def test_path_of_a_mean_is_the_scalar_function_at_every_look() -> None:
    one, other = np.random.default_rng(5).normal(0.0, 300.0, (2, LOOKS))
    _same(
        paths.log_mean([one, other]),
        lambda k: multiplicity.log_mean([float(one[k]), float(other[k])]),
    )


def test_paths_with_no_unit_are_exactly_zero() -> None:
    nothing = np.zeros(3, int)
    incidents = [IncidentPath(nothing, 0, 0.3)]
    outcomes = [OutcomePath(0, nothing, 0, 0, 0.3)]
    for path in (
        paths.log_e_harm(incidents),
        paths.log_e_non_inferior_incidents(incidents, margin=1.5),
        paths.log_e_lower(outcomes),
        paths.log_e_non_inferior_outcomes(outcomes, margin=0.05),
        paths.log_e_mismatch(incidents),
        paths.log_e_below(incidents=nothing, units=nothing, ceiling=0.1),
        paths.log_e_above(incidents=nothing, units=nothing, ceiling=0.1),
    ):
        assert path.tolist() == [0.0, 0.0, 0.0]


def test_paths_of_many_guardrails_at_once_keep_their_shape() -> None:
    """One look, too, may ask many guardrails of many arms: counts of shape (20, 4)."""
    candidate, baseline = np.random.default_rng(6).poisson(5.0, (2, 20, 4))
    found = paths.log_e_harm([IncidentPath(candidate, baseline, 0.2)])
    assert found.shape == (20, 4)
    expected = safe_logrank.log_e_harm(
        [IncidentStratum(int(candidate[7, 2]), int(baseline[7, 2]), 0.2)]
    )
    assert found[7, 2] == pytest.approx(expected, rel=1e-12)


@pytest.mark.parametrize(
    ("asked", "error"),
    [
        pytest.param(
            lambda: paths.log_e_harm([IncidentPath(np.array([0, -1]), 0, 0.5)]),
            InvalidCount,
            id="a negative count",
        ),
        pytest.param(
            lambda: paths.log_e_lower([OutcomePath(0, 0, 0, 0, 1.0)]), InvalidShare, id="share 1"
        ),
        pytest.param(
            lambda: paths.log_e_mismatch([IncidentPath(0, 0, 0.0)]), InvalidShare, id="share 0"
        ),
        pytest.param(
            lambda: paths.log_e_below(incidents=np.array([1, 2]), units=1, ceiling=0.1),
            InvalidCount,
            id="more incidents than units",
        ),
        pytest.param(
            lambda: paths.log_e_below(incidents=0, units=1, ceiling=1.0),
            InvalidMargin,
            id="ceiling 1",
        ),
        pytest.param(
            lambda: paths.log_e_above(incidents=0, units=1, ceiling=0.0),
            InvalidMargin,
            id="ceiling 0",
        ),
        pytest.param(
            lambda: paths.log_e_of_upper_rate(incidents=0, units=1, rates=np.array([0.5, 1.0])),
            InvalidMargin,
            id="a limit of 1",
        ),
        pytest.param(
            lambda: paths.log_e_of_lower_ratio([], ratios=np.array([1.0, 0.0])),
            InvalidMargin,
            id="a limit of 0",
        ),
        pytest.param(
            lambda: paths.log_e_non_inferior_incidents([], margin=0.0),
            InvalidMargin,
            id="a ratio of 0",
        ),
        pytest.param(
            lambda: paths.log_e_non_inferior_outcomes([], margin=1.0),
            InvalidMargin,
            id="a loss of 1",
        ),
    ],
)
def test_paths_refuse_what_cannot_be(asked: Callable[[], Any], error: type[Exception]) -> None:
    with pytest.raises(error):
        asked()
