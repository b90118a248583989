"""Incidents of units that stay at risk: an exact martingale, and each unit at most once."""

import json
import math
from collections.abc import Sequence
from fractions import Fraction
from itertools import product
from typing import Any

import numpy as np
import pytest

from anytime import IncidentStratum, InvalidCount, InvalidMargin, safe_logrank
from anytime.ongoing import (
    OngoingStratum,
    UnitEvent,
    carried,
    exposed,
    follow,
    harm_stratum,
    incident,
    left,
    log_e,
    non_inferior_stratum,
)

LOG_20 = math.log(20.0)
QUESTIONS = [
    pytest.param(harm_stratum(), id="harm"),
    pytest.param(harm_stratum(null_ratio=1.5), id="harm beyond 1.5"),
    pytest.param(non_inferior_stratum(margin=1.0), id="margin 1"),
    pytest.param(non_inferior_stratum(margin=1.5), id="margin 1.5"),
    pytest.param(non_inferior_stratum(margin=0.3), id="margin below the grid"),
]
SCRIPTS = [
    pytest.param("EEIEIEI", id="staggered"),
    pytest.param("EEEEIIII", id="until nobody is left"),
    pytest.param("EEEIE|EEIEI", id="two stages"),
    pytest.param("EEI|EIEEI|EEII", id="three stages"),
]


@pytest.mark.parametrize("question", QUESTIONS)
@pytest.mark.parametrize("at_risk", [(1, 1), (1, 999), (40, 60), (700, 3), (5, 0), (0, 5)])
def test_an_incident_on_the_null_edge_on_average_leaves_the_e_value_as_it_was(
    question: OngoingStratum, at_risk: tuple[int, int]
) -> None:
    used = _used(question)
    before = used._replace(candidate=at_risk[0], baseline=at_risk[1])
    assert _growth(before, question.null_ratio) == pytest.approx(1.0, abs=1e-12)


@pytest.mark.parametrize("question", QUESTIONS)
@pytest.mark.parametrize("at_risk", [(1, 999), (40, 60), (700, 3)])
def test_an_incident_inside_the_null_on_average_lowers_the_e_value(
    question: OngoingStratum, at_risk: tuple[int, int]
) -> None:
    inside = 0.7 if question.alternatives[0] > question.null_ratio else 1.4
    before = _used(question)._replace(candidate=at_risk[0], baseline=at_risk[1])
    assert _growth(before, inside * question.null_ratio) < 1.0


@pytest.mark.parametrize("script", SCRIPTS)
@pytest.mark.parametrize("share", [0.2, 0.5])
def test_expectation_at_a_ratio_of_one_over_all_paths_of_a_drifting_hazard_is_exactly_one(
    script: str, share: float
) -> None:
    """The hazard decides only when incidents fall (I) between exposures (E); stages end at |."""
    assert _expected(script, share, [harm_stratum()]) == pytest.approx(1.0, abs=1e-12)


def test_expectation_where_new_units_are_the_ones_that_fail_exceeds_one() -> None:
    """The limit of counts at risk: the arms are alike, the hazards of old and new units are not.

    Two units come and the first fails; one more comes and fails at once. With assigned shares in
    place of counts the expectation is 1, whoever fails.
    """
    by_counts = by_share = 0.0
    for first, second, third in product((True, False), repeat=3):
        stage = follow(harm_stratum(), [UnitEvent("exposed", first), UnitEvent("exposed", second)])
        stage = incident(stage, on_candidate=first)
        stage = follow(stage, [UnitEvent("exposed", third), UnitEvent("incident", third)])
        incidents = IncidentStratum(first + third, 2 - first - third, 0.5)
        by_counts += math.exp(log_e([stage])) / 8
        by_share += math.exp(safe_logrank.log_e_harm([incidents])) / 8
    assert by_share == pytest.approx(1.0, abs=1e-12)
    assert by_counts > 1.01


@pytest.mark.parametrize("question", QUESTIONS)
def test_e_value_equals_the_exact_product_over_incidents(question: OngoingStratum) -> None:
    steps = [(3, 17, True), (2, 17, False), (9, 30, True), (8, 30, True), (7, 30, False)]
    stage = question
    products = [Fraction(1)] * len(question.alternatives)
    for candidate, baseline, on_candidate in steps:
        stage = stage._replace(candidate=candidate, baseline=baseline)
        stage = incident(stage, on_candidate=on_candidate)
        null = _theta(question.null_ratio, candidate, baseline)
        for j, ratio in enumerate(question.alternatives):
            theta = _theta(ratio, candidate, baseline)
            products[j] *= theta / null if on_candidate else (1 - theta) / (1 - null)
    weights = [Fraction(weight) for weight in question.weights]
    mean = sum(w * p for w, p in zip(weights, products, strict=True)) / sum(weights)
    assert log_e([stage]) == pytest.approx(math.log(mean), abs=1e-12)


