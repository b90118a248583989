"""The service's answers as frames that charts and tables draw. Pure: nothing is read here.

Columns named `at` hold instants in UTC; shares and rates are fractions in [0, 1].
"""

import math
from collections.abc import Iterable, Mapping
from itertools import pairwise
from typing import Any, Final

import pandas as pd

from tidegate_dashboards import wording
from tidegate_dashboards.service_client import (
    Decision,
    Look,
    Rollout,
    RolloutDetail,
    Step,
)

E_VALUE_FLOOR: Final = 0.01
"""Lower e-values are drawn here: how far below 1 they lie says nothing about harm."""
E_VALUE_CEILING: Final = 1e6
"""Higher e-values are drawn here: all of them are far beyond any threshold."""
BASELINE, CANDIDATE = "baseline", "candidate"
_POINTS_AT_MOST: Final = 400
_AFTERMATH: Final = 0.11
_KINDS: Final = {"incident": "incident", "outcome": "goal"}


def thinned(looks: list[Look], points: int = _POINTS_AT_MOST) -> list[Look]:
    """At most `points` looks, for a chart that is no wider in pixels.

    Each keeps the highest e-values of those it stands for, so that no peak is hidden.
    """
    if len(looks) <= points:
        return looks
    edges = [len(looks) * number // points for number in range(points + 1)]
    groups = (looks[first:end] for first, end in pairwise(edges))
    return [_highest(group) for group in groups]


def shares(rollout: Rollout, markers: pd.DataFrame, looks: list[Look]) -> pd.DataFrame:
    """The candidate's share over time: one row at each decision, and one where the chart ends.

    That is the last look while a rollout runs, and a little after its end, so that one sees where
    the traffic went.

    Returns:
        Columns at and share.
    """
    frame = markers[["at", "share"]]
    if frame.empty or not looks:
        return frame
    last = max(pd.Timestamp(looks[-1]["at"]), frame["at"].iloc[-1])
    if rollout["ended_at"] is not None:
        last += (last - frame["at"].iloc[0]) * _AFTERMATH
    tail = pd.DataFrame({"at": [last], "share": [frame["share"].iloc[-1]]})
    return pd.concat([frame, tail.astype(frame.dtypes)], ignore_index=True)


def markers(decisions: list[Decision], steps: list[Step]) -> pd.DataFrame:
    """Where decisions changed the share.

    A decision of another rollout among them is the one that acknowledged a person's end of this.

    Returns:
        Columns at, share (after the decision), label, what, reason, ends (whether it was the end).
    """
    rows = {
        (each["decided_at"], each["verdict"]): _marker(each, steps)
        for each in own_decisions(decisions)
        if each["verdict"] in ("advance", "promote", "roll_back")
    }
    ended = [_ended_by_a_person(each) for each in foreign_decisions(decisions)]
    columns = ["at", "share", "label", "what", "reason", "ends"]
    return _timed(pd.DataFrame([*rows.values(), *ended], columns=columns))


def e_values(looks: list[Look]) -> pd.DataFrame:
    """Each guardrail's e-value for harm at each look.

    Returns:
        Columns at, guardrail, e_value (between floor and ceiling), exact (as text), stops (whether
        it reached its threshold), units, candidate_units.
    """
    rows = [
        {
            "at": look["at"],
            "guardrail": wording.words(name),
            "e_value": _drawable(log_e),
            "exact": wording.e_value(log_e),
            "stops": log_e >= look["log_thresholds"].get(name, math.inf),
            "units": look["units"],
            "candidate_units": look["candidate_units"],
        }
        for look in looks
        for name, log_e in look["log_e_values"].items()
    ]
    columns = ["at", "guardrail", "e_value", "exact", "stops", "units", "candidate_units"]
    return _timed(pd.DataFrame(rows, columns=columns))


def thresholds(log_thresholds: Mapping[str, float]) -> pd.DataFrame:
    """Where guardrails stop a rollout, one row for each different e-value.

    Returns:
        Columns e_value, label.
    """
    by_value: dict[str, list[str]] = {}
    for name, log_threshold in log_thresholds.items():
        by_value.setdefault(wording.e_value(log_threshold), []).append(name)
    rows = [
        {
            "e_value": _drawable(log_thresholds[names[0]]),
            "label": _threshold_label(text, names, shared=len(by_value) == 1),
        }
        for text, names in by_value.items()
    ]
    return pd.DataFrame(rows, columns=["e_value", "label"])


def tallies(detail: RolloutDetail) -> pd.DataFrame:
    """What happened to the units of each arm, for everything that is watched.

    A figure that decides comes with the counts that decide, the others are summed over the stages
    that have a baseline beside the candidate.

    Returns:
        Columns guardrail, kind ("incident" or "goal"), arm, k, n, rate, label.
    """
    return pd.DataFrame(
        _deciding_rows(detail) + _watched_rows(detail),
        columns=["guardrail", "kind", "arm", "k", "n", "rate", "label"],
    )


def _deciding_rows(detail: RolloutDetail) -> list[dict[str, Any]]:
    return [
        _tally_row(
            wording.words(each["guardrail"]), _KINDS[each["kind"]], arm, (tally["k"], tally["n"])
        )
        for each in detail["assessments"]
        for arm, tally in ((BASELINE, each["baseline"]), (CANDIDATE, each["candidate"]))
    ]


def _watched_rows(detail: RolloutDetail) -> list[dict[str, Any]]:
    deciding = {each["guardrail"] for each in detail["assessments"]}
    kinds = {
        "goal": _names(detail, ("successes", "failures")),
        "incident": _names(detail, ("incidents",)),
    }
    return [
        _tally_row(
            f"{wording.words(name)} (only watched)", kind, arm, _summed(detail, kind, name, arm)
        )
        for kind, names in kinds.items()
        for name in names
        if name not in deciding
        for arm in (BASELINE, CANDIDATE)
    ]


def _names(detail: RolloutDetail, fields: Iterable[str]) -> list[str]:
    """Names that were counted in any stage, in a stable order."""
    arms = [
        arm
        for stage in detail["evidence"]["stages"]
        for arm in (stage["baseline"], stage["candidate"])
    ]
    return sorted({name for arm in arms for field in fields for name in arm[field]})  # type: ignore[literal-required]  # the three counts


def _summed(detail: RolloutDetail, kind: str, name: str, arm: str) -> tuple[int, int]:
    stages = [each for each in detail["evidence"]["stages"] if 0 < each["share_ppm"] < wording.PPM]
    arms = [stage["baseline"] if arm == BASELINE else stage["candidate"] for stage in stages]
    if kind == "incident":
        return sum(it["incidents"].get(name, 0) for it in arms), sum(it["units"] for it in arms)
    won = sum(it["successes"].get(name, 0) for it in arms)
    return won, won + sum(it["failures"].get(name, 0) for it in arms)


def _tally_row(guardrail: str, kind: str, arm: str, counts: tuple[int, int]) -> dict[str, Any]:
    k, n = counts
    return {
        "guardrail": guardrail,
        "kind": kind,
        "arm": arm,
        "k": k,
        "n": n,
        "rate": k / n if n else 0.0,
        "label": wording.tally(k, n),
    }


def _highest(group: list[Look]) -> Look:
    names = group[-1]["log_e_values"]
    highest = {
        name: max(look["log_e_values"].get(name, -math.inf) for look in group) for name in names
    }
    return {**group[-1], "log_e_values": highest}


def own_decisions(decisions: list[Decision]) -> list[Decision]:
    """The decisions of the rollout itself."""
    return [each for each in decisions if each["rollout"] == decisions[0]["rollout"]]


def foreign_decisions(decisions: list[Decision]) -> list[Decision]:
    """Decisions of another attempt, with which a person ended this rollout."""
    return [each for each in decisions if each["rollout"] != decisions[0]["rollout"]]


def _ended_by_a_person(decision: Decision) -> dict[str, Any]:
    return {
        "at": decision["decided_at"],
        "share": 0.0,
        "label": "ended by a person",
        "what": "Ended by a person",
        "reason": decision["reason"],
        "ends": True,
    }


def _marker(decision: Decision, steps: list[Step]) -> dict[str, Any]:
    share_ppm = _share_after(decision, steps)
    ends = decision["verdict"] != "advance"
    what = wording.verdict(decision["verdict"], decision["rule"], reverts=False)
    ending = "rolled back" if decision["verdict"] == "roll_back" else "promoted"
    return {
        "at": decision["decided_at"],
        "share": share_ppm / wording.PPM,
        "label": ending if ends else wording.share(share_ppm),
        "what": what,
        "reason": decision["reason"],
        "ends": ends,
    }


def _share_after(decision: Decision, steps: list[Step]) -> int:
    if decision["verdict"] == "roll_back":
        return 0
    if decision["verdict"] == "promote":
        return wording.PPM
    following = 0 if decision["rule"] == "start" else decision["step"] + 1
    return steps[min(following, len(steps) - 1)]["share_ppm"]


def _threshold_label(text: str, names: list[str], *, shared: bool) -> str:
    if shared:
        return f"stops at {text}"
    subject = wording.listed([wording.words(name) for name in names])
    return f"{subject} {'stop' if len(names) > 1 else 'stops'} at {text}"


def _drawable(log_e: float) -> float:
    return math.exp(min(max(log_e, math.log(E_VALUE_FLOOR)), math.log(E_VALUE_CEILING)))


def _timed(frame: pd.DataFrame) -> pd.DataFrame:
    return frame.assign(at=pd.to_datetime(frame["at"], utc=True, format="ISO8601"))
