"""`tidegate plan`: what a rollout would cost, before it begins."""

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Literal, NamedTuple

import click
import msgspec

from tidegate.cli.checkout_options import (
    complete_agent,
    complete_version,
    environment_option,
    manifest_option,
)
from tidegate.cli.plain_errors import with_plain_errors
from tidegate.cli.plan_checkout import read_release, top_of
from tidegate.cli.plan_report import outcomes, the_plan, worst_case
from tidegate.cli.plan_words import Section, markdown
from tidegate.cli.release_report import (
    Beforehand,
    facts,
    how_it_goes,
    title,
    what_changes,
    who_meets_it,
)
from tidegate.domain import quantities
from tidegate.domain.version_diff import is_forward_only
from tidegate.service.blast_radius import blast_radius, taking_part_per_day
from tidegate.service.forecast import Assumptions, Forecast
from tidegate.service.planned_experiment import planned_experiment
from tidegate.service.planned_release import PlannedRelease
from tidegate.service.planning import check_rates, forecast, simulated_rollouts

if TYPE_CHECKING:
    from rich.table import Table

Form = Literal["tables", "json", "markdown"]
_PLAIN_WIDTH = 120  # columns, where no terminal says how many it has


class _Simulation(NamedTuple):
    """How often to simulate, from which seed, and whether to show how far it has come."""

    reps: int
    seed: int
    shown: bool


def _rate(text: str) -> float:
    return quantities.fraction(text) if text.strip().endswith("%") else float(text)


def _rates(
    _context: click.Context, _parameter: click.Parameter, texts: tuple[str, ...]
) -> dict[str, float]:
    found = {}
    for text in texts:
        name, _, rate = text.partition("=")
        try:
            found[name] = _rate(rate)
        except ValueError as error:
            raise click.BadParameter(
                f"{text!r} must be GUARDRAIL=RATE, such as error=0.01 or error=1%"
            ) from error
    return found


@click.command("plan")
@click.argument("agent", shell_complete=complete_agent)
@click.argument("version", required=False, shell_complete=complete_version)
@manifest_option
@environment_option
@click.option(
    "--units-per-day",
    type=click.FloatRange(min=0, min_open=True),
    required=True,
    help="Units (users, sessions) that come a day.",
)
@click.option(
    "--rate",
    "rates",
    multiple=True,
    callback=_rates,
    metavar="GUARDRAIL=RATE",
    help="What is live: its rate of incidents, or of successes; 1% and 60% if not given.",
)
@click.option(
    "--harm", type=float, default=2.0, show_default=True, help="Times the incidents, if harmful."
)
@click.option(
    "--loss",
    type=float,
    default=0.1,
    show_default=True,
    help="Successes fewer, if harmful: 0.1 is 10 points.",
)
@click.option("--reps", type=click.IntRange(min=1), default=200, show_default=True)
@click.option("--seed", type=click.IntRange(min=0), default=1, show_default=True)
@click.option("--json", "form", flag_value="json", help="Print one JSON object.")
@click.option("--markdown", "form", flag_value="markdown", help="Print Markdown, for a comment.")
@with_plain_errors
def plan_command(
    agent: str,
    version: str | None,
    manifest: Path | None,
    environment: str,
    units_per_day: float,
    rates: dict[str, float],
    harm: float,
    loss: float,
    reps: int,
    seed: int,
    form: Form | None,
) -> None:
    """Say what the release of VERSION of AGENT would do: what changes, to whom, at what risk.

    Without VERSION it is the one that INTENT asks for, if that is not live yet, or else any. Reads
    only files of a checkout. A canary is simulated many times by the rule that decides real ones:
    with a candidate just like what is live, and with one that is worse, for each guardrail.
    """
    folder = top_of(manifest)
    try:
        release = read_release(folder, environment, agent, version)
        assumed = Assumptions(
            units_per_day=taking_part_per_day(release, units_per_day),
            rates=rates,
            harm=harm,
            loss=loss,
        )
        before = _beforehand(release, assumed, units_per_day)
        simulation = _Simulation(reps, seed, shown=form is None)
        found = _simulated(release, assumed, simulation)
    except ValueError as error:
        raise click.UsageError(str(error)) from error
    _tell(before, found, form)


def _beforehand(release: PlannedRelease, assumed: Assumptions, units_per_day: float) -> Beforehand:
    radius, plan = blast_radius(release, units_per_day), release.experiment
    names = [guardrail.name for guardrail in release.policy.guardrails]
    if plan is None:
        check_rates(assumed, names)
        return Beforehand(release, radius)
    check_rates(assumed, [*names, plan.goal.name])
    budgets = release.installation.budgets
    return Beforehand(release, radius, planned_experiment(plan, radius.groups, assumed, budgets))


def _simulated(
    release: PlannedRelease, assumed: Assumptions, simulation: _Simulation
) -> Forecast | None:
    """The forecast of a canary; of what is none, none is made."""
    if release.strategy != "canary":
        return None
    policy = msgspec.structs.replace(
        release.policy, forward_only=any(map(is_forward_only, release.differences))
    )
    reps, seed, shown = simulation
    if not (shown and sys.stderr.isatty()):
        return forecast(policy, assumed, reps=reps, seed=seed)

    from rich.console import Console
    from rich.progress import Progress

    with Progress(console=Console(stderr=True), transient=True) as progress:
        task = progress.add_task("Simulating rollouts", total=simulated_rollouts(policy, reps))
        return forecast(
            policy, assumed, reps=reps, seed=seed, on_end=lambda: progress.advance(task)
        )


def _tell(before: Beforehand, found: Forecast | None, form: Form | None) -> None:
    release = before.release
    first = None if found is None else worst_case(found)
    if form == "json":
        names = {"agent": release.agent, "environment": release.environment}
        told = {} if found is None else msgspec.to_builtins(found)
        everything = told | names | {"version": release.version} | facts(before)
        click.echo(msgspec.json.encode(everything).decode())
    elif form == "markdown":
        click.echo(markdown(title(release), first, _sections(before, found)))
    else:
        _print(title(release), first, _sections(before, found))


def _sections(before: Beforehand, found: Forecast | None) -> tuple[Section, ...]:
    """The report, in the order in which it is read."""
    changes, meets = what_changes(before.release), who_meets_it(before)
    if found is None:
        return (*changes, meets, *how_it_goes(before))
    return (*changes, the_plan(found), meets, *outcomes(found))


def _print(heading: str, first: str | None, sections: tuple[Section, ...]) -> None:
    from rich.console import Console

    console = Console(highlight=False)
    if not console.is_terminal:
        console = Console(highlight=False, width=_PLAIN_WIDTH)
    console.print(heading, style="bold", markup=False)
    if first is not None:
        console.print(first, style="bold red", markup=False)
    for section in sections:
        console.print(f"\n{section.heading}", style="bold", markup=False)
        for sentence in section.sentences:
            console.print(sentence, markup=False)
        if section.columns:
            console.print(_table(section))


def _table(section: Section) -> "Table":
    from rich import box
    from rich.table import Table
    from rich.text import Text

    table = Table(*section.columns, box=box.SIMPLE_HEAD)
    for row in section.rows:
        table.add_row(*(Text(cell, overflow="fold") for cell in row))
    return table
