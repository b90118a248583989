"""Charts from frames. Pure: a frame goes in, a chart comes out.

No colour here depends on a light or a dark page: each is legible on both, and what has no colour of
its own is left to the page's theme.
"""

from datetime import timedelta
from typing import Any, Final, TypeAlias, cast

import altair as alt
import pandas as pd

from tidegate_dashboards.frames import BASELINE, CANDIDATE, E_VALUE_FLOOR

BASELINE_COLOUR: Final = "#8A94A3"
CANDIDATE_COLOUR: Final = "#3E86F5"
HARM_COLOUR: Final = "#E5484D"
NEUTRAL_COLOUR: Final = "#868E99"
GUARDRAIL_COLOURS: Final = ("#D55E00", "#009E73", "#CC79A7", "#E69F00")
"""Okabe and Ito's, without the blues and grays that mean the arms of a rollout."""
_DASHES: Final = ([1, 0], [7, 3], [2, 2])
_SHARE_HEIGHT, _E_VALUE_HEIGHT = 120, 200
_PAIR_OF_BARS: Final = 46
_LEGEND_HEIGHT: Final = 26
_AXIS_WIDTH: Final = 46
_LABEL_GAP: Final = 0.045
_ROOM_FOR_TEXT: Final = 2.0
_TICKS_AT_MOST: Final = 6
_SHARE_AXIS_AT_LEAST: Final = 0.1
"""So that a share of 1% looks as small as it is."""
_AT: Final = alt.Tooltip("at:T", title="time", format="%-d %b %H:%M:%S")
_SAME_WIDTH: Final[dict[str, Any]] = {"minExtent": _AXIS_WIDTH, "maxExtent": _AXIS_WIDTH}
"""Charts above each other show the same time at the same place."""

Span: TypeAlias = tuple[pd.Timestamp, pd.Timestamp]
"""First and last instant of a time axis."""


def share_chart(shares: pd.DataFrame, markers: pd.DataFrame, span: Span) -> alt.LayerChart:
    """The candidate's share over time, with the decisions that changed it.

    Args:
        shares: see `frames.shares`.
        markers: see `frames.markers`.
        span: what the time axis shows.
    """
    top = max([_SHARE_AXIS_AT_LEAST, *shares["share"], *markers["share"]])
    y = alt.Y("share:Q", scale=alt.Scale(domain=[0, top * 1.22])).axis(
        format="~%", tickCount=3, title=None, **_SAME_WIDTH
    )
    x = _time(span, labels=False)
    base = alt.Chart(shares).encode(x=x, y=y)
    area = base.mark_area(interpolate="step-after", color=CANDIDATE_COLOUR, opacity=0.16)
    line = base.mark_line(interpolate="step-after", color=CANDIDATE_COLOUR, strokeWidth=2)
    return _layered([area, line, *_decision_marks(markers, span, x, y)], _SHARE_HEIGHT)


def e_value_chart(e_values: pd.DataFrame, thresholds: pd.DataFrame, span: Span) -> alt.LayerChart:
    """Each guardrail's e-value for harm against its threshold, on a logarithmic axis.

    Args:
        e_values: see `frames.e_values`.
        thresholds: see `frames.thresholds`.
        span: what the time axis shows.
    """
    top = max([100.0, *(thresholds["e_value"] * 8), *(e_values["e_value"] * 3)])
    y = alt.Y("e_value:Q", scale=alt.Scale(type="log", domain=[E_VALUE_FLOOR, top])).axis(
        values=_powers_of_ten(top), format=",~g", title=None, **_SAME_WIDTH
    )
    x = _time(span, labels=True)
    layers = [
        _zone_of_harm(thresholds, top),
        _threshold_rules(thresholds, y),
        _guardrail_lines(e_values, x, y),
        *_stop_marks(e_values, x, y),
        _threshold_labels(thresholds, y),
    ]
    return _layered(layers, _E_VALUE_HEIGHT)


