"""S10: the influence values written out, tuning from the past only, merging, and refusals."""

import math
from typing import Any, NamedTuple

import numpy as np
import pytest
from numpy.typing import NDArray

from anytime.errors import InvalidCount, InvalidLevel, InvalidShape, InvalidShare, InvalidValue
from anytime.mean_difference import half_width
from anytime.moments import Moments
from anytime.prediction_powered import LabelledScores, PowerTuned, label_mean, labelled_scores

Numbers = NDArray[np.float64]


class _World(NamedTuple):
    scores: Numbers
    labels: Numbers
    labelled: Numbers
    probability: float


def _world(seed: int, units: int, *, probability: float = 0.2, noise: float = 0.3) -> _World:
    """A judge who follows the label, but is 0.1 too kind."""
    rng = np.random.default_rng(seed)
    labels = rng.normal(0.6, 1.0, units)
    scores = labels + 0.1 + rng.normal(0.0, noise, units)
    labelled = (rng.random(units) < probability).astype(float)
    return _World(scores, np.where(labelled == 1.0, labels, math.nan), labelled, probability)


def _state(world: _World, start: int = 0, stop: int | None = None) -> LabelledScores:
    part = slice(start, stop)
    return labelled_scores(
        world.scores[part],
        world.labels[part],
        world.labelled[part],
        probability=world.probability,
    )


def _influence(world: _World, weight: float) -> Numbers:
    drawn = world.labelled == 1.0
    values = weight * world.scores
    values[drawn] += (world.labels[drawn] - weight * world.scores[drawn]) / world.probability
    return np.asarray(values)


@pytest.mark.parametrize("weight", [0.0, 0.7, 1.0])
def test_mean_and_width_are_those_of_the_influence_values_of_all_units(weight: float) -> None:
    world = _world(1, 3000)
    values = _influence(world, weight)
    result = label_mean(_state(world), planned=3000, weight=weight)
    assert result.estimate == pytest.approx(float(values.mean()))
    expected = half_width(float(values.var(ddof=1)), 3000, planned=3000)
    assert result.half_width == pytest.approx(expected)
    assert (result.units, result.enough) == (3000, True)


def test_probabilities_may_differ_from_unit_to_unit() -> None:
    world = _world(2, 1000)
    each = labelled_scores(
        world.scores, world.labels, world.labelled, probability=np.full(1000, world.probability)
    )
    assert each == _state(world)


def test_a_label_on_every_unit_makes_scores_irrelevant() -> None:
    rng = np.random.default_rng(3)
    labels, scores = rng.normal(size=800), 50.0 * rng.normal(size=800)
    state = labelled_scores(scores, labels, np.ones(800), probability=1.0)
    for weight in (0.0, 1.0):
        result = label_mean(state, planned=800, weight=weight)
        assert result.estimate == pytest.approx(float(labels.mean()))


def test_good_scores_narrow_the_interval() -> None:
    state = _state(_world(4, 20_000, probability=0.05))
    alone = label_mean(state, planned=20_000, weight=0.0)
    helped = label_mean(state, planned=20_000, weight=1.0)
    assert helped.half_width < 0.5 * alone.half_width


def test_merged_batches_say_what_all_units_say() -> None:
    world = _world(5, 2000)
    merged = _state(world, 0, 1) + _state(world, 1, 700) + _state(world, 700)
    expected = label_mean(_state(world), planned=2000)
    assert label_mean(merged, planned=2000) == pytest.approx(expected)


def test_tuning_weight_of_a_batch_is_learnt_from_earlier_batches_only() -> None:
    """By hand: the values of each batch with the best weight of everything before it."""
    world = _world(6, 4000, noise=2.0)
    fold, used, values = PowerTuned.start(), [], []
    for start in range(0, 4000, 500):
        before = slice(0, start)
        weight = 1.0
        if world.labelled[before].sum() >= 100:
            with_score, without = _influence(world, 1.0)[before], _influence(world, 0.0)[before]
            covariance = np.cov(without, with_score - without)
            weight = float(np.clip(-covariance[0, 1] / covariance[1, 1], 0.0, 1.0))
        assert fold.weight == pytest.approx(weight)
        used.append(weight)
        values.append(_influence(world, weight)[start : start + 500])
        fold = fold.extended(_state(world, start, start + 500))
    assert used[0] == 1.0
    assert 0.0 < used[-1] < 0.5
    result = fold.mean(planned=4000)
    together = np.concatenate(values)
    assert result.estimate == pytest.approx(float(together.mean()))
    expected = half_width(float(together.var(ddof=1)), 4000, planned=4000)
    assert result.half_width == pytest.approx(expected)


