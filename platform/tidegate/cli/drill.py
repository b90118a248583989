"""`tidegate drill`: a rehearsed rollback."""

from pathlib import Path

import click
import msgspec

from tidegate.cli.checkout_options import environment_option, json_option
from tidegate.cli.plain_errors import with_plain_errors
from tidegate.cli.scratch_scene import running_scene, scratch_folder
from tidegate.domain.drill import DrillReport, DrillStep
from tidegate.domain.quantities import percent
from tidegate.service.drilling import rehearse
from tidegate.settings import Settings

_PLAIN_WIDTH = 140  # columns, where no terminal says how many it has


@click.command(
    "drill",
    epilog="Exits with 0 if the rollback went as it must, with 1 if a step failed or nothing can "
    "be rehearsed, and with 2 when it is called wrongly.",
)
@click.option("--manifest", required=True, help="Address or path of the manifest repository.")
@click.option("--agent", help="The agent; needed only where there are several.")
@click.option("--branch", default="main", show_default=True, help="The branch that is served.")
@click.option(
    "--poll", "poll_s", type=float, default=2.0, show_default=True, help="Seconds between fetches."
)
@click.option(
    "--patience",
    "patience_s",
    type=click.FloatRange(min=0, min_open=True),
    default=60.0,
    show_default=True,
    help="Seconds to wait for any step.",
)
@click.option("--keep", is_flag=True, help="Keep the scratch folder, to look around in it.")
@environment_option
@json_option
@with_plain_errors
def drill_command(
    manifest: str,
    agent: str | None,
    branch: str,
    poll_s: float,
    patience_s: float,
    keep: bool,
    environment: str,
    as_json: bool,
) -> None:
    """Rehearse a rollback on a copy of the manifest repository, and say how long each step takes.

    The live version of AGENT is deployed once more under another name, by its own canary plan, and
    synthetic units report harm of it. The repository itself is only read, and no service is asked.
    """
    with scratch_folder(keep=keep) as folder:
        settings = Settings(
            data_dir=folder / "data",
            manifest=manifest,
            environment=environment,
            branch=branch,
            poll_s=poll_s,
        )
        with running_scene(folder, settings, patience_s=patience_s) as scene:
            report = rehearse(scene, agent)
    _tell(report, folder if keep else None, as_json=as_json)
    if not report.passed:
        raise click.exceptions.Exit(1)


def _tell(report: DrillReport, kept: Path | None, *, as_json: bool) -> None:
    if kept is not None:
        report = msgspec.structs.replace(report, folder=str(kept))
    if as_json:
        click.echo(msgspec.json.encode(report).decode())
    else:
        _print(report)


def _print(report: DrillReport) -> None:
    from rich import box
    from rich.console import Console
    from rich.table import Table

    console = Console(highlight=False)
    if not console.is_terminal:
        console = Console(highlight=False, width=_PLAIN_WIDTH)
    title = f"Drill: {report.agent} in {report.environment}, {report.live} as {report.copy}"
    console.print(title, style="bold", markup=False)
    table = Table("step", "after", "", "what", box=box.SIMPLE_HEAD)
    for step in report.steps:
        table.add_row(*_row(step))
    console.print(table, markup=False)
    for line in _summary(report):
        console.print(line, markup=False)


def _row(step: DrillStep) -> tuple[str, ...]:
    after = "" if step.after_s is None else f"{step.after_s:.2f} s"
    return step.name.replace("_", " "), after, "ok" if step.ok else "FAILED", step.detail


def _summary(report: DrillReport) -> list[str]:
    met = f"{report.candidate_units:,} met {report.copy} at {percent(report.share_ppm)}"
    lines = [f"{report.units:,} synthetic units came, {met}."]
    served, pushed = report.harm_to_served_s, report.harm_to_pushed_s
    if served is not None and pushed is not None:
        lines.append(
            f"From the first stored harm: {served:.2f} s until {report.live} was served to all, "
            f"{pushed:.2f} s until the revert was pushed."
        )
    if report.folder is not None:
        lines.append(f"Kept: {report.folder}")
    lines.append("The drill passed." if report.passed else "The drill FAILED.")
    return lines
