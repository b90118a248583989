"""What the commands on a checkout have in common: options, and names that the shell completes."""

from pathlib import Path
from typing import Final

import click
from click.shell_completion import CompletionItem

from tidegate.adapters.checkout import Checkout
from tidegate.domain import manifest_files as files
from tidegate.domain.errors import RepositoryError
from tidegate.service.standing import agents_at

EXIT_CODES: Final = (
    "Exits with 0 when it is done, with 1 when it is refused, and with 2 when it is called wrongly."
)
DEFAULT_ENVIRONMENT: Final = "production"

manifest_option = click.option(
    "--manifest",
    type=click.Path(path_type=Path, exists=True, file_okay=False),
    help="Checkout of the manifest repository; the one around the current folder if not given.",
)
environment_option = click.option(
    "--environment", default=DEFAULT_ENVIRONMENT, show_default=True, help="The environment meant."
)
json_option = click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")


def checkout_at(manifest: Path | None) -> Checkout:
    """The checkout that is meant.

    Raises:
        RepositoryError: there is none, or it holds no manifest.
    """
    checkout = Checkout(manifest if manifest is not None else Path.cwd())
    if not (checkout.top / files.INSTALLATION_PATH).is_file():
        raise RepositoryError(
            f"{checkout.top} is no manifest repository: {files.INSTALLATION_PATH} is missing. "
            "Name one with --manifest; `tidegate init` makes a new one"
        )
    return checkout


def complete_agent(
    context: click.Context, _parameter: click.Parameter, incomplete: str
) -> list[CompletionItem]:
    """Agents of the checkout that begin so."""
    return _beginning(incomplete, _agents(context))


def complete_version(
    context: click.Context, _parameter: click.Parameter, incomplete: str
) -> list[CompletionItem]:
    """Versions of the agent that was named which begin so."""
    # After an option whose value is still missing, click has not taken the arguments apart.
    agent = next(filter(None, (context.params.get("agent"), *context.args)), None)
    return _beginning(incomplete, _versions(context, agent) if agent else [])


def _beginning(incomplete: str, names: list[str]) -> list[CompletionItem]:
    return [CompletionItem(name) for name in names if name.startswith(incomplete)]


def _agents(context: click.Context) -> list[str]:
    checkout = _completed_checkout(context)
    environment = context.params.get("environment") or DEFAULT_ENVIRONMENT
    return [] if checkout is None else agents_at(checkout.working_tree(), environment)


def _versions(context: click.Context, agent: str) -> list[str]:
    checkout = _completed_checkout(context)
    if checkout is None or not files.is_name(agent):
        return []
    folder = (checkout.top / files.version_path(agent, "any")).parent
    return sorted(path.stem for path in folder.glob("*.yaml"))


def _completed_checkout(context: click.Context) -> Checkout | None:
    """The checkout; none if there is none, for a shell that completes wants no message."""
    try:
        return checkout_at(context.params.get("manifest"))
    except RepositoryError:
        return None