def test_e_value_of_rare_incidents_is_that_of_assigned_shares() -> None:
    stage = exposed(harm_stratum(), candidate=5 * 10**8, baseline=95 * 10**8)
    stage = follow(stage, [UnitEvent("incident", each % 4 == 0) for each in range(20)])
    of_shares = safe_logrank.log_e_harm([IncidentStratum(5, 15, 0.05)])
    assert log_e([stage]) == pytest.approx(of_shares, abs=1e-6)


def test_e_value_of_no_stage_and_of_stages_without_incident_is_exactly_one() -> None:
    stage = exposed(harm_stratum(), candidate=10, baseline=90)
    assert log_e([]) == 0.0
    assert log_e([harm_stratum(), stage, left(stage, on_candidate=True)]) == 0.0


@pytest.mark.parametrize("cuts", [[0], [1], [7, 8, 9], [100, 250], list(range(400))])
def test_events_cut_into_any_batches_give_the_same_bits(cuts: list[int]) -> None:
    events = _random_events(400, seed=50)
    whole = follow(harm_stratum(), events)
    parts = harm_stratum()
    for start, end in zip([0, *cuts], [*cuts, len(events)], strict=True):
        parts = follow(parts, events[start:end])
    assert parts == whole


def test_state_written_as_json_and_read_back_goes_on_as_if_nothing_had_happened() -> None:
    events = _random_events(300, seed=51)
    half = follow(harm_stratum(), events[:150])
    read = OngoingStratum(*json.loads(json.dumps(half)))
    from_read, from_kept = follow(read, events[150:]), follow(half, events[150:])
    assert json.dumps(from_read) == json.dumps(from_kept)
    assert log_e([read, from_kept]) == log_e([half, from_read])


def test_stages_in_any_order_or_carried_as_one_give_the_same_e_value() -> None:
    first, second, third = (follow(harm_stratum(), _random_events(200, seed)) for seed in (1, 2, 3))
    expected = log_e([first, second, third])
    assert log_e([third, first, second]) == pytest.approx(expected, abs=1e-12)
    assert log_e([carried([first, second]), third]) == pytest.approx(expected, abs=1e-12)
    assert (carried([first]).candidate, carried([first]).baseline) == (0, 0)


def test_stages_are_multiplied_before_they_are_mixed() -> None:
    stage = exposed(harm_stratum(), candidate=50, baseline=50)
    for _ in range(8):
        stage = incident(stage, on_candidate=True)
    one_mixture, product_of_mixtures = log_e([stage, stage]), 2.0 * log_e([stage])
    assert one_mixture > product_of_mixtures + 0.1


def test_each_unit_of_a_crowd_with_many_incidents_counts_once() -> None:
    """A ledger by name beside the counts: what was bet on is each unit's first incident alone."""
    rng = np.random.default_rng(52)
    arms = (rng.random(300) < 0.3).tolist()
    stage, at_risk, harmed = harm_stratum(), set[int](), set[int]()
    for unit, fails in zip(rng.integers(0, 300, 3000).tolist(), rng.random(3000), strict=True):
        if unit not in at_risk | harmed:
            at_risk.add(unit)
            stage = exposed(stage, candidate=int(arms[unit]), baseline=int(not arms[unit]))
        if fails < 0.4 and unit in at_risk:
            at_risk.discard(unit)
            harmed.add(unit)
            stage = incident(stage, on_candidate=arms[unit])
        on_candidate = sum(arms[each] for each in at_risk)
        assert (stage.candidate, stage.baseline) == (on_candidate, len(at_risk) - on_candidate)
    assert len(harmed) > 250
    # Those who failed and those who did not are all that ever came, each of them once.
    assert stage.candidate + stage.baseline + len(harmed) == len(at_risk | harmed)


@pytest.mark.parametrize("on_candidate", [True, False])
def test_second_incident_of_the_only_unit_of_an_arm_is_refused(*, on_candidate: bool) -> None:
    stage = exposed(harm_stratum(), candidate=1, baseline=1)
    stage = incident(stage, on_candidate=on_candidate)
    named = "candidate == 0" if on_candidate else "baseline == 0"
    with pytest.raises(InvalidCount, match=named):
        incident(stage, on_candidate=on_candidate)
    with pytest.raises(InvalidCount, match=named):
        left(stage, on_candidate=on_candidate)


@pytest.mark.parametrize("count", [-1, math.nan, math.inf])
@pytest.mark.parametrize("arm", ["candidate", "baseline"])
def test_impossible_number_of_exposed_units_is_refused(arm: str, count: Any) -> None:
    with pytest.raises(InvalidCount, match=f"{arm} == {count}"):
        exposed(harm_stratum(), **{arm: count})


