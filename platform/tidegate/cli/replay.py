"""`tidegate replay`: a recorded rollout under another policy."""

from pathlib import Path

import click
import msgspec

from tidegate.cli.checkout_options import environment_option, json_option
from tidegate.cli.plain_errors import with_plain_errors
from tidegate.cli.stored_data import branch_option, no_fetch_option, stored_data
from tidegate.domain import manifest_files as files
from tidegate.domain.backtest import Backtest, Moment, ReplayPolicy
from tidegate.domain.decision import Verdict
from tidegate.domain.quantities import percent
from tidegate.service.replaying import Replayer

_PLAIN_WIDTH = 140  # columns, where no terminal says how many it has
_DONE = {
    Verdict.ROLL_BACK: "rolled back",
    Verdict.FREEZE: "frozen",
    Verdict.PROMOTE: "promoted",
}


@click.command(
    "replay",
    epilog="Exits with 0, with 1 if there is nothing to replay, and with 2 if the data cannot be "
    "used or the command is called wrongly.",
)
@click.option(
    "--policy",
    "policy_file",
    type=click.Path(path_type=Path, exists=True, dir_okay=False),
    help="YAML with what shall be otherwise: budgets, guardrails, strategy.canary; nothing if not "
    "given.",
)
@click.option(
    "--data-dir",
    type=click.Path(path_type=Path, exists=True, file_okay=False),
    required=True,
    help="Data folder of the service, which must be stopped.",
)
@click.option("--rollout", metavar="ID", help="Such as support@2f1a…; the latest if not given.")
@click.option(
    "--every",
    type=click.IntRange(min=1),
    default=50,
    show_default=True,
    help="Units between looks; every incident is looked at, too.",
)
@environment_option
@branch_option
@no_fetch_option
@json_option
@with_plain_errors
def replay_command(
    policy_file: Path | None,
    data_dir: Path,
    rollout: str | None,
    every: int,
    environment: str,
    branch: str,
    no_fetch: bool,
    as_json: bool,
) -> None:
    """Say what another policy would have decided on a canary rollout, and when.

    The recorded events are run through the rule once more, look by look, beside what was decided in
    fact. The shares that were served stay as they were: what others would have shown is not known.
    """
    other = ReplayPolicy()
    if policy_file is not None:
        other = files.parse(str(policy_file), policy_file.read_bytes(), ReplayPolicy)
    with stored_data(data_dir, branch, fetch=not no_fetch) as data:
        replayer = Replayer(data.repository, data.events, environment)
        found = replayer.replay(other, rollout=rollout, every=every)
    if as_json:
        click.echo(msgspec.json.encode(found).decode())
    else:
        _print(found)


def _print(found: Backtest) -> None:
    click.echo(f"{found.rollout} in {found.environment}: {found.candidate} over {found.baseline}")
    for change in found.changes:
        click.echo(f"otherwise: {change.field} is {change.found}, was {change.recorded}")
    if not found.changes:
        click.echo("otherwise: nothing; the policy is the one that was in force")
    _print_table("In fact", found.fact)
    _print_table(f"Under the other policy, in {found.looks} looks", found.moments)
    click.echo(f"In fact:      {_end(found.fact_end, None)}")
    click.echo(f"Other policy: {_end(found.end, found.last)}")
    for note in found.notes:
        click.echo(f"Note: {note}")


def _end(end: Moment | None, last: Moment | None) -> str:
    if end is None:
        if last is None:
            return "no decision of the engine ended it"
        return f"undecided when the log is over: {last.rule}, {last.reason}"
    told = f"{_DONE[end.verdict]} on event {end.seq}, after {end.units:,} units, "
    return f"{told}{end.candidate_units:,} of them on the candidate: {end.reason}"


def _print_table(title: str, moments: tuple[Moment, ...]) -> None:
    from rich import box
    from rich.console import Console
    from rich.table import Table

    console = Console(highlight=False)
    if not console.is_terminal:
        console = Console(highlight=False, width=_PLAIN_WIDTH)
    console.print(f"\n{title}", style="bold", markup=False)
    table = Table(
        "event", "time", "units", "candidate", "share", "verdict", "rule", box=box.SIMPLE_HEAD
    )
    for each in moments:
        table.add_row(*_row(each))
    console.print(table, markup=False)


def _row(moment: Moment) -> tuple[str, ...]:
    onto = "" if moment.next_share_ppm is None else f" to {percent(moment.next_share_ppm)}"
    return (
        f"{moment.seq:,}",
        f"{moment.at:%Y-%m-%d %H:%M:%S}",
        f"{moment.units:,}",
        f"{moment.candidate_units:,}",
        percent(moment.share_ppm),
        f"{moment.verdict.value.replace('_', ' ')}{onto}",
        moment.rule,
    )
