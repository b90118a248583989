"""`status`: where every release stands, from git alone, and whether a service serves just that."""

from collections.abc import Callable, Iterable, Mapping
from datetime import datetime
from typing import Any, Final, TypeAlias
from urllib.parse import quote

import msgspec

from tidegate.domain import manifest_files as files
from tidegate.domain.canary import Canary
from tidegate.domain.errors import (
    ReleaseRemoved,
    RemoteUnreachable,
    TidegateError,
    UnknownAgent,
)
from tidegate.domain.person_commits import AuthoredCommit, Upstream
from tidegate.domain.quantities import percent
from tidegate.domain.state import BadVersion, Phase
from tidegate.service.checkout_port import Checkout
from tidegate.service.standing import Standing, agents_at, standing_of

Ask: TypeAlias = Callable[[str], Mapping[str, Any] | None]
_RUNNING: Final = (Phase.PROGRESSING.value, Phase.PAUSED.value)


class CommitView(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """A commit at a glance."""

    commit: str
    subject: str
    author: str
    at: datetime


class ArmView(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """One arm beside the stable version, such as "5%" of all units."""

    name: str
    version: str
    share: str


class ReleaseView(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """A release at a glance.

    Attributes:
        wanted: the version that INTENT names.
        stable: the version of everyone outside the share.
        candidate: the version inside the share, if one is being released.
        strategy: "canary", "blueGreen" or "ab".
        share: the share of all that is compared with the stable version, such as "5%".
        arms: who has which part of that share.
        step, steps: the step in force, from 1, of how many; None outside a rollout with steps.
        paused_by: "person" or "engine", if somebody paused it.
        frozen: whether units that met the candidate must stay on it, for their memory's sake.
        since: when it came to be so.
        deploy: the commit that last changed INTENT.
        decision: the engine's last.
        waits_for: why a rollout that runs has not gone on yet; only a service knows.
    """

    agent: str
    environment: str
    phase: Phase
    wanted: str
    stable: str
    candidate: str | None
    strategy: str
    share: str
    arms: tuple[ArmView, ...]
    step: int | None
    steps: int | None
    paused_by: str | None
    frozen: bool
    since: datetime
    reason: str
    deploy: CommitView
    decision: CommitView | None
    bad: tuple[BadVersion, ...]
    window: tuple[str, ...]
    waits_for: str | None = None

    @property
    def is_running(self) -> bool:
        """Whether an engine is at it."""
        return self.phase in (Phase.PROGRESSING, Phase.PAUSED)


class Report(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """Where every release of an environment stands.

    Attributes:
        commit: what this was read from.
        source: the branch whose head that is.
        ahead: commits of the checkout that are not pushed.
        behind: commits that the checkout lacks.
        remote_problem: why the remote gives no answer, if it gives none.
        problems: why a release cannot be read, by agent.
        drift: what a service serves otherwise; None if none was asked.
    """

    environment: str
    commit: str
    source: str
    ahead: int
    behind: int
    remote_problem: str | None
    releases: tuple[ReleaseView, ...]
    problems: dict[str, str]
    drift: tuple[str, ...] | None = None


def report(
    checkout: Checkout, environment: str, agent: str | None = None, *, fetch: bool = True
) -> Report:
    """Where releases stand at the remote's head, or at HEAD where there is no remote.

    Args:
        checkout: the checkout; it stays as it is.
        environment: the environment.
        agent: this one alone.
        fetch: ask the remote for news first.

    Raises:
        UnknownAgent: it has no release in this environment, and never had one.
        ReleaseRemoved: it has none any more.
    """
    upstream, problem = _news(checkout) if fetch else (_upstream(checkout), None)
    reference = upstream.reference if upstream is not None else None
    source = str(upstream) if upstream is not None and reference is not None else "HEAD"
    commit = checkout.resolve(reference or "HEAD")
    if commit is None:
        raise UnknownAgent(agent or "", environment, [])
    ahead, behind = checkout.distance(reference) if reference is not None else (0, 0)
    known = agents_at(checkout.tree(commit), environment)
    if agent is not None and agent not in known:
        raise _unknown(checkout, commit, UnknownAgent(agent, environment, known))
    releases, problems = _views(checkout, commit, environment, [agent] if agent else known)
    return Report(
        environment=environment,
        commit=commit,
        source=source,
        ahead=ahead,
        behind=behind,
        remote_problem=problem,
        releases=tuple(releases),
        problems=problems,
    )


def _unknown(checkout: Checkout, commit: str, error: UnknownAgent) -> UnknownAgent:
    """With the commit that removed the release, if there was one."""
    path = files.intent_path(error.environment, error.agent)
    changes = checkout.changes(commit, path, limit=1) if files.is_name(error.agent) else []
    if not changes:
        return error
    info = checkout.info(changes[0])
    removal = f'{info.commit[:12]} "{info.subject}" by {info.author}'
    return ReleaseRemoved(error.agent, error.environment, error.known, removal)


def with_waits(told: Report, rollouts: Iterable[Mapping[str, Any]], ask: Ask) -> Report:
    """The report with what a service says that each rollout under way waits for.

    Args:
        told: the report from git.
        rollouts: the service's answer to GET /v1/rollouts, newest first.
        ask: the service's answer to another path; None if it has none.
    """
    reasons: dict[str, str] = {}
    for each in rollouts:
        if each.get("environment") == told.environment and each.get("phase") in _RUNNING:
            reasons.setdefault(str(each.get("agent")), str(each.get("reason")))
    return msgspec.structs.replace(
        told, releases=tuple(_with_wait(view, reasons, ask) for view in told.releases)
    )


def _with_wait(view: ReleaseView, reasons: Mapping[str, str], ask: Ask) -> ReleaseView:
    if not view.is_running:
        return view
    reason = reasons.get(view.agent)
    if view.strategy == "blueGreen":
        answer = ask(f"/v1/agents/{quote(view.agent)}/environments") or {}
        reason = answer.get("waiting_for") or reason
    return msgspec.structs.replace(view, waits_for=reason)


def drift_of(told: Report, served: Mapping[str, Any]) -> tuple[str, ...]:
    """What a service serves otherwise than git says.

    Args:
        told: the report from git.
        served: the service's answer to GET /v1/drift.
    """
    environment = served.get("environment")
    if environment != told.environment:
        return (f"the service serves the environment {environment!r}, not {told.environment!r}",)
    found = []
    if served.get("served") != told.commit:
        found.append(
            f"the service serves commit {_short(served.get('served'))}, {told.source} is at "
            f"{_short(told.commit)}"
        )
    if served.get("remote_problem"):
        found.append(f"the service gets no answer from its remote: {served['remote_problem']}")
    for name, problem in (served.get("problems") or {}).items():
        found.append(f"the service cannot read {name or 'the head'}: {problem}")
    for rollout, override in (served.get("overrides") or {}).items():
        found.append(f"{rollout} is stopped by an emergency override: {override.get('reason')}")
    agents = served.get("agents") or {}
    for view in told.releases:
        found += _drift_of_release(view, agents.get(view.agent))
    return tuple(found)


def _drift_of_release(view: ReleaseView, served: Mapping[str, Any] | None) -> list[str]:
    if served is None:
        return [f"{view.agent}: the service serves nothing"]
    share = percent(int(served.get("share_ppm") or 0))
    pairs = (
        ("phase", view.phase.value, served.get("phase")),
        ("stable version", view.stable, served.get("baseline")),
        ("candidate", view.candidate, served.get("candidate")),
        ("share", view.share, share),
    )
    return [
        f"{view.agent}: {what} is {theirs or 'none'} in the service, {ours or 'none'} in git"
        for what, ours, theirs in pairs
        if ours != theirs
    ]


def _news(checkout: Checkout) -> tuple[Upstream | None, str | None]:
    """Where the branch is pushed to, as it is there now; and why that is not known."""
    upstream = _upstream(checkout)
    if upstream is None:
        return None, None
    try:
        checkout.fetch(upstream)
    except RemoteUnreachable as error:
        return upstream, str(error)
    return _upstream(checkout), None


def _upstream(checkout: Checkout) -> Upstream | None:
    """None also where no branch is checked out: then HEAD is all there is."""
    try:
        return checkout.upstream()
    except TidegateError:
        return None


def _views(
    checkout: Checkout, commit: str, environment: str, agents: list[str]
) -> tuple[list[ReleaseView], dict[str, str]]:
    views, problems = [], {}
    for agent in agents:
        try:
            views.append(_view(checkout, standing_of(checkout, commit, environment, agent)))
        except TidegateError as error:
            problems[agent] = str(error)
    return views, problems


def _view(checkout: Checkout, standing: Standing) -> ReleaseView:
    state, traffic, canary = standing.state, standing.traffic, standing.intent.strategy.canary
    decision = _last_decision(checkout, standing)
    stepping = standing.is_running and state is not None and canary is not None
    return ReleaseView(
        agent=standing.agent,
        environment=standing.environment,
        phase=traffic.phase,
        wanted=standing.intent.version,
        stable=traffic.baseline,
        candidate=traffic.candidate,
        strategy=_strategy(standing),
        arms=tuple(
            ArmView(name=arm.name, version=arm.version, share=percent(arm.share_ppm))
            for arm in traffic.arms
        ),
        share=percent(traffic.share_ppm),
        step=state.step + 1 if stepping and state is not None else None,
        steps=_steps(canary) if stepping else None,
        paused_by=_paused_by(standing),
        frozen=traffic.frozen,
        since=_since(standing, decision),
        reason=_reason(standing),
        deploy=_commit_view(standing.deploy),
        decision=None if decision is None else _commit_view(decision),
        bad=state.bad if state is not None else (),
        window=state.window if state is not None else (),
    )


def _strategy(standing: Standing) -> str:
    strategy = standing.intent.strategy
    if strategy.ab is not None:
        return "ab"
    return "canary" if strategy.canary is not None else "blueGreen"


def _steps(canary: Canary | None) -> int | None:
    return len(canary.steps) or None if canary is not None else None


def _last_decision(checkout: Checkout, standing: Standing) -> AuthoredCommit | None:
    path = files.state_path(standing.environment, standing.agent)
    changes = checkout.changes(standing.commit, path, limit=1)
    return checkout.info(changes[0]) if changes else None


def _since(standing: Standing, decision: AuthoredCommit | None) -> datetime:
    """When what is served came to be so: with the later of INTENT and its STATE."""
    deployed = standing.deploy.committed_at
    state = standing.state
    if decision is None or state is None or state.attempt != standing.attempt:
        return deployed
    return max(deployed, decision.committed_at)


def _paused_by(standing: Standing) -> str | None:
    if not standing.is_running:
        return None
    if standing.orders is not None and standing.orders.paused:
        return "person"
    return "engine" if standing.traffic.phase is Phase.PAUSED else None


def _reason(standing: Standing) -> str:
    orders = standing.orders
    if orders is not None and orders.paused and standing.is_running:
        return f"a person paused it{f': {orders.reason}' if orders.reason else ''}"
    return standing.traffic.reason


def _commit_view(info: AuthoredCommit) -> CommitView:
    return CommitView(
        commit=info.commit, subject=info.subject, author=info.author, at=info.committed_at
    )


def _short(commit: str | None) -> str:
    return "none" if commit is None else commit[:12]
