"""`tidegate deploy`, `pause`, `resume`, `promote`, `abort`, `undo`: each makes one commit."""

from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, TypeVar

import click
import msgspec

from tidegate.cli.checkout_options import (
    EXIT_CODES,
    checkout_at,
    complete_agent,
    complete_version,
    environment_option,
    json_option,
    manifest_option,
)
from tidegate.cli.plain_errors import with_plain_errors
from tidegate.service.deploying import deploy
from tidegate.service.operating import Desk, Done
from tidegate.service.ordering import pause, promote, resume
from tidegate.service.reverting import abort, undo

F = TypeVar("F", bound=Callable[..., Any])
_reason_option = click.option(
    "--reason", default="", help="Why; it stands in the commit and in status."
)
_why_back_option = click.option("--reason", default="", help="Why; it stands in the commit.")
_force_option = click.option(
    "--force",
    is_flag=True,
    help="Go back even if the earlier version cannot read what is in memory.",
)


def _on_a_release(command: F) -> F:
    """The argument and the options of every command here."""
    wrapped = command
    for decorate in (
        manifest_option,
        environment_option,
        json_option,
        click.option("--no-push", is_flag=True, help="Commit here only."),
        click.argument("agent", shell_complete=complete_agent),
    ):
        wrapped = decorate(wrapped)
    return wrapped


@click.command("deploy", epilog=EXIT_CODES)
@_on_a_release
@click.argument("version", shell_complete=complete_version)
@click.option("--force", is_flag=True, help="Release it although it was rolled back before.")
@click.option(
    "--at-once",
    is_flag=True,
    help="Also a version of the rollback window, which everyone is served at once, without steps.",
)
@click.option("-m", "--message", help="Message of the commit.")
@with_plain_errors
def deploy_command(
    agent: str,
    version: str,
    manifest: Path | None,
    environment: str,
    as_json: bool,
    no_push: bool,
    force: bool,
    at_once: bool,
    message: str | None,
) -> None:
    """Ask for VERSION of AGENT: one commit that changes its release, linted first, and pushed.

    Comments and layout of the file stay. With a blue-green strategy the idle colour gets the
    version and becomes active. The checkout is brought up to date first, unless --no-push is given.
    """
    desk = _desk(manifest, environment, no_push=no_push)
    done = deploy(desk, agent, version, force=force, at_once=at_once, message=message)
    _tell(done, as_json=as_json)


@click.command("pause", epilog=EXIT_CODES)
@_on_a_release
@_reason_option
@with_plain_errors
def pause_command(
    agent: str, manifest: Path | None, environment: str, as_json: bool, no_push: bool, reason: str
) -> None:
    """Hold the rollout of AGENT where it is; harm still ends it."""
    desk = _desk(manifest, environment, no_push=no_push)
    _tell(pause(desk, agent, reason), as_json=as_json)


@click.command("resume", epilog=EXIT_CODES)
@_on_a_release
@_reason_option
@with_plain_errors
def resume_command(
    agent: str, manifest: Path | None, environment: str, as_json: bool, no_push: bool, reason: str
) -> None:
    """Let the paused rollout of AGENT go on.

    If the engine paused it, the alarm that it paused for is waived for the rest of the rollout.
    """
    desk = _desk(manifest, environment, no_push=no_push)
    _tell(resume(desk, agent, reason), as_json=as_json)


@click.command("promote", epilog=EXIT_CODES)
@_on_a_release
@click.option("--full", is_flag=True, help="Take all steps that are left at once.")
@_reason_option
@with_plain_errors
def promote_command(
    agent: str,
    manifest: Path | None,
    environment: str,
    as_json: bool,
    no_push: bool,
    full: bool,
    reason: str,
) -> None:
    """Let the rollout of AGENT take its next step, whatever it waits for; harm still ends it.

    This is also how a step with `pause: {}` is approved.
    """
    desk = _desk(manifest, environment, no_push=no_push)
    _tell(promote(desk, agent, reason, full=full), as_json=as_json)


@click.command("abort", epilog=EXIT_CODES)
@_on_a_release
@_force_option
@_why_back_option
@with_plain_errors
def abort_command(
    agent: str,
    manifest: Path | None,
    environment: str,
    as_json: bool,
    no_push: bool,
    force: bool,
    reason: str,
) -> None:
    """End the rollout of AGENT: a git revert of its deploy.

    It takes effect at the service's next fetch, also when no engine is alive.
    """
    desk = _desk(manifest, environment, no_push=no_push)
    _tell(abort(desk, agent, force=force, reason=reason), as_json=as_json)


@click.command("undo", epilog=EXIT_CODES)
@_on_a_release
@click.option("--to", "version", shell_complete=complete_version, help="A version that was live.")
@_force_option
@_why_back_option
@with_plain_errors
def undo_command(
    agent: str,
    manifest: Path | None,
    environment: str,
    as_json: bool,
    no_push: bool,
    version: str | None,
    force: bool,
    reason: str,
) -> None:
    """Bring AGENT back to the version before, leaving out those that were rolled back.

    A git revert where undoing the last change leads there, else a commit that sets the version.
    While a rollout runs, the version before is the one that it would replace.
    """
    desk = _desk(manifest, environment, no_push=no_push)
    done = undo(desk, agent, to=version, force=force, reason=reason)
    _tell(done, as_json=as_json)


OPERATIONS = (
    deploy_command,
    pause_command,
    resume_command,
    promote_command,
    abort_command,
    undo_command,
)


def _desk(manifest: Path | None, environment: str, *, no_push: bool) -> Desk:
    return Desk(
        checkout=checkout_at(manifest),
        environment=environment,
        push=not no_push,
        today=datetime.now(UTC).date(),
    )


def _tell(done: Done, *, as_json: bool) -> None:
    if as_json:
        click.echo(msgspec.json.encode(done).decode())
        return
    click.echo(f"{done.commit[:12]} {done.subject}")
    click.echo(_where(done))
    for finding in done.warnings:
        click.echo(str(finding))
    click.echo(f"Next: {done.outlook}.")


def _where(done: Done) -> str:
    if done.upstream is None:
        return "Committed here only: services see it once it is where they fetch from."
    earlier = {0: "", 1: ", with an earlier commit"}.get(
        done.others, f", with {done.others} earlier commits"
    )
    return f"Pushed to {done.upstream}{earlier}."