def tally_chart(tallies: pd.DataFrame) -> alt.LayerChart:
    """How many units of each arm, and at which rate, as one pair of bars for each name.

    Args:
        tallies: see `frames.tallies`; figures of one kind, for they share one scale.
    """
    names = list(dict.fromkeys(tallies["guardrail"]))
    top = max([0.001, *tallies["rate"]]) * _ROOM_FOR_TEXT
    y = alt.Y("guardrail:N", sort=names, scale=alt.Scale(paddingInner=0.3, paddingOuter=0.1))
    base = alt.Chart(tallies).encode(
        y=y.axis(title=None, labelLimit=190, labelFontSize=13, ticks=False, domain=False),
        yOffset=alt.YOffset("arm:N", sort=[BASELINE, CANDIDATE]),
        x=alt.X("rate:Q", scale=alt.Scale(domain=[0, top]), axis=None),
        tooltip=_tooltips(guardrail="what", arm="arm", label="units"),
    )
    bars = base.mark_bar(cornerRadiusEnd=2).encode(color=_arm_colours())
    texts = base.mark_text(align="left", dx=6, color=NEUTRAL_COLOUR, fontSize=12)
    height = _PAIR_OF_BARS * len(names) + _LEGEND_HEIGHT
    return _layered([bars, texts.encode(text="label:N")], height)


def _layered(layers: list[alt.Chart], height: int) -> alt.LayerChart:
    chart = cast("alt.LayerChart", alt.layer(*layers))
    return chart.properties(height=height, padding={"left": 0, "right": 10, "top": 4, "bottom": 0})


def _time(span: Span, *, labels: bool) -> alt.X:
    domain = [moment.isoformat() for moment in span]  # as numbers, Streamlit's Vega draws nothing
    return alt.X("at:T", scale=alt.Scale(domain=domain)).axis(
        title=None,
        labels=labels,
        ticks=labels,
        labelPadding=6,
        tickCount=_TICKS_AT_MOST,
        grid=False,
        format=_time_format(span[1] - span[0]),
    )


def _time_format(length: timedelta) -> str:
    if length < timedelta(minutes=10):
        return "%H:%M:%S"
    return "%H:%M" if length < timedelta(hours=30) else "%-d %b %H:%M"


def _powers_of_ten(top: float) -> list[float]:
    """Ticks from the floor up to `top`; every second one where there would be too many."""
    powers = [power for power in range(-2, 7) if 10.0**power <= top]
    return [10.0**power for power in (powers if len(powers) <= _TICKS_AT_MOST else powers[::2])]


def _tooltips(**titles: str) -> list[alt.Tooltip]:
    return [alt.Tooltip(f"{field}:N", title=title) for field, title in titles.items()]


def _decision_marks(markers: pd.DataFrame, span: Span, x: alt.X, y: alt.Y) -> list[alt.Chart]:
    """A dashed rule, a point and a label for each decision; the end of a rollout in its colour."""
    back = alt.datum["label"] == "rolled back"
    colour = alt.when(back).then(alt.value(HARM_COLOUR)).otherwise(alt.value(CANDIDATE_COLOUR))
    base = alt.Chart(markers).encode(
        x=x, tooltip=[_AT, *_tooltips(what="decision", reason="reason")]
    )
    labelled = alt.Chart(_with_room(markers, span)).encode(x=x, y=y, color=colour)
    texts = labelled.mark_text(align="left", dx=6, dy=-9, fontWeight="bold", fontSize=12)
    return [
        base.mark_rule(strokeDash=[3, 3], opacity=0.6, color=NEUTRAL_COLOUR),
        base.mark_point(filled=True, size=50, opacity=1).encode(y=y, color=colour),
        texts.encode(text="label:N"),
    ]


