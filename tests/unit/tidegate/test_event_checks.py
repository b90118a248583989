"""Each event line is checked on its own; a refusal names the field."""

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import pytest

from tidegate.domain.errors import InvalidEvent
from tidegate.domain.events import attribute, check
from tidegate.domain.state import Phase

Make = Callable[..., Any]
GOOD: dict[str, Any] = {
    "event_id": "e-1",
    "unit": "user-1",
    "agent": "support",
    "kind": "safety",
    "name": "error",
}


@pytest.mark.parametrize(
    "changes",
    [
        pytest.param({}, id="the least"),
        pytest.param({"kind": "exposure", "name": ""}, id="an exposure"),
        pytest.param({"kind": "outcome", "name": "resolved", "value": 1}, id="a success"),
        pytest.param({"kind": "outcome", "name": "resolved", "value": 0.0}, id="a failure"),
        pytest.param({"kind": "score", "name": "quality", "value": -3.5}, id="a score"),
        pytest.param({"kind": "tool_call", "name": "search"}, id="a tool call"),
        pytest.param({"ts": "2026-03-01T12:00:00Z"}, id="a time as text"),
        pytest.param({"ts": 1_772_366_400}, id="a time as a number"),
        pytest.param({"attributes": {"tenant": "a", "tokens": 12}}, id="attributes"),
        pytest.param({"unit": "x" * 256}, id="the longest unit"),
        pytest.param({"unit": "ユーザー"}, id="a unit beyond ASCII"),
        pytest.param({"future_field": 1}, id="a field of a newer client"),
    ],
)
def test_check_of_a_well_formed_line_is_its_event(changes: dict[str, Any]) -> None:
    raw = GOOD | changes
    event = check(raw)
    assert (event.event_id, event.unit, event.kind) == (raw["event_id"], raw["unit"], raw["kind"])


def test_check_of_a_time_as_text_is_an_instant() -> None:
    assert check(GOOD | {"ts": "2026-03-01T12:00:00Z"}).ts == datetime(2026, 3, 1, 12, tzinfo=UTC)


@pytest.mark.parametrize("field", ["event_id", "unit", "agent", "kind"])
def test_check_of_a_line_without_a_required_field_names_it(field: str) -> None:
    raw = {key: value for key, value in GOOD.items() if key != field}
    with pytest.raises(InvalidEvent, match=f"`{field}`"):
        check(raw)


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("event_id", 7),
        ("unit", None),
        ("unit", 42),
        ("agent", ["support"]),
        ("kind", "explosion"),
        ("name", 1),
        ("value", "1"),
        ("value", True),
        ("ts", "yesterday"),
        ("ts", {}),
        ("conversation", 1),
        ("version", 2.0),
        ("manifest_commit", False),
        ("attributes", []),
    ],
)
def test_check_of_a_field_of_the_wrong_type_names_it(field: str, value: object) -> None:
    with pytest.raises(InvalidEvent, match=rf"\$\.{field}"):
        check(GOOD | {field: value})


@pytest.mark.parametrize("field", ["event_id", "unit", "agent"])
@pytest.mark.parametrize(("text", "length"), [("", 0), ("x" * 257, 257)], ids=["empty", "long"])
def test_check_of_an_identifier_of_impossible_length_names_it(
    field: str, text: str, length: int
) -> None:
    with pytest.raises(InvalidEvent, match=f"{field} must have 1 to 256 characters, has {length}"):
        check(GOOD | {field: text})


@pytest.mark.parametrize("kind", ["outcome", "safety"])
def test_check_of_a_report_without_a_name_asks_for_one(kind: str) -> None:
    with pytest.raises(InvalidEvent, match=f"an event of kind '{kind}' needs a name"):
        check(GOOD | {"kind": kind, "name": "", "value": 1})


@pytest.mark.parametrize("value", [None, 0.5, -1, 2, float("nan"), float("inf")])
def test_check_of_an_outcome_that_is_no_success_and_no_failure_names_the_value(
    value: float | None,
) -> None:
    with pytest.raises(InvalidEvent, match=f"not {value if value is None else float(value)}"):
        check(GOOD | {"kind": "outcome", "value": value})


@pytest.mark.parametrize("raw", [None, 1, "text", [], [GOOD]], ids=repr)
def test_check_of_what_is_no_object_is_an_invalid_event(raw: object) -> None:
    with pytest.raises(InvalidEvent, match="object"):
        check(raw)


def test_exposure_is_attributed_to_the_arm_its_unit_has_at_the_commit(make_release: Make) -> None:
    release = make_release(step=1, weight=500_000)
    for number in range(50):
        event = check(GOOD | {"kind": "exposure", "unit": f"user-{number}", "version": "liar"})
        stored = attribute(event, release)
        assert stored.arm == release.arm(event.unit)
        assert (stored.rollout, stored.step, stored.share_ppm) == (release.rollout, 1, 500_000)
        assert (stored.manifest_commit, stored.environment) == (release.commit, "production")


def test_exposure_outside_a_rollout_has_no_arm(make_release: Make) -> None:
    stored = attribute(check(GOOD | {"kind": "exposure"}), make_release(phase=Phase.COMPLETED))
    assert (stored.arm, stored.share_ppm) == (None, 0)


@pytest.mark.parametrize("kind", ["safety", "tool_call", "score"])
def test_report_is_not_attributed_when_it_arrives(make_release: Make, kind: str) -> None:
    stored = attribute(check(GOOD | {"kind": kind, "value": 1.0}), make_release())
    assert (stored.arm, stored.rollout, stored.step, stored.share_ppm) == (None,) * 4
    assert stored.environment == "production"


@pytest.mark.parametrize(
    "ts",
    [
        pytest.param("0001-01-01T00:00:00+14:00", id="before the calendar begins in UTC"),
        pytest.param("9999-12-31T23:59:59-14:00", id="after the calendar ends in UTC"),
        pytest.param("1969-12-31T23:59:59Z", id="before 1970"),
    ],
)
def test_an_instant_that_cannot_be_stored_is_refused(ts: str) -> None:
    with pytest.raises(InvalidEvent, match="ts"):
        check(GOOD | {"ts": ts})


@pytest.mark.parametrize("value", [None, float("nan"), float("inf")])
def test_a_score_without_a_finite_value_is_refused(value: float | None) -> None:
    with pytest.raises(InvalidEvent, match="score"):
        check(GOOD | {"kind": "score", "name": "quality", "value": value})
