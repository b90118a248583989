"""Is the idle environment fit to become the active one? The decision before a blue-green switch."""

import msgspec

from tidegate.domain.blue_green import BlueGreen
from tidegate.domain.decision import Decision, Verdict
from tidegate.domain.evidence import Clock, Orders
from tidegate_sdk.bucketing import PARTS


class Health(msgspec.Struct, frozen=True, kw_only=True):
    """What an environment's health address answered.

    Attributes:
        well: whether it answered that it is well.
        version: the version it says it runs, if it says so.
        detail: what was wrong, for people.
    """

    well: bool
    version: str | None = None
    detail: str = ""


class SwitchEvidence(msgspec.Struct, frozen=True, kw_only=True, tag_field="of", tag="switch"):
    """Everything known about the idle environment before the switch.

    Attributes:
        seq: sequence number of the last event that was seen.
        orders: what a person wants.
        health: what its health address answered just now; None if it has no such address.
        preview_units: units that met it in preview.
        preview_incidents: by guardrail, of these, units with an incident.
    """

    seq: int
    step: int = 0
    orders: Orders = Orders()
    health: Health | None = None
    preview_units: int = 0
    preview_incidents: dict[str, int] = {}


def decide_switch(plan: BlueGreen, evidence: SwitchEvidence, clock: Clock) -> Decision:
    """Decide whether to switch.

    Args:
        plan: the environments, and what the preview must show.
        evidence: what it has shown.
        clock: the preview began with the step.

    Returns:
        PROMOTE when the idle environment is well, runs the version that the manifest says, and has
        shown what it must; else HOLD. A person may let it go on whatever the preview has shown, but
        not onto an environment that is unwell.
    """
    if evidence.orders.paused:
        return _hold("paused", "a person paused the switch; a person resumes it")
    unfit = _unfit(plan, evidence)
    if unfit is not None:
        return unfit
    ordered = evidence.orders.lets_go(0)
    missing = None if ordered else _missing(plan, evidence, clock)
    if missing is not None:
        return missing
    grounds = "a person let it go on" if ordered else "the preview has shown what it must"
    return Decision(
        verdict=Verdict.PROMOTE,
        rule="switched",
        reason=f"{plan.active} is fit to take over: {grounds}",
        next_share_ppm=PARTS,
    )


def _unfit(plan: BlueGreen, evidence: SwitchEvidence) -> Decision | None:
    health, wanted = evidence.health, plan.active_colour.version
    if health is None:
        return None
    if not health.well:
        return _hold("unhealthy", f"{plan.active} fails its health check: {health.detail}")
    if health.version != wanted:
        runs = f"runs {health.version}" if health.version else "does not say which version it runs"
        return _hold("wrong_version", f"{plan.active} {runs}; the manifest says {wanted}")
    return None


def _missing(plan: BlueGreen, evidence: SwitchEvidence, clock: Clock) -> Decision | None:
    """The first thing that the preview has not shown yet."""
    asked, units = plan.pre_promotion, evidence.preview_units
    for name, incidents in sorted(evidence.preview_incidents.items()):
        if incidents > asked.max_incidents:
            seen = f"{incidents} of {units} preview units had {name}"
            return _hold("preview_incidents", f"{seen}, at most {asked.max_incidents} may")
    if units < asked.min_units:
        return _hold("min_units", f"{units} of {asked.min_units} preview units seen")
    if clock.in_step_s < asked.duration_s:
        waited = f"{clock.in_step_s:.0f} of {asked.duration_s} s"
        return _hold("dwell", f"{waited} of preview passed")
    if not plan.auto_promotion:
        return _hold("approval", f"{plan.active} is ready; a person lets the switch go on")
    return None


def _hold(rule: str, reason: str) -> Decision:
    return Decision(verdict=Verdict.HOLD, rule=rule, reason=reason)
