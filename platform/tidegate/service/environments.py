"""The two environments of a blue-green release: which one is active, and what must keep running."""

from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta

import msgspec

from tidegate.domain.blue_green import BlueGreen, Colour, ColourName
from tidegate.domain.decision import Verdict
from tidegate.domain.journal import IndexedDecision, Look
from tidegate.domain.release import Release
from tidegate.domain.state import Phase
from tidegate.service.ports import ControlDatabase


class EnvironmentView(msgspec.Struct, frozen=True, kw_only=True):
    """One environment, as the manifest has it."""

    colour: ColourName
    version: str
    endpoint: str
    health: str | None


class EnvironmentsView(msgspec.Struct, frozen=True, kw_only=True):
    """Both environments of an agent.

    Attributes:
        active: the one that units are served; None if what is served runs in neither.
        idle: the other one.
        wanted: the colour that INTENT asks for; it differs from the active one before a switch.
        waiting_for: why the engine has not switched yet, as of its last look at new events.
        switched_at: when the active one became so; None if that was no switch.
        keep_warm_until: until when the idle one must be kept running after the switch; None if
            there was none.
    """

    agent: str
    environment: str
    manifest_commit: str
    phase: Phase
    reason: str
    active: EnvironmentView | None
    idle: EnvironmentView
    wanted: ColourName
    waiting_for: str | None
    switched_at: datetime | None
    keep_warm_until: datetime | None


def environments_of(release: Release, control: ControlDatabase) -> EnvironmentsView | None:
    """The environments of a release; None if it is not released from one to another."""
    plan = release.intent.strategy.blue_green
    if plan is None:
        return None
    active = _colour_of(plan, release.traffic.baseline)
    idle = plan.active if active is None else _other(active)
    override = control.open_overrides().get(release.rollout)
    decisions = (each for each in control.decisions() if _is_about(release, each))
    switched_at = override.at if override else _switched_at(release, plan, decisions)
    looks = control.looks(release.rollout) if release.in_rollout else []
    return EnvironmentsView(
        agent=release.agent,
        environment=release.environment,
        manifest_commit=release.commit,
        phase=release.traffic.phase,
        reason=release.traffic.reason,
        active=None if active is None else _view(active, plan.colour(active)),
        idle=_view(idle, plan.colour(idle)),
        wanted=plan.active,
        waiting_for=_waiting_for(looks),
        switched_at=switched_at,
        keep_warm_until=None if switched_at is None else switched_at + _kept_warm(release, plan),
    )


def _colour_of(plan: BlueGreen, version: str) -> ColourName | None:
    colours: tuple[ColourName, ...] = ("blue", "green")
    return next((name for name in colours if plan.colour(name).version == version), None)


def _other(colour: ColourName) -> ColourName:
    return "green" if colour == "blue" else "blue"


def _view(name: ColourName, colour: Colour) -> EnvironmentView:
    return EnvironmentView(
        colour=name, version=colour.version, endpoint=colour.endpoint, health=colour.health
    )


def _is_about(release: Release, decision: IndexedDecision) -> bool:
    return (decision.agent, decision.environment) == (release.agent, release.environment)


def _waiting_for(looks: Sequence[Look]) -> str | None:
    return looks[-1].reason if looks and looks[-1].verdict == Verdict.HOLD.value else None


def _switched_at(
    release: Release, plan: BlueGreen, decisions: Iterable[IndexedDecision]
) -> datetime | None:
    """When one of these environments last took over from the other, in which units now are."""
    live: ColourName | None = None
    switched_at: datetime | None = None
    for each in decisions:
        promotes = each.verdict == Verdict.PROMOTE.value
        now = _colour_of(plan, each.candidate if promotes else each.baseline)
        if now is not None and live == _other(now):
            switched_at = each.decided_at
        live = now
    return switched_at if live == _colour_of(plan, release.traffic.baseline) else None


def _kept_warm(release: Release, plan: BlueGreen) -> timedelta:
    """As long as the plan says, and for as long as the watch may still switch back."""
    watch = plan.post_promotion
    watching = release.traffic.phase is Phase.COMPLETED and watch.action == "rollback"
    return timedelta(seconds=max(plan.keep_warm_s, watch.duration_s if watching else 0))
