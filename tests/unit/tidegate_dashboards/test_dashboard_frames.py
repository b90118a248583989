"""The API's answers become frames."""

import pandas as pd
import pytest

from tidegate_dashboards import frames
from tidegate_dashboards.service_client import Decision, Look, Rollout, RolloutDetail


def test_the_share_steps_at_decisions_and_is_seen_a_little_after_the_end(
    rollout: Rollout, decisions: list[Decision], looks: list[Look], detail: RolloutDetail
) -> None:
    shares = frames.shares(rollout, frames.markers(decisions, detail["steps"]), looks)
    assert list(shares["share"]) == [0.01, 0.05, 0.0, 0.0]
    assert shares["at"].iloc[-1] > pd.Timestamp("2026-11-23T17:26:20Z")


def test_the_share_of_a_running_rollout_ends_with_the_last_look(
    rollout: Rollout, decisions: list[Decision], looks: list[Look], detail: RolloutDetail
) -> None:
    running: Rollout = {**rollout, "phase": "Progressing", "ended_at": None}
    shares = frames.shares(running, frames.markers(decisions[:2], detail["steps"]), looks)
    assert list(shares["share"]) == [0.01, 0.05, 0.05]
    assert shares["at"].iloc[-1] == pd.Timestamp(looks[-1]["at"])


def test_both_commits_of_a_rollback_are_one_marker(
    decisions: list[Decision], detail: RolloutDetail
) -> None:
    markers = frames.markers(decisions, detail["steps"])
    assert list(markers["label"]) == ["1%", "5%", "rolled back"]
    assert list(markers["ends"]) == [False, False, True]


def test_a_promotion_ends_at_the_whole_share(
    decisions: list[Decision], detail: RolloutDetail
) -> None:
    promoted: list[Decision] = [{**decisions[2], "verdict": "promote"}]
    markers = frames.markers(promoted, detail["steps"])
    assert list(markers["label"]) == ["promoted"]
    assert list(markers["share"]) == [1.0]


def test_e_values_are_drawn_between_floor_and_ceiling_and_named_exactly(looks: list[Look]) -> None:
    drawn = frames.e_values(looks)
    goal = drawn[drawn["guardrail"] == "goal"]
    assert goal["e_value"].tolist() == pytest.approx([frames.E_VALUE_FLOOR] * 3)
    assert set(goal["exact"]) == {"under 0.01"}
    assert drawn.loc[drawn["stops"], "exact"].tolist() == ["200"]


def test_equal_thresholds_are_one_line_and_others_say_whose_they_are() -> None:
    log_40, log_80 = 3.6888794541139363, 4.382026634673881
    equal = frames.thresholds({"error": log_80, "goal": log_80})
    different = frames.thresholds({"error": log_80, "unexpected_tool": log_80, "goal": log_40})
    assert equal["label"].tolist() == ["stops at 80"]
    assert different["label"].tolist() == [
        "error and unexpected tool stop at 80",
        "goal stops at 40",
    ]


def test_thinning_keeps_the_highest_peak_and_the_last_look(looks: list[Look]) -> None:
    many = [looks[0]] * 500 + [looks[2]] + [looks[1]] * 500
    few = frames.thinned(many, points=20)
    assert len(few) == 20
    assert max(look["log_e_values"]["prompt_injection"] for look in few) == 5.3
    assert few[-1]["at"] == looks[1]["at"]
    assert frames.thinned(looks) == looks


def test_what_decides_comes_with_the_counts_that_decide(detail: RolloutDetail) -> None:
    rows = frames.tallies(detail).set_index(["guardrail", "arm"])
    assert rows.loc[("prompt injection", "baseline"), "label"] == "14 of 1,400 (1.0%)"
    assert rows.loc[("prompt injection", "candidate"), "kind"] == "incident"


def test_a_guardrail_that_nobody_reached_or_missed_yet_is_a_goal(detail: RolloutDetail) -> None:
    rows = frames.tallies(detail).set_index(["guardrail", "arm"])
    assert rows.loc[("goal", "candidate"), ["kind", "label"]].tolist() == ["goal", "no unit yet"]


def test_what_is_only_watched_is_summed_where_a_baseline_runs_beside(detail: RolloutDetail) -> None:
    rows = frames.tallies(detail).set_index(["guardrail", "arm"])
    assert rows.loc[("latency (only watched)", "candidate"), "label"] == "2 of 100 (2.0%)"


def test_nothing_known_yet_gives_empty_frames(rollout: Rollout) -> None:
    nothing = frames.markers([], [])
    assert frames.e_values([]).empty
    assert frames.thresholds({}).empty
    assert frames.shares(rollout, nothing, []).empty


def test_a_persons_end_of_a_rollout_is_the_last_marker_at_no_share() -> None:
    common = {"commit": "ab" * 20, "reason": "because", "guardrail": None, "step": 0}
    started: Decision = {
        **common, "rollout": "support@1", "verdict": "advance", "rule": "start",
        "decided_at": "2026-11-23T10:00:00Z", "reverts": None,
    }  # fmt: skip
    ended: Decision = {
        **common, "rollout": "support@2", "verdict": "hold", "rule": "superseded",
        "decided_at": "2026-11-23T10:00:09Z", "reverts": None,
    }  # fmt: skip
    found = frames.markers(
        [started, ended], [{"share_ppm": 10_000, "min_units": 0, "certify": False}]
    )
    assert list(found["share"]) == [0.01, 0.0]
    assert list(found["label"]) == ["1%", "ended by a person"]
