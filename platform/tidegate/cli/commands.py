"""The commands a person has: serve, run, demo, diff, simulate."""

import logging
from pathlib import Path

import click

from tidegate.cli.differences import diff_command
from tidegate.cli.drill import drill_command
from tidegate.cli.manifest_commands import MANIFEST_COMMANDS
from tidegate.cli.plain_errors import with_plain_errors
from tidegate.cli.planning import plan_command
from tidegate.cli.replay import replay_command
from tidegate.cli.simulation import simulate_command
from tidegate.cli.verification import verify_command
from tidegate.settings import Settings, webhook_secret

_LOG_FORMAT = "%(asctime)s %(levelname)s %(name)s: %(message)s"


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="tidegate")
def main() -> None:
    """Release new versions of AI agents safely, with git as the record of every decision."""


@main.command()
@click.option(
    "--data-dir", type=click.Path(path_type=Path), required=True, help="Databases and clone."
)
@click.option("--manifest", required=True, help="Address or path of the manifest repository.")
@click.option("--port", type=int, default=8080, show_default=True)
@click.option(
    "--host",
    default="127.0.0.1",
    show_default=True,
    help="There are no keys yet: stay on loopback.",
)
@click.option("--environment", default="production", show_default=True)
@click.option("--branch", default="main", show_default=True)
@click.option(
    "--poll", "poll_s", type=float, default=2.0, show_default=True, help="Seconds between fetches."
)
@with_plain_errors
def serve(
    data_dir: Path,
    manifest: str,
    port: int,
    host: str,
    environment: str,
    branch: str,
    poll_s: float,
) -> None:
    """Run the service alone: assignments, events, and the engine that decides.

    A git host that calls POST /v1/hooks/manifest after a push need not be polled for it. If
    TIDEGATE_WEBHOOK_SECRET is set in the environment, it must know that secret.
    """
    logging.basicConfig(level=logging.INFO, format=_LOG_FORMAT)
    logging.getLogger("alembic").setLevel(logging.WARNING)
    settings = Settings(
        data_dir=data_dir,
        manifest=manifest,
        port=port,
        host=host,
        environment=environment,
        branch=branch,
        poll_s=poll_s,
        webhook_secret=webhook_secret(),
    )
    _serve(settings)


def _serve(settings: Settings) -> None:
    import uvicorn

    from tidegate.api import create_app
    from tidegate.bootstrap import build

    uvicorn.run(
        create_app(build(settings)),
        host=settings.host,
        port=settings.port,
        log_level="warning",
        access_log=False,
    )


@main.command()
@click.option(
    "--runs",
    type=click.Path(path_type=Path, exists=True, dir_okay=False),
    help="Parquet of recorded runs.",
)
@click.option("--baseline", help="Version in the file that is live.")
@click.option("--candidate", help="Version in the file that is released.")
@click.option(
    "--units",
    type=click.IntRange(min=1),
    default=20_000,
    show_default=True,
    help="Units at most, each rollout.",
)
@click.option("--seed", type=int, default=1, show_default=True, help="Which cases the units draw.")
@click.option("--guardrails", help="Comma-separated names of what may decide; all if not given.")
@click.option(
    "--json", "as_json", is_flag=True, help="Print one JSON object, last, on standard output."
)
@click.option(
    "--data-dir",
    type=click.Path(path_type=Path),
    help="Kept afterwards; a new temporary folder if not given.",
)
@click.option("--port", type=int, help="Port of the service; a free one if not given.")
@click.option("--pace", type=float, help="Units per second; as fast as it goes with --runs.")
@with_plain_errors
def demo(
    runs: Path | None,
    baseline: str | None,
    candidate: str | None,
    units: int,
    seed: int,
    guardrails: str | None,
    as_json: bool,
    data_dir: Path | None,
    port: int | None,
    pace: float | None,
) -> None:
    """Release an agent end to end: simulated, or replayed from recorded runs.

    Without --runs a harmful version is released, and rolled back, and then a healthy one, and
    promoted. With --runs, each unit draws one recorded case, and the version it is assigned decides
    its outcome. The same version as --baseline and --candidate is an A/A test.

    The Parquet file has one row for each run of a version on a case, with the columns version,
    suite, user_task_id, injection_task_id, attack_type, kind, in_v1_case_set, utility,
    injection_succeeded, error and n_undeclared_tool_calls.
    """
    from tidegate.demo.story import Plan, tell

    if runs is not None and not (baseline and candidate):
        raise click.UsageError("--runs needs --baseline and --candidate, versions of that file")
    plan = Plan(
        runs=runs,
        baseline=baseline or "",
        candidate=candidate or "",
        units=units,
        seed=seed,
        guardrails=tuple(guardrails.split(",")) if guardrails else None,
        data_dir=data_dir,
        port=port,
        pace=pace,
    )
    tell(plan, as_json=as_json)


@main.command()
@click.option(
    "--data-dir", type=click.Path(path_type=Path), default=Path(".demo"), show_default=True
)
@click.option(
    "--manifest", help="Manifest repository; the demo's in the data directory if not given."
)
@click.option("--port", type=int, default=8080, show_default=True, help="Port of the service.")
@click.option("--dashboard-port", type=int, default=8501, show_default=True)
@with_plain_errors
def run(data_dir: Path, manifest: str | None, port: int, dashboard_port: int) -> None:
    """Run service, engine and dashboard until Ctrl-C."""
    from tidegate.demo.running import run_until_interrupted

    run_until_interrupted(data_dir, manifest=manifest, port=port, dashboard_port=dashboard_port)


main.add_command(diff_command)
main.add_command(drill_command)
main.add_command(plan_command)
main.add_command(replay_command)
main.add_command(simulate_command)
main.add_command(verify_command)
for command in MANIFEST_COMMANDS:
    main.add_command(command)
