"""`tidegate lint`: problems of a manifest repository, before they are released."""

from collections import Counter
from collections.abc import Iterable
from datetime import UTC, datetime
from pathlib import Path

import click
import msgspec

from tidegate.adapters.checkout import Checkout
from tidegate.cli.checkout_options import json_option, manifest_option
from tidegate.cli.plain_errors import with_plain_errors
from tidegate.domain.linting import Finding
from tidegate.service.linting import lint_checkout


@click.command(
    "lint",
    epilog="Exits with 0 if there are no errors (warnings are none), with 1 if there are, or if "
    "the checkout cannot be read, and with 2 when it is called wrongly.",
)
@click.argument("paths", nargs=-1, type=click.Path(path_type=Path))
@click.option(
    "--against",
    default="HEAD",
    show_default=True,
    metavar="REF",
    help="Compare with this commit, or with the last one in common with this branch.",
)
@manifest_option
@json_option
@with_plain_errors
def lint_command(
    paths: tuple[Path, ...], against: str, manifest: Path | None, as_json: bool
) -> None:
    """Look for problems in the checkout as it lies there; only those in PATHS if any are given.

    All files are read either way, because they refer to one another. In CI: --against origin/main.
    """
    checkout = Checkout(manifest if manifest is not None else Path.cwd())
    wanted = [_inside(checkout, path) for path in paths]
    findings = [
        each
        for each in lint_checkout(checkout, against, datetime.now(UTC).date())
        if not wanted or any(_covers(path, each.path) for path in wanted)
    ]
    counts = Counter[str](each.severity for each in findings)
    if as_json:
        facts = {
            "errors": counts["error"],
            "warnings": counts["warning"],
            "findings": findings,
        }
        click.echo(msgspec.json.encode(facts).decode())
    else:
        _print(findings, counts)
    if counts["error"]:
        raise click.exceptions.Exit(1)


def _inside(checkout: Checkout, path: Path) -> str:
    """A path as the repository knows it."""
    absolute = path.absolute()
    resolved = absolute.parent.resolve() / absolute.name
    if not resolved.is_relative_to(checkout.top):
        raise click.UsageError(f"{path} is not in the checkout {checkout.top}")
    return resolved.relative_to(checkout.top).as_posix()


def _covers(wanted: str, path: str) -> bool:
    return wanted in (".", path) or path.startswith(f"{wanted}/")


def _print(findings: Iterable[Finding], counts: Counter[str]) -> None:
    for finding in findings:
        click.echo(str(finding))
    if not counts:
        click.echo("No problems.")
        return
    click.echo(", ".join(_counted(counts[each], each) for each in ("error", "warning")))


def _counted(count: int, what: str) -> str:
    return f"{count} {what}" if count == 1 else f"{count} {what}s"
