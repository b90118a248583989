"""Where two values differ, in words; and what a verification makes of it."""

import msgspec
import pytest

from tidegate.domain.discrepancies import Discrepancy, discrepancies
from tidegate.domain.evidence import ArmCounts, Evidence, StageCounts
from tidegate.domain.verification import Check, compared, conclusion


def _evidence(incidents: int, *, bets: tuple[float, ...] = ()) -> Evidence:
    counts = ArmCounts(units=10, incidents={"error": incidents})
    stage = StageCounts(
        step=0, share_ppm=10_000, baseline=counts, candidate=counts, at_risk={"error": bets}
    )
    return Evidence(step=0, paused=False, seq=7, stages=(stage,))


def test_equal_values_have_no_discrepancy() -> None:
    assert discrepancies(_evidence(3, bets=(0.5,)), _evidence(3, bets=(0.5,))) == ()


def test_a_field_is_named_from_the_outside_in() -> None:
    first, second = discrepancies(_evidence(3), _evidence(4))
    assert str(first) == "stages[0].baseline.incidents.error: recorded 3, found 4"
    assert second.field == "stages[0].candidate.incidents.error"


@pytest.mark.parametrize(
    ("recorded", "found", "told"),
    [
        pytest.param({"a": 1}, {}, ["a: recorded 1, found nothing"], id="key gone"),
        pytest.param([1], [1, 2], ["[1]: recorded nothing, found 2"], id="longer"),
        pytest.param(
            [1, 2],
            [],
            ["[0]: recorded 1, found nothing", "[1]: recorded 2, found nothing"],
            id="shorter",
        ),
        pytest.param({"a": None}, {"a": {}}, ["a: recorded null, found {}"], id="null"),
        pytest.param({"a": "x"}, {"a": "y"}, ['a: recorded "x", found "y"'], id="text"),
    ],
)
def test_what_is_missing_or_of_another_kind_is_told(
    recorded: object, found: object, told: list[str]
) -> None:
    assert [str(each) for each in discrepancies(recorded, found)] == told


def test_long_values_are_cut() -> None:
    (found,) = discrepancies({"a": "x" * 500}, {"a": "y"})
    assert len(found.recorded) < 100
    assert found.recorded.endswith("…")


@pytest.mark.parametrize(
    ("found", "by_rounding"),
    [
        pytest.param(1.0 + 1e-12, True, id="last digits"),
        pytest.param(1.0 + 1e-6, False, id="sixth digit"),
        pytest.param(2, False, id="a count is never rounded"),
    ],
)
def test_only_figures_that_agree_differ_by_rounding(found: float, by_rounding: bool) -> None:  # noqa: FBT001 - a parameter
    (discrepancy,) = discrepancies({"a": 1.0}, {"a": found})
    assert discrepancy.by_rounding is by_rounding


def _differences(kinds: str) -> tuple[Discrepancy, ...]:
    """One for each letter: r differs by rounding, d differs."""
    return tuple(
        Discrepancy(field=f"f{number}", recorded="1", found="2", by_rounding=kind == "r")
        for number, kind in enumerate(kinds)
    )


def test_a_check_holds_if_nothing_differs_or_only_by_rounding() -> None:
    words = {"holds": "it holds", "fails": "it fails"}
    assert compared("x", (), **words) == Check(name="x", ok=True, detail="it holds")
    rounded = compared("x", _differences("rr"), **words)
    assert rounded.ok
    assert rounded.detail == "it holds, but for the last digits (2 differ by rounding)"
    assert len(rounded.differences) == 2


def test_a_check_that_fails_tells_the_first_differences_and_counts_the_others() -> None:
    found = compared("x", _differences("drdddd"), holds="", fails="it fails")
    assert not found.ok
    assert found.detail == (
        "it fails: f0: recorded 1, found 2; f2: recorded 1, found 2; f3: recorded 1, found 2; "
        "and 2 more"
    )


def test_one_check_that_fails_is_enough() -> None:
    good = Check(name="digest", ok=True, detail="fine")
    bad = Check(name="state", ok=False, detail="edited")
    assert conclusion((good,)) == "verified"
    assert conclusion((good, bad)) == "not verified: state: edited"
    assert msgspec.json.decode(msgspec.json.encode(bad), type=Check) == bad
