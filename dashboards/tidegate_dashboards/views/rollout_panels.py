"""One rollout in panels: its state, its course, what the arms did, and what was decided."""

from dataclasses import dataclass
from datetime import UTC, datetime, tzinfo
from typing import Final, Self

import pandas as pd
import streamlit as st

from tidegate_dashboards import charts, frames, outlook, wording
from tidegate_dashboards.service_client import (
    Assessment,
    Decision,
    Look,
    Rollout,
    RolloutDetail,
    ServiceClient,
)

_BOXES: Final = {
    "Progressing": (st.info, ":material/trending_up:"),
    "Paused": (st.warning, ":material/pause_circle:"),
    "Completed": (st.success, ":material/check_circle:"),
    "RolledBack": (st.error, ":material/undo:"),
    "Superseded": (st.info, ":material/history:"),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Chosen:
    """All that is shown of one rollout, read together."""

    detail: RolloutDetail
    looks: list[Look]
    decisions: list[Decision]

    @classmethod
    def read(cls, client: ServiceClient, rollout: str) -> Self:
        """Read one rollout from the service."""
        return cls(
            detail=client.rollout(rollout),
            looks=client.looks(rollout),
            decisions=client.decisions(rollout),
        )

    @property
    def rollout(self) -> Rollout:
        """The rollout at a glance."""
        return self.detail["rollout"]


def show(chosen: Chosen, client: ServiceClient, zone: tzinfo) -> None:
    """Draw all panels of a rollout."""
    _show_state(chosen)
    _show_figures(chosen)
    _show_course(chosen)
    _show_arms(chosen)
    _show_decisions(chosen, client, zone)


def _show_state(chosen: Chosen) -> None:
    rollout = chosen.rollout
    box, icon = _BOXES.get(rollout["phase"], (st.info, ":material/help:"))
    names = (rollout["agent"], rollout["candidate"], rollout["baseline"])
    agent, candidate, baseline = (wording.literal(name) for name in names)
    box(
        f"#### {wording.phase(rollout['phase'])}: {agent} {candidate} over {baseline}\n"
        f"{wording.literal(rollout['reason'])}  \n"
        f"{wording.literal(outlook.next_sentence(chosen.detail))}",
        icon=icon,
    )


def _show_figures(chosen: Chosen) -> None:
    for column, (label, value, below) in zip(st.columns(4), _figures(chosen), strict=True):
        column.metric(label, value, delta=below, delta_color="off", delta_arrow="off")


def _figures(chosen: Chosen) -> list[tuple[str, str, str]]:
    detail, rollout = chosen.detail, chosen.rollout
    met, exposed = detail["exposed_candidate_units"], detail["exposed_units"]
    return [
        ("Candidate's share now", *_share_now(chosen)),
        (
            "Units that met the candidate",
            wording.count(met),
            f"of {wording.count(exposed)} exposed",
        ),
        _harm_figure(chosen),
        ("Duration", *_lasted(rollout, chosen.looks)),
    ]


def _share_now(chosen: Chosen) -> tuple[str, str]:
    rollout = chosen.rollout
    if rollout["phase"] == "Completed":
        return "100%", "it is the new baseline"
    if rollout["phase"] in ("Progressing", "Paused"):
        return wording.share(
            rollout["share_ppm"]
        ), f"step {rollout['step'] + 1} of {len(chosen.detail['steps'])}"
    return "0%", "all units are on the baseline"


def _harm_figure(chosen: Chosen) -> tuple[str, str, str]:
    """How fast the harm was ended, or else how near the nearest guardrail is to its threshold."""
    seconds = chosen.rollout["seconds_to_revert"]
    if seconds is not None:
        return "First harm to pushed revert", wording.duration(seconds), "from event to git"
    if not chosen.detail["assessments"]:
        return "Strongest sign of harm", wording.NOTHING, "no guardrail decides"
    nearest = max(
        chosen.detail["assessments"], key=lambda it: it["log_e_harm"] - it["log_harm_threshold"]
    )
    if nearest["log_e_harm"] <= 0:
        return "Strongest sign of harm", "none", "no e-value is above 1"
    stops = wording.e_value(nearest["log_harm_threshold"])
    below = f"{wording.words(nearest['guardrail'])}, stops at {stops}"
    return "Strongest sign of harm", wording.e_value(nearest["log_e_harm"]), below


def _lasted(rollout: Rollout, looks: list[Look]) -> tuple[str, str]:
    """How long the rollout took, or takes so far; an engine that stopped looking shows here."""
    started, now = wording.instant(rollout["started_at"]), datetime.now(UTC)
    if rollout["ended_at"] is not None:
        ended = wording.instant(rollout["ended_at"])
        return wording.duration((ended - started).total_seconds()), "from first step to end"
    if rollout["phase"] == "Superseded" or not looks:
        return wording.NOTHING, "the engine has not ended it"
    ago = (now - wording.instant(looks[-1]["at"])).total_seconds()
    return wording.duration((now - started).total_seconds()), f"last look {wording.ago(ago)}"


def _show_course(chosen: Chosen) -> None:
    if not chosen.looks:
        st.info(
            "The engine has not looked at this rollout yet. Its course appears "
            "here with the first events."
        )
        return
    looks = frames.thinned(chosen.looks)
    markers = frames.markers(chosen.decisions, chosen.detail["steps"])
    shares = frames.shares(chosen.rollout, markers, looks)
    span = (shares["at"].iloc[0], shares["at"].iloc[-1])
    st.markdown("##### Candidate's share of the units")
    st.altair_chart(charts.share_chart(shares, markers, span), width="stretch")
    st.markdown("##### Evidence of harm", help=_E_VALUE_HELP)
    thresholds = frames.thresholds(looks[-1]["log_thresholds"])
    st.altair_chart(charts.e_value_chart(frames.e_values(looks), thresholds, span), width="stretch")


_E_VALUE_HELP: Final = (
    "How strongly the units say that the candidate is worse: 1 is no evidence, and at the dashed "
    f"line the candidate is rolled back. Logarithmic, drawn no lower than {frames.E_VALUE_FLOOR:g}."
)


def _show_arms(chosen: Chosen) -> None:
    notice = outlook.data_notice(chosen.detail)
    if notice:
        st.caption(f":material/hourglass_top: {notice}")
    if not chosen.detail["evidence"]["stages"]:
        return
    tallies = frames.tallies(chosen.detail)
    incidents, goals = (tallies[tallies["kind"] == kind] for kind in ("incident", "goal"))
    left, right = st.columns([3, 2])
    with left:
        st.markdown("##### Incidents: fewer is better")
        _show_tallies(incidents)
    with right:
        st.markdown("##### Goals: more is better")
        _show_tallies(goals)
    _show_guardrails(chosen.detail["assessments"])


def _show_tallies(tallies: pd.DataFrame) -> None:
    if tallies.empty:
        st.caption("None is watched.")
    else:
        st.altair_chart(charts.tally_chart(tallies), width="stretch")


def _show_guardrails(assessments: list[Assessment]) -> None:
    st.markdown("##### What the evidence says about each guardrail")
    st.table(
        pd.DataFrame([_guardrail_row(each) for each in assessments]),
        border="horizontal",
        hide_index=True,
    )


def _guardrail_row(assessment: Assessment) -> dict[str, str]:
    harm, safe = assessment["log_e_harm"], assessment["log_e_safe"]
    stops, certifies = assessment["log_harm_threshold"], assessment["log_certify_threshold"]
    return {
        "Guardrail": f"**{wording.literal(wording.words(assessment['guardrail']))}**",
        "Baseline": wording.literal(wording.tally(**assessment["baseline"])),
        "Candidate": wording.literal(wording.tally(**assessment["candidate"])),
        "Evidence of harm": f"{wording.e_value(harm)}, stops at {wording.e_value(stops)}",
        "Evidence of safety": f"{wording.e_value(safe)}, certified at {wording.e_value(certifies)}",
        "In short": _in_short(harmed=harm >= stops, certified=safe >= certifies),
    }


def _in_short(*, harmed: bool, certified: bool) -> str:
    if harmed:
        return ":red-badge[:material/undo: harm]"
    return ":green-badge[:material/check: certified]" if certified else ":gray-badge[undecided]"


def _show_decisions(chosen: Chosen, client: ServiceClient, zone: tzinfo) -> None:
    st.markdown("##### Decisions, newest first")
    rows = [_decision_row(each, client, zone) for each in reversed(chosen.decisions)]
    st.table(pd.DataFrame(rows), border="horizontal", hide_index=True)


def _decision_row(decision: Decision, client: ServiceClient, zone: tzinfo) -> dict[str, str]:
    reverts = decision["reverts"] is not None
    what = wording.verdict(decision["verdict"], decision["rule"], reverts=reverts)
    time = wording.clock(wording.instant(decision["decided_at"]), zone, now=datetime.now(UTC))
    return {
        "Time": wording.literal(time),
        "Decision": f":red-badge[:material/undo: {what}]" if reverts else what,
        "Reason": wording.literal(decision["reason"]),
        "Guardrail": wording.literal(wording.words(decision["guardrail"] or wording.NOTHING)),
        "Commit": f"[`{decision['commit'][:10]}`]({client.commit_url(decision['commit'])})",
    }
