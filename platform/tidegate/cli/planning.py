"""`tidegate plan`: what a rollout would cost, before it begins."""

from pathlib import Path
from typing import Literal

import click
import msgspec

from tidegate.cli.checkout_options import complete_agent, environment_option, manifest_option
from tidegate.cli.plain_errors import with_plain_errors
from tidegate.cli.plan_report import markdown, sections, worst_case
from tidegate.domain import manifest_files as files
from tidegate.domain import quantities
from tidegate.domain.errors import InvalidManifest
from tidegate.domain.installation import Installation
from tidegate.domain.intent import AgentRelease
from tidegate.domain.metrics import Metrics
from tidegate.domain.policy import Policy, policy_of
from tidegate.service.forecast import Assumptions, Forecast
from tidegate.service.planning import forecast

Form = Literal["tables", "json", "markdown"]
_PLAIN_WIDTH = 120  # columns, where no terminal says how many it has


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
    """Say what the rollout of AGENT that INTENT asks for would do: how long, and at what risk.

    Reads tidegate.yaml, INTENT and the metrics from a checkout, and simulates the rollout many
    times by the rule that decides real ones: of a candidate just like what is live, and of one that
    is worse, for each guardrail.
    """
    intent, policy = _read(_top(manifest), environment, agent)
    try:
        assumed = Assumptions(units_per_day=units_per_day, rates=rates, harm=harm, loss=loss)
        found = forecast(policy, assumed, reps=reps, seed=seed)
    except ValueError as error:
        raise click.UsageError(str(error)) from error
    title = f"Plan: {agent} {intent.version} to {environment}"
    if form == "json":
        names = {"agent": agent, "environment": environment, "version": intent.version}
        click.echo(msgspec.json.encode(msgspec.to_builtins(found) | names).decode())
    elif form == "markdown":
        click.echo(markdown(title, found))
    else:
        _print(title, found)


def _top(manifest: Path | None) -> Path:
    """The folder of tidegate.yaml: the one that is named, or the nearest around this one."""
    here = Path.cwd()
    for folder in (here, *here.parents) if manifest is None else (manifest,):
        if (folder / files.INSTALLATION_PATH).is_file():
            return folder
    raise InvalidManifest(
        files.INSTALLATION_PATH,
        f"is not in {(manifest or here).absolute()}; name a checkout of the manifest repository "
        "with --manifest",
    )


def _read(folder: Path, environment: str, agent: str) -> tuple[AgentRelease, Policy]:
    """INTENT, and the policy that follows from it.

    Raises:
        InvalidManifest: a file is missing, cannot be read as what it must be, or plans no canary.
    """
    installation = _parsed(folder, files.INSTALLATION_PATH, Installation)
    if installation is None or environment not in installation.environments:
        known = [] if installation is None else list(installation.environments)
        raise InvalidManifest(
            files.INSTALLATION_PATH, f"environments has no {environment!r}, but {known}"
        )
    intent = _intent(folder, environment, agent)
    metrics = _parsed(folder, files.metrics_path(agent), Metrics) or Metrics(agent=agent)
    return intent, policy_of(environment, intent, metrics, installation.budgets)


def _intent(folder: Path, environment: str, agent: str) -> AgentRelease:
    path = files.intent_path(environment, agent)
    intent = _parsed(folder, path, AgentRelease) if files.is_name(agent) else None
    if intent is None:
        there = sorted(each.stem for each in (folder / path).parent.glob("*.yaml"))
        raise InvalidManifest(path, f"is missing; released in {environment!r} are {there}")
    if intent.agent != agent:
        raise InvalidManifest(
            path, f"agent is {intent.agent!r}, but the file's name says {agent!r}"
        )
    if intent.strategy.canary is None:
        raise InvalidManifest(path, "strategy is no canary; only a canary can be simulated")
    return intent


def _parsed(folder: Path, path: str, kind: type[files.D]) -> files.D | None:
    """A file of the checkout; None if it is not there."""
    try:
        content = (folder / path).read_bytes()
    except FileNotFoundError:
        return None
    except OSError as error:
        raise InvalidManifest(path, f"cannot be read: {error.strerror}") from error
    return files.parse(path, content, kind)


def _print(title: str, found: Forecast) -> None:
    from rich import box
    from rich.console import Console
    from rich.table import Table

    console = Console(highlight=False)
    if not console.is_terminal:
        console = Console(highlight=False, width=_PLAIN_WIDTH)
    console.print(title, style="bold", markup=False)
    console.print(worst_case(found), style="bold red", markup=False)
    for section in sections(found):
        console.print(f"\n{section.heading}", style="bold", markup=False)
        for sentence in section.sentences:
            console.print(sentence, markup=False)
        if section.columns:
            table = Table(*section.columns, box=box.SIMPLE_HEAD)
            for row in section.rows:
                table.add_row(*row)
            console.print(table, markup=False)
