"""After everyone has the new version there is no baseline beside it: has its rate risen since?

Change detection (S8) against the rate that was learnt before, and the ceiling (S2) where there is
one. A false alarm is not excluded for ever, as with an e-process, but rare: so many units pass, on
average at least, until there is one.
"""

from typing import TypeAlias

import msgspec

from anytime import InvalidMargin, e_detector, log_e_above
from tidegate.domain.canary import Watch
from tidegate.domain.decision import Decision, Verdict
from tidegate.domain.evidence import Clock
from tidegate.domain.metrics import Guardrail
from tidegate.domain.policy import Policy

Runs: TypeAlias = tuple[tuple[int, int], ...]
"""Pairs of clean units and of incidents that follow them, in the order in which units came."""


class Watched(msgspec.Struct, frozen=True, kw_only=True):
    """One guardrail before and after.

    Attributes:
        incidents, units: with an incident, and all, before: what the rate is learnt from.
        runs: units since.
    """

    incidents: int
    units: int
    runs: Runs = ()

    @property
    def incidents_since(self) -> int:
        """Units with an incident since."""
        return sum(incidents for _, incidents in self.runs)

    @property
    def units_since(self) -> int:
        """Units since."""
        return sum(clean + incidents for clean, incidents in self.runs)


class WatchEvidence(msgspec.Struct, frozen=True, kw_only=True, tag_field="of", tag="watch"):
    """Everything known since all units have the version, up to one event."""

    seq: int
    step: int = 0
    guardrails: dict[str, Watched] = {}


def decide_watch(policy: Policy, evidence: WatchEvidence, clock: Clock) -> Decision:
    """Decide whether the version has become worse since everyone has it.

    Args:
        policy: the guardrails and budgets, and the watch asked for.
        evidence: units before and since.
        clock: the watch began with the step.

    Returns:
        ROLL_BACK or ALARM, as asked for, if a guardrail's detector or ceiling was reached while
        the watch lasts; else HOLD.

    Guarantee:
        While a guardrail's rate is no higher than before: at least `run_length` units pass on
        average until its detector's alarm (Shin, Ramdas and Rinaldo 2023), up to the chance that
        the rate was learnt too low. While it is below its ceiling: the chance that this alarm is
        ever raised is at most the guardrail's part of `false_rollback` (Ville).
    """
    if clock.in_step_s >= policy.watch.duration_s:
        return Decision(verdict=Verdict.HOLD, rule="watch_over", reason="the watch is over")
    for guardrail in policy.guardrails:
        watched = evidence.guardrails.get(guardrail.name)
        if guardrail.kind != "incident" or watched is None or watched.units == 0:
            continue
        reason = _breach(policy, guardrail, watched)
        if reason is not None:
            return _alarm(policy.watch, guardrail, reason)
    return Decision(verdict=Verdict.HOLD, rule="watching", reason="no guardrail has become worse")


def _alarm(watch: Watch, guardrail: Guardrail, reason: str) -> Decision:
    rolls_back = watch.action == "rollback"
    return Decision(
        verdict=Verdict.ROLL_BACK if rolls_back else Verdict.ALARM,
        rule="change_detected",
        reason=reason,
        guardrail=guardrail.name,
        next_share_ppm=0 if rolls_back else None,
    )


def _breach(policy: Policy, guardrail: Guardrail, watched: Watched) -> str | None:
    """Why there is an alarm, if there is one."""
    seen = f"{watched.incidents_since} of {watched.units_since} units since everyone has it"
    if _has_changed(watched, policy.watch.run_length):
        before = f"{watched.incidents} of {watched.units} before"
        false = f"a false alarm comes once in {policy.watch.run_length:,} units"
        return f"{guardrail.name}: {seen}, {before}; {false}"
    if guardrail.ceiling_rate is None:
        return None
    log_e = log_e_above(
        incidents=watched.incidents_since, units=watched.units_since, ceiling=guardrail.ceiling_rate
    )
    over = log_e >= policy.log_harm_threshold(guardrail)
    return f"{guardrail.name}: {seen}, over its ceiling of {guardrail.ceiling}" if over else None


def _has_changed(watched: Watched, run_length: int) -> bool:
    try:
        detector = e_detector.learnt(incidents=watched.incidents, units=watched.units)
    except InvalidMargin:
        return False  # nearly every unit had an incident before: it cannot get worse
    runs = (e_detector.Outcomes(*run) for run in watched.runs)
    return e_detector.alarmed(e_detector.follow(detector, runs), run_length=run_length)
