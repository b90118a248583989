"""Frames become charts: what a reader must find in them."""

from typing import Any

import pandas as pd
import pytest

from tidegate_dashboards import charts, frames
from tidegate_dashboards.service_client import Decision, Look, Rollout, RolloutDetail

SPAN = (pd.Timestamp("2026-11-23T17:26:00Z"), pd.Timestamp("2026-11-23T17:26:22Z"))


def _marks(spec: dict[str, Any]) -> list[str]:
    return [layer["mark"]["type"] for layer in spec["layer"]]


def _scale(spec: dict[str, Any], channel: str) -> dict[str, Any]:
    found = (layer["encoding"].get(channel, {}).get("scale") for layer in spec["layer"])
    scale: dict[str, Any] = next(each for each in found if each)
    return scale


def test_the_share_is_a_step_with_its_decisions_marked(
    rollout: Rollout, decisions: list[Decision], looks: list[Look], detail: RolloutDetail
) -> None:
    markers = frames.markers(decisions, detail["steps"])
    spec = charts.share_chart(frames.shares(rollout, markers, looks), markers, SPAN).to_dict()
    assert _marks(spec) == ["area", "line", "rule", "point", "text"]
    assert spec["layer"][1]["mark"]["interpolate"] == "step-after"
    assert spec["layer"][1]["encoding"]["y"]["axis"]["format"] == "~%"


def test_a_small_share_looks_small(
    rollout: Rollout, decisions: list[Decision], looks: list[Look], detail: RolloutDetail
) -> None:
    markers = frames.markers(decisions[:1], detail["steps"])
    spec = charts.share_chart(frames.shares(rollout, markers, looks), markers, SPAN).to_dict()
    assert _scale(spec, "y")["domain"][1] > 0.1


def test_labels_of_decisions_that_came_together_do_not_overlap(
    decisions: list[Decision], looks: list[Look], rollout: Rollout, detail: RolloutDetail
) -> None:
    soon: Decision = {**decisions[1], "decided_at": "2026-11-23T17:26:00.1Z"}
    markers = frames.markers([decisions[0], soon, decisions[2]], detail["steps"])
    spec = charts.share_chart(frames.shares(rollout, markers, looks), markers, SPAN).to_dict()
    texts = next(layer for layer in spec["layer"] if layer["mark"]["type"] == "text")
    labels = [row["label"] for row in spec["datasets"][texts["data"]["name"]]]
    assert labels == ["1%", "rolled back"]


def test_e_values_are_on_a_logarithmic_axis_with_the_threshold_in_view(looks: list[Look]) -> None:
    thresholds = frames.thresholds(looks[-1]["log_thresholds"])
    spec = charts.e_value_chart(frames.e_values(looks), thresholds, SPAN).to_dict()
    scale = _scale(spec, "y")
    assert scale["type"] == "log"
    assert scale["domain"][0] == frames.E_VALUE_FLOOR
    assert scale["domain"][1] > 80


def test_an_enormous_e_value_leaves_ticks_that_can_be_read(looks: list[Look]) -> None:
    huge: list[Look] = [{**looks[2], "log_e_values": {"prompt_injection": 300.0, "goal": 0.0}}]
    thresholds = frames.thresholds(looks[-1]["log_thresholds"])
    spec = charts.e_value_chart(frames.e_values(huge), thresholds, SPAN).to_dict()
    axes = [layer["encoding"]["y"].get("axis") for layer in spec["layer"]]
    ticks = next(axis for axis in axes if axis)["values"]
    assert ticks == pytest.approx([0.01, 1.0, 100.0, 10_000.0, 1e6])


def test_each_guardrail_keeps_its_look_and_arms_have_colours_of_their_own(
    looks: list[Look], detail: RolloutDetail
) -> None:
    thresholds = frames.thresholds(looks[-1]["log_thresholds"])
    lines = _scale(
        charts.e_value_chart(frames.e_values(looks), thresholds, SPAN).to_dict(), "color"
    )
    arms = _scale(charts.tally_chart(frames.tallies(detail)).to_dict(), "color")
    assert lines["domain"] == ["prompt injection", "goal"]
    assert arms["domain"] == ["baseline", "candidate"]
    assert not set(lines["range"]) & set(arms["range"])


def test_more_guardrails_than_colours_differ_by_their_dashes(looks: list[Look]) -> None:
    names = {f"g{number}": 0.0 for number in range(9)}
    many: list[Look] = [{**looks[0], "log_e_values": names, "log_thresholds": names}]
    thresholds = frames.thresholds(many[0]["log_thresholds"])
    spec = charts.e_value_chart(frames.e_values(many), thresholds, SPAN).to_dict()
    colours, dashes = _scale(spec, "color")["range"], _scale(spec, "strokeDash")["range"]
    assert len({(c, tuple(d)) for c, d in zip(colours, dashes, strict=True)}) == 9


def test_no_chart_paints_a_background(looks: list[Look], detail: RolloutDetail) -> None:
    thresholds = frames.thresholds(looks[-1]["log_thresholds"])
    for chart in (
        charts.e_value_chart(frames.e_values(looks), thresholds, SPAN),
        charts.tally_chart(frames.tallies(detail)),
    ):
        assert "background" not in chart.to_dict()