def test_scores_that_never_vary_get_no_weight_trouble() -> None:
    world = _world(7, 2000)._replace(scores=np.zeros(2000))
    fold = PowerTuned.start().extended(_state(world, 0, 1000)).extended(_state(world, 1000))
    assert fold.weight == 1.0
    assert fold.mean(planned=2000) == pytest.approx(
        label_mean(_state(world), planned=2000, weight=0.0)
    )


@pytest.mark.parametrize(
    ("units", "labels", "enough"),
    [(500, 100, True), (499, 100, False), (500, 99, False), (0, 0, False)],
)
def test_verdict_is_not_enough_data_below_the_minimum(
    units: int,
    labels: int,
    enough: bool,  # noqa: FBT001
) -> None:
    rng = np.random.default_rng(8)
    state = labelled_scores(
        rng.random(units), rng.random(units), np.arange(units) < labels, probability=0.2
    )
    result = label_mean(state, planned=1000)
    assert result.enough is enough
    if not enough:
        assert result[:4] == (None, -math.inf, math.inf, math.inf)


def test_a_fold_without_batches_has_not_enough_data() -> None:
    assert not PowerTuned.start().mean(planned=1000).enough


@pytest.mark.parametrize(
    ("changed", "error"),
    [
        pytest.param({"scores": [0.1, math.nan]}, InvalidValue, id="a score is missing"),
        pytest.param({"labels": [math.nan, 1.0]}, InvalidValue, id="a drawn label is missing"),
        pytest.param({"labels": [math.inf, 1.0]}, InvalidValue, id="a label is infinite"),
        pytest.param({"labelled": [0.5, 0.0]}, InvalidValue, id="half labelled"),
        pytest.param({"labelled": [math.nan, 0.0]}, InvalidValue, id="mark not a number"),
        pytest.param({"probability": 0.0}, InvalidShare, id="never drawn"),
        pytest.param({"probability": 1.1}, InvalidShare, id="above 1"),
        pytest.param({"probability": math.nan}, InvalidShare, id="chance not a number"),
        pytest.param({"probability": [0.5, -0.5]}, InvalidShare, id="one negative"),
        pytest.param({"probability": [0.5]}, InvalidShape, id="too few chances"),
        pytest.param({"scores": [0.1]}, InvalidShape, id="too few scores"),
        pytest.param({"labels": [0.1]}, InvalidShape, id="too few labels"),
        pytest.param({"labelled": [1.0, 0.0, 0.0]}, InvalidShape, id="too many marks"),
        pytest.param({"scores": [[0.1], [0.2]]}, InvalidShape, id="scores in two dimensions"),
    ],
)
def test_batches_that_cannot_be_are_refused(
    changed: dict[str, Any], error: type[Exception]
) -> None:
    given: dict[str, Any] = {
        "scores": [0.1, 0.2], "labels": [1.0, math.nan], "labelled": [1, 0], "probability": 0.5,
    }  # fmt: skip
    assert labelled_scores(**given).labels == 1
    with pytest.raises(error):
        labelled_scores(**(given | changed))


def test_states_and_settings_that_cannot_be_are_refused() -> None:
    moments = Moments.of([[1.0, 0.0], [0.0, 1.0]])
    for labels in (-1, 3):
        with pytest.raises(InvalidCount):
            LabelledScores(moments, labels)
    with pytest.raises(InvalidShape):
        LabelledScores(Moments.of([1.0, 2.0]), 1)
    state = LabelledScores(moments, 1)
    with pytest.raises(InvalidLevel):
        label_mean(state, planned=100, alpha=1.0)
    with pytest.raises(InvalidValue):
        label_mean(state, planned=0.0)
    with pytest.raises(InvalidValue):
        label_mean(state, planned=100, weight=math.nan)