def _with_room(markers: pd.DataFrame, span: Span) -> pd.DataFrame:
    """The markers whose labels have room beside the one before; the end is always labelled."""
    gap = (span[1] - span[0]) * _LABEL_GAP
    kept: list[int] = []
    for row in range(len(markers)):
        close = bool(kept) and markers["at"].iloc[row] - markers["at"].iloc[kept[-1]] < gap
        if markers["ends"].iloc[row] or not close:
            kept.append(row)
    return markers.iloc[kept]


def _guardrail_lines(e_values: pd.DataFrame, x: alt.X, y: alt.Y) -> alt.Chart:
    names = list(dict.fromkeys(e_values["guardrail"]))
    cycle = len(GUARDRAIL_COLOURS)
    colours = [GUARDRAIL_COLOURS[number % cycle] for number in range(len(names))]
    dashes = [_DASHES[number // cycle % len(_DASHES)] for number in range(len(names))]
    legend = alt.Legend(title=None, orient="top", symbolStrokeWidth=3, labelLimit=240, offset=4)
    lines = alt.Chart(e_values).mark_line(interpolate="step-after", strokeWidth=2, clip=True)
    coloured: alt.Chart = lines.encode(
        x=x,
        y=y,
        color=alt.Color("guardrail:N", scale=alt.Scale(domain=names, range=colours), legend=legend),
        strokeDash=alt.StrokeDash("guardrail:N", scale=alt.Scale(domain=names, range=dashes)),
        tooltip=_look_tooltip(),
    )
    return coloured


def _look_tooltip() -> list[alt.Tooltip]:
    return [
        _AT,
        *_tooltips(guardrail="guardrail", exact="e-value"),
        alt.Tooltip("units:Q", title="units", format=","),
        alt.Tooltip("candidate_units:Q", title="of these, candidate", format=","),
    ]


def _stop_marks(e_values: pd.DataFrame, x: alt.X, y: alt.Y) -> list[alt.Chart]:
    """The first look at which a guardrail reached its threshold, with the e-value it had."""
    first = e_values[e_values["stops"]].drop_duplicates("guardrail")
    text = first["guardrail"] + " " + first["exact"]
    base = alt.Chart(first.assign(text=text)).encode(x=x, y=y)
    point = base.mark_point(filled=True, size=90, color=HARM_COLOUR, opacity=1)
    label = base.mark_text(align="right", dx=-9, color=HARM_COLOUR, fontWeight="bold", fontSize=12)
    return [point.encode(tooltip=_look_tooltip()), label.encode(text="text:N")]


def _zone_of_harm(thresholds: pd.DataFrame, top: float) -> alt.Chart:
    lowest = min([top, *thresholds["e_value"]])
    zone = alt.Chart(pd.DataFrame({"e_value": [lowest], "top": [top]}))
    shaded: alt.Chart = zone.mark_rect(color=HARM_COLOUR, opacity=0.1).encode(
        y="e_value:Q", y2="top:Q"
    )
    return shaded


def _threshold_rules(thresholds: pd.DataFrame, y: alt.Y) -> alt.Chart:
    rule = alt.Chart(thresholds).mark_rule(strokeDash=[6, 4], strokeWidth=1.5, color=HARM_COLOUR)
    placed: alt.Chart = rule.encode(y=y)
    return placed


def _threshold_labels(thresholds: pd.DataFrame, y: alt.Y) -> alt.Chart:
    text = alt.Chart(thresholds).mark_text(
        align="right", baseline="bottom", dx=-4, dy=-3, color=HARM_COLOUR, fontSize=12
    )
    placed: alt.Chart = text.encode(y=y, x=alt.value("width"), text="label:N")
    return placed


def _arm_colours() -> alt.Color:
    scale = alt.Scale(domain=[BASELINE, CANDIDATE], range=[BASELINE_COLOUR, CANDIDATE_COLOUR])
    return alt.Color("arm:N", scale=scale, legend=alt.Legend(title=None, orient="top", offset=4))
