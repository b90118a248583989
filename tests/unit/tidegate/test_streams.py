"""Made-up traffic: running counts that add up, looks where they must be, the rates asked for."""

import itertools
import math

import numpy as np
import pytest

from tidegate.service.streams import InBatches, Looks, Stream, Truth, UnitByUnit

RATES = np.array([[0.02], [0.6]])
WORSE = np.array([[0.1], [0.3]])


def _units(units: int, *, look_at_hits: bool = False, seed: int = 1) -> UnitByUnit:
    return UnitByUnit(
        Truth(RATES, WORSE),
        units,
        look_every=250,
        look_at_hits=look_at_hits,
        generator=np.random.default_rng(seed),
    )


def _batches(units: int, seed: int = 1) -> InBatches:
    generator = np.random.default_rng(seed)
    return InBatches(Truth(RATES, WORSE), units, look_every=25, generator=generator)


def _whole(stream: Stream, first: int, share: float, marks: tuple[int, ...]) -> Looks:
    pieces = list(stream.stage(first, share, marks))
    return Looks(*(np.concatenate(counts, axis=-1) for counts in zip(*pieces, strict=True)))


def test_running_counts_of_units_are_those_of_the_units_themselves() -> None:
    stream = _units(20_000, look_at_hits=True)
    looks = _whole(stream, 3000, 0.3, (700,))
    on_candidate, hit = stream.fates(3000, 20_000, 0.3)
    for place in (0, 7, len(looks.units) // 2, -1):
        seen = int(looks.units[place])
        assert looks.candidate[place] == np.count_nonzero(on_candidate[:seen])
        for guardrail in (0, 1):
            there = np.count_nonzero((hit[guardrail] & on_candidate)[:seen])
            assert looks.candidate_hits[guardrail, place] == there
            assert looks.baseline_hits[guardrail, place] == np.sum(hit[guardrail, :seen]) - there


def test_looks_at_units_are_at_every_so_many_at_marks_and_at_the_end() -> None:
    looks = _whole(_units(10_100), 1000, 0.3, (1, 700))
    assert looks.units.tolist() == sorted({*range(250, 9100, 250), 1, 700, 9100})


def test_looks_at_incidents_come_right_after_them() -> None:
    stream = _units(5000, look_at_hits=True)
    looks = _whole(stream, 0, 0.3, ())
    hits = np.flatnonzero(stream.fates(0, 5000, 0.3)[1].any(axis=0)) + 1
    assert set(hits.tolist()) <= set(looks.units.tolist())


@pytest.mark.parametrize("made", [_units, _batches])
def test_pieces_of_a_stage_follow_one_another_without_a_gap(made: type[Stream]) -> None:
    pieces = list(made(100_000).stage(10_000, 0.5, (2000, 70_000)))
    assert len(pieces) > 3
    units = np.concatenate([piece.units for piece in pieces])
    assert np.all(np.diff(units) > 0)
    assert {2000, 70_000, 90_000} <= set(units.tolist())
    for before, after in itertools.pairwise(pieces):
        assert np.all(after.candidate_hits[:, 0] >= before.candidate_hits[:, -1])


@pytest.mark.parametrize("made", [_units, _batches])
def test_shares_and_rates_are_those_asked_for(made: type[Stream]) -> None:
    """Within four standard errors."""
    looks = _whole(made(200_000), 0, 0.25, ())
    units, candidate = int(looks.units[-1]), int(looks.candidate[-1])
    assert units == 200_000
    assert abs(candidate / units - 0.25) < 4 * math.sqrt(0.25 * 0.75 / units)
    for hits, of, rates in (
        (looks.candidate_hits, candidate, WORSE),
        (looks.baseline_hits, units - candidate, RATES),
    ):
        seen, true = hits[:, -1] / of, rates[:, 0]
        assert np.all(np.abs(seen - true) < 4 * np.sqrt(true * (1 - true) / of))


def test_stage_of_a_million_units_takes_few_looks_in_batches() -> None:
    looks = _whole(_batches(1_000_000), 0, 0.5, ())
    assert len(looks.units) < 1500
    gaps = np.diff(looks.units, prepend=0)
    assert np.all(gaps <= np.maximum(25, 0.01 * looks.units + 1))


def test_stage_that_begins_at_the_end_has_no_look() -> None:
    assert list(_units(1000).stage(1000, 0.5, (1,))) == []
    assert list(_batches(1000).stage(1000, 0.5, (1,))) == []