@pytest.mark.parametrize("ratio", [0.0, -1.0, math.inf, math.nan])
def test_question_about_an_impossible_ratio_is_refused(ratio: float) -> None:
    with pytest.raises(InvalidMargin, match=f"null_ratio == {ratio}"):
        harm_stratum(null_ratio=ratio)
    with pytest.raises(InvalidMargin, match=f"margin == {ratio}"):
        non_inferior_stratum(margin=ratio)


@pytest.mark.parametrize("mixture", [{}, {1.0: 1.0}, {2.0: 0.0}, {math.nan: 1.0}])
def test_question_with_an_impossible_mixture_is_refused(mixture: dict[float, float]) -> None:
    with pytest.raises(InvalidMargin, match="mixture"):
        harm_stratum(mixture=mixture)


def test_stages_of_different_questions_are_refused() -> None:
    with pytest.raises(InvalidMargin, match="alternatives"):
        log_e([harm_stratum(), harm_stratum(null_ratio=2.0)])
    with pytest.raises(InvalidMargin, match="strata"):
        carried([])


@pytest.mark.parametrize(
    "hazards",
    [
        pytest.param((0.08, 0.04, 0.02, 0.01), id="falling"),
        pytest.param((0.01, 0.02, 0.04, 0.08), id="rising"),
        pytest.param((0.08, 0.01, 0.01, 0.08), id="in waves"),
    ],
)
def test_false_alarms_of_an_a_a_whose_units_keep_coming_stay_within_the_budget(
    hazards: tuple[float, ...],
) -> None:
    """Two stages, 5 % and 50 %; new units in every hour, one hazard for all that are there."""
    paths, rng = 400, np.random.default_rng(53)
    alarms = sum(_ever_alarmed(rng, hazards) for _ in range(paths))
    assert alarms / paths <= 0.05 + 3.0 * math.sqrt(0.05 * 0.95 / paths)


def _ever_alarmed(rng: np.random.Generator, hazards: Sequence[float]) -> bool:
    strata: list[OngoingStratum] = []
    for share in (0.05, 0.5):
        strata.append(harm_stratum())
        for hazard in hazards:
            new = int(rng.binomial(100, share))
            strata[-1] = exposed(strata[-1], candidate=new, baseline=100 - new)
            for on_candidate in _hour(rng, strata[-1], hazard):
                strata[-1] = incident(strata[-1], on_candidate=on_candidate)
                if log_e(strata) >= LOG_20:
                    return True
    return False


def _hour(rng: np.random.Generator, stage: OngoingStratum, hazard: float) -> list[bool]:
    """Arms of the incidents of one hour, in an order that is chance."""
    candidate = int(rng.binomial(stage.candidate, hazard))
    baseline = int(rng.binomial(stage.baseline, hazard))
    return [bool(each) for each in rng.permutation([1] * candidate + [0] * baseline)]


def _used(question: OngoingStratum) -> OngoingStratum:
    """The question after some incidents, so that the mixture is no longer what it was."""
    stage = exposed(question, candidate=20, baseline=80)
    return follow(stage, [UnitEvent("incident", each in (2, 5)) for each in range(9)])


def _growth(before: OngoingStratum, ratio: float) -> float:
    theta = float(_theta(ratio, before.candidate, before.baseline))
    total = 0.0
    for on_candidate, chance in ((True, theta), (False, 1.0 - theta)):
        if chance > 0.0:
            after = incident(before, on_candidate=on_candidate)
            total += chance * math.exp(log_e([after]) - log_e([before]))
    return total


def _theta(ratio: float, candidate: int, baseline: int) -> Fraction:
    return Fraction(ratio) * candidate / (Fraction(ratio) * candidate + baseline)


def _expected(script: str, share: float, strata: Sequence[OngoingStratum]) -> float:
    if not script:
        return math.exp(log_e(strata))
    step, rest, stage = script[0], script[1:], strata[-1]
    if step == "|":
        return _expected(rest, share, [*strata, harm_stratum()])
    chance = share if step == "E" else float(_theta(1.0, stage.candidate, stage.baseline))
    kind: Any = "exposed" if step == "E" else "incident"
    total = 0.0
    for on_candidate, weight in ((True, chance), (False, 1.0 - chance)):
        if weight > 0.0:
            after = follow(stage, [UnitEvent(kind, on_candidate)])
            total += weight * _expected(rest, share, [*strata[:-1], after])
    return total


def _random_events(count: int, seed: int) -> list[UnitEvent]:
    rng = np.random.default_rng(seed)
    at_risk, events = [0, 0], []
    for _ in range(count):
        arm = int(rng.random() < 0.3)
        kind = "exposed" if at_risk[arm] == 0 else str(rng.choice(["exposed", "incident", "left"]))
        at_risk[arm] += 1 if kind == "exposed" else -1
        events.append(UnitEvent(kind, bool(arm)))  # type: ignore[arg-type]
    return events
