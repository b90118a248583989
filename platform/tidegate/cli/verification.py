"""`tidegate verify`: take a recorded decision again."""

import urllib.error
from pathlib import Path
from urllib.parse import quote

import click
import msgspec

from tidegate.adapters.service_client import ask
from tidegate.cli.checkout_options import json_option
from tidegate.cli.stored_data import (
    Unable,
    branch_option,
    data_dir_option,
    no_fetch_option,
    stored_data,
)
from tidegate.domain.errors import ServiceSilent, TidegateError
from tidegate.domain.verification import Check, Verification
from tidegate.service.verifying import Verifier


@click.command(
    "verify",
    epilog="Exits with 0 if every check holds, with 1 if one does not, and with 2 if it cannot be "
    "said (no such commit, no data) or the command is called wrongly.",
)
@click.argument("commit")
@data_dir_option
@click.option("--service", metavar="URL", help="Let this running service do it, on its own data.")
@branch_option
@no_fetch_option
@json_option
def verify_command(
    commit: str,
    data_dir: Path | None,
    service: str | None,
    branch: str,
    no_fetch: bool,
    as_json: bool,
) -> None:
    """Take the decision of COMMIT again, and compare.

    COMMIT is a decision of the engine, or the revert after it. The record must be the one its
    message seals; the rule must come to the same on it; the policy must be what the manifest said;
    and the evidence must be what the event log says up to the event that the decision saw.
    """
    if (data_dir is None) == (service is None):
        raise click.UsageError("give either --data-dir, of a stopped service, or --service URL")
    try:
        if data_dir is not None:
            found = _on_data(data_dir, commit, branch, fetch=not no_fetch)
        else:
            found = _by_service(service or "", commit)
    except TidegateError as error:
        raise Unable(str(error)) from error
    if as_json:
        click.echo(msgspec.json.encode(found).decode())
    else:
        _print(found)
    if not found.verified:
        raise click.exceptions.Exit(1)


def _on_data(folder: Path, commit: str, branch: str, *, fetch: bool) -> Verification:
    with stored_data(folder, branch, fetch=fetch) as data:
        if data.remote_problem is not None:
            click.echo(f"as last fetched, for {data.remote_problem}", err=True)
        return Verifier(data.repository, data.events).verify(commit)


def _by_service(address: str, commit: str) -> Verification:
    path = f"/v1/decisions/{quote(commit, safe='')}/verification"
    try:
        return msgspec.convert(ask(address, path), Verification)
    except ServiceSilent as error:
        raise Unable(_refusal(error)) from error
    except msgspec.ValidationError as error:
        raise Unable(f"{address} answers with something else: {error}") from error


def _refusal(error: ServiceSilent) -> str:
    """What the service said against it; the error's own words if it said nothing."""
    if not isinstance(error.__cause__, urllib.error.HTTPError):
        return str(error)
    try:
        said = msgspec.json.decode(error.__cause__.read())
        return str(said["error"]["message"])
    except (msgspec.DecodeError, LookupError, TypeError, OSError):
        return str(error)


def _print(found: Verification) -> None:
    for line in _heading(found):
        click.echo(line)
    for check in found.checks:
        click.echo(f"  {'ok' if check.ok else 'PROBLEM':<9}{check.name:<11}{check.detail}")
        for line in _differences(check):
            click.echo(f"{'':<22}{line}")
    click.echo(found.conclusion if found.verified else _failed(found))


def _heading(found: Verification) -> list[str]:
    lines = [found.commit]
    if found.decided_at is not None:
        lines.append(
            f"{found.rollout} in {found.environment}: {found.verdict} by the rule {found.rule}, "
            f"on event {found.seq}, {found.decided_at:%Y-%m-%d %H:%M:%S} UTC"
        )
        lines.append(found.reason or "")
    return lines


def _differences(check: Check) -> list[str]:
    """One line each where they are more than the sentence tells."""
    return [str(each) for each in check.differences] if len(check.differences) > 1 else []


def _failed(found: Verification) -> str:
    names = [each.name for each in found.checks if not each.ok]
    return f"not verified: {', '.join(names)}"
