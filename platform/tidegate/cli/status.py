"""`tidegate status`: where every release stands, from git alone."""

from datetime import datetime
from functools import partial
from pathlib import Path
from typing import Any

import click
import msgspec

from tidegate.adapters.service_client import ask
from tidegate.cli.checkout_options import (
    checkout_at,
    complete_agent,
    environment_option,
    json_option,
    manifest_option,
)
from tidegate.cli.plain_errors import with_plain_errors
from tidegate.domain.errors import ServiceSilent
from tidegate.service.reporting import (
    CommitView,
    ReleaseView,
    Report,
    drift_of,
    report,
    with_waits,
)


@click.command(
    "status",
    epilog="Exits with 0, with 1 if a release cannot be read or the service serves something else, "
    "and with 2 when it is called wrongly.",
)
@click.argument("agent", required=False, shell_complete=complete_agent)
@click.option("--service", metavar="URL", help="Ask this service what it serves, and compare.")
@click.option("--no-fetch", is_flag=True, help="Do not ask the remote for news first.")
@manifest_option
@environment_option
@json_option
@with_plain_errors
def status_command(
    agent: str | None,
    service: str | None,
    no_fetch: bool,
    manifest: Path | None,
    environment: str,
    as_json: bool,
) -> None:
    """Show what is served of AGENT, or of all, and how it came to be so.

    It is read from the remote's branch, which is what services go by; the checkout stays as it is.
    """
    told = report(checkout_at(manifest), environment, agent, fetch=not no_fetch)
    rollouts: dict[str, str] = {}
    if service is not None:
        told = msgspec.structs.replace(told, drift=drift_of(told, ask(service, "/v1/drift")))
        known = ask(service, "/v1/rollouts").get("rollouts", [])
        told = with_waits(told, known, partial(_asked, service))
        rollouts = _progress(known)
    if as_json:
        click.echo(msgspec.json.encode(told).decode())
    else:
        _print(told, rollouts)
    if told.problems or told.drift:
        raise click.exceptions.Exit(1)


def _asked(service: str, path: str) -> dict[str, Any] | None:
    """An answer that a service need not have, such as of an agent that it does not know yet."""
    try:
        return ask(service, path)
    except ServiceSilent:
        return None


def _progress(rollouts: list[dict[str, Any]]) -> dict[str, str]:
    """How many units the latest rollout of each agent has seen, in words."""
    found: dict[str, str] = {}
    for each in rollouts:
        units, candidate = each.get("units", 0), each.get("candidate_units", 0)
        words = f"{units:,} units seen, {candidate:,} of them on the candidate ({each.get('id')})"
        found.setdefault(str(each.get("agent")), words)
    return found


def _print(told: Report, rollouts: dict[str, str]) -> None:
    click.echo(_source(told))
    for view in told.releases:
        click.echo()
        for name, text in _lines(view, rollouts.get(view.agent)):
            click.echo(f"  {name:<10} {text}" if name else text)
        if told.drift is None and view.is_running:
            click.echo("  why it waits: ask with --service URL")
    for problem in told.problems.values():
        click.echo(f"\ncannot be read: {problem}")
    if told.drift is not None:
        click.echo()
        for line in told.drift or ("no drift: the service serves just this",):
            click.echo(f"drift: {line}" if told.drift else line)


def _source(told: Report) -> str:
    notes = [f"{told.environment}, read from {told.source} at {told.commit[:12]}"]
    if told.behind:
        notes.append(f"the checkout is {_commits(told.behind)} behind (git pull)")
    if told.ahead:
        notes.append(f"{_commits(told.ahead)} here not pushed (git push)")
    if told.remote_problem:
        notes.append(f"as last fetched, for {told.remote_problem}")
    return "; ".join(notes)


def _commits(count: int) -> str:
    return "1 commit" if count == 1 else f"{count} commits"


def _lines(view: ReleaseView, progress: str | None) -> list[tuple[str, str]]:
    found = [
        ("", view.agent),
        ("serves", _served(view)),
        ("phase", f"{view.phase.value}{_paused(view)}, since {_instant(view.since)}"),
        ("reason", view.reason),
        ("deployed", _commit(view.deploy, with_author=True)),
    ]
    if view.decision is not None:
        found.append(("decided", _commit(view.decision)))
    if view.waits_for is not None:
        found.append(("waits for", view.waits_for))
    if progress is not None:
        found.append(("seen", progress))
    found += [("bad", f"{each.version}: {each.reason}") for each in view.bad]
    return found


def _served(view: ReleaseView) -> str:
    if view.frozen:
        return f"{view.stable}, and {view.candidate} to units that met it (enrolment is frozen)"
    if view.candidate is None and view.share == "0%":
        return view.stable
    if view.candidate is None:
        arms = (f"{arm.version} at {arm.share} ({arm.name})" for arm in view.arms)
        return f"{view.stable}, and {', '.join(arms)}"
    step = f", step {view.step} of {view.steps}" if view.step and view.steps else ""
    return f"{view.stable}, and {view.candidate} at {view.share}{step}"


def _paused(view: ReleaseView) -> str:
    return f", paused by {view.paused_by}" if view.paused_by else ""


def _commit(view: CommitView, *, with_author: bool = False) -> str:
    author = f" by {view.author}" if with_author else ""
    return f'{view.commit[:12]} "{view.subject}"{author}, {_instant(view.at)}'


def _instant(instant: datetime) -> str:
    return instant.astimezone().strftime("%Y-%m-%d %H:%M %Z")
