"""`tidegate simulate`: what a plan would do, before it does it."""

from typing import Literal

import click
import msgspec

from tidegate.service.simulating import Scenario, Summary, simulate


def _numbers(_context: click.Context, _parameter: click.Parameter, text: str | None) -> list[float]:
    try:
        return [float(part) for part in text.split(",")] if text else []
    except ValueError as error:
        raise click.BadParameter(f"{text!r} is no comma-separated list of numbers") from error


@click.command("simulate")
@click.option("--baseline-rate", type=float, required=True, help="True rate on the baseline.")
@click.option("--candidate-rate", type=float, required=True, help="True rate on the candidate.")
@click.option("--share", type=float, default=0.5, show_default=True, help="The candidate's share.")
@click.option("--metric", type=click.Choice(["incident", "goal"]), default="incident")
@click.option("--units", type=click.IntRange(min=1), default=20_000, show_default=True)
@click.option("--reps", type=click.IntRange(min=1), default=200, show_default=True)
@click.option("--seed", type=int, default=1, show_default=True)
@click.option("--ramp", callback=_numbers, help="Shares instead of --share, such as 0.01,0.05,0.5.")
@click.option("--step-units", type=int, default=2000, show_default=True, help="Units a step.")
@click.option("--drift", callback=_numbers, help="FROM,TO: the baseline's rate over the rollout.")
@click.option("--risk-budget", type=float, help="Excess incidents until the next look; no --ramp.")
@click.option("--look-units", type=click.IntRange(min=1), default=2000, show_default=True)
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
def simulate_command(
    baseline_rate: float,
    candidate_rate: float,
    share: float,
    metric: Literal["incident", "goal"],
    units: int,
    reps: int,
    seed: int,
    ramp: list[float],
    step_units: int,
    drift: list[float],
    risk_budget: float | None,
    look_units: int,
    as_json: bool,
) -> None:
    """Run many rollouts on generated traffic through the rule that decides real ones.

    Rates, shares and drift are fractions: 0.01 is 1 %. With --share the question is when harm is
    seen; with --ramp the steps advance and the last one promotes; with --risk-budget the share
    follows the evidence, so that the worst case until the next --look-units stays within it.
    """
    if drift and len(drift) != 2:  # noqa: PLR2004 - FROM and TO
        raise click.UsageError("--drift takes two rates, FROM,TO")
    try:
        scenario = Scenario(
            metric=metric,
            baseline_rate=baseline_rate,
            candidate_rate=candidate_rate,
            shares=tuple(ramp) if ramp or risk_budget is not None else (share,),
            units=units,
            step_units=step_units,
            drift=(drift[0], drift[1]) if drift else None,
            risk_budget=risk_budget,
            look_units=look_units,
        )
    except ValueError as error:
        raise click.UsageError(str(error)) from error
    summary = simulate(scenario, reps=reps, seed=seed)
    click.echo(msgspec.json.encode(summary).decode() if as_json else _in_words(summary))


def _in_words(summary: Summary) -> str:
    mean, median = f"{summary.mean_units:,.0f}", f"{summary.median_units:,.0f}"
    lines = [
        f"{summary.rolled_back} of {summary.reps} rolled back, {summary.promoted} promoted",
        f"units until the end: {mean} on average, {median} in the median",
        f"units harmed on the candidate: {summary.mean_harmed_units:,.1f} on average",
    ]
    if summary.oracle_mean_units is not None:
        lines.append(
            f"a test that knew both rates would need {summary.oracle_mean_units:,.0f} on average"
        )
    return "\n".join(lines)
