"""Numbers, shares and durations as people read them."""

import math
from datetime import UTC, datetime, timedelta, timezone

import pytest

from tidegate_dashboards import wording


@pytest.mark.parametrize(
    ("share_ppm", "text"), [(0, "0%"), (500, "0.05%"), (10_000, "1%"), (1_000_000, "100%")]
)
def test_a_share_is_written_as_in_the_manifest(share_ppm: int, text: str) -> None:
    assert wording.share(share_ppm) == text


@pytest.mark.parametrize(
    ("k", "n", "text"),
    [
        pytest.param(0, 0, "no unit yet", id="nobody came"),
        pytest.param(0, 198, "0 of 198 (0%)", id="a zero is exact"),
        pytest.param(22, 198, "22 of 198 (11.1%)", id="one decimal"),
        pytest.param(4, 9570, "4 of 9,570 (0.042%)", id="a small rate keeps two digits"),
        pytest.param(9999, 10_000, "9,999 of 10,000 (100.0%)", id="nearly all is not all"),
        pytest.param(7, 7, "7 of 7 (100%)", id="all is exact"),
    ],
)
def test_a_tally_shows_counts_and_rate(k: int, n: int, text: str) -> None:
    assert wording.tally(k, n) == text


@pytest.mark.parametrize(
    ("e", "text"),
    [
        pytest.param(1e-24, "under 0.01", id="no sign of harm at all"),
        pytest.param(0.0357, "0.036", id="small"),
        pytest.param(1.0, "1", id="nothing either way"),
        pytest.param(80.0, "80", id="a threshold is as it was set"),
        pytest.param(193.2, "193", id="whole from a hundred on"),
        pytest.param(4294.0, "4,294", id="thousands"),
        pytest.param(1e300, "over a million", id="enormous"),
    ],
)
def test_an_e_value_is_rounded_as_people_read_it(e: float, text: str) -> None:
    assert wording.e_value(math.log(e)) == text


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (0.04, "0.0 s"),
        (9.28, "9.3 s"),
        (9.97, "10 s"),
        (59.6, "1 min"),
        (125, "2 min 5 s"),
        (12_000, "3 h 20 min"),
        (180_000, "2 d 2 h"),
    ],
)
def test_a_duration_has_its_two_largest_units(seconds: float, text: str) -> None:
    assert wording.duration(seconds) == text


def test_the_last_moments_are_just_now_even_if_clocks_differ() -> None:
    assert wording.ago(-1.0) == "just now"
    assert wording.ago(125) == "2 min 5 s ago"


def test_a_time_is_the_readers_and_has_a_date_only_if_it_is_not_today() -> None:
    zone = timezone(timedelta(hours=2))
    moment = wording.instant("2026-11-23T22:30:00.25Z")
    assert wording.clock(moment, zone, now=datetime(2026, 11, 23, 23, 0, tzinfo=UTC)) == "00:30:00"
    assert wording.clock(moment, zone, now=datetime(2026, 11, 25, tzinfo=UTC)) == "24 Nov 00:30:00"


def test_names_form_a_phrase() -> None:
    assert wording.listed([]) == ""
    assert wording.listed(["error"]) == "error"
    assert wording.listed(["error", "goal", "tool"]) == "error, goal and tool"


def test_text_of_the_service_cannot_become_markdown() -> None:
    shown = wording.literal("a [link](javascript:x) <b> :red[x] $y$ `z`\n# head")
    assert "\n" not in shown
    assert shown.count("\\") == len([letter for letter in shown if letter in "[]()<>:$`#"])


@pytest.mark.parametrize(
    ("verdict", "rule", "text"),
    [
        ("advance", "start", "Started"),
        ("advance", "step_complete", "Next step"),
        ("promote", "all_steps_complete", "Promoted"),
        ("roll_back", "harm", "Decided to roll back"),
        ("something_new", "x", "something new"),
    ],
)
def test_a_decision_is_named_by_what_it_did(verdict: str, rule: str, text: str) -> None:
    assert wording.verdict(verdict, rule, reverts=False) == text


def test_the_revert_is_told_from_the_decision_to_roll_back() -> None:
    assert wording.verdict("roll_back", "harm", reverts=True) == "Reverted the deploy"
