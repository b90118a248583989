"""`tidegate init`, `schema` and `completion`: what a new repository, editor or shell needs."""

from pathlib import Path

import click
import msgspec
from click.shell_completion import get_completion_class

from tidegate.adapters.new_repository import create_repository
from tidegate.cli.checkout_options import DEFAULT_ENVIRONMENT, EXIT_CODES
from tidegate.cli.plain_errors import with_plain_errors
from tidegate.domain.document_places import DOCUMENTS
from tidegate.service.initialising import FIRST_VERSION, HOOK_PATH, check_names, first_files
from tidegate.service.manifest_reference import manifest_reference
from tidegate.service.schemas import schema, schema_files


@click.command("init", epilog=EXIT_CODES)
@click.argument("folder", metavar="[DIR]", type=click.Path(path_type=Path), default=Path())
@click.option("--agent", required=True, help="Name of the first agent.")
@click.option(
    "--environment", default=DEFAULT_ENVIRONMENT, show_default=True, help="Name of the first one."
)
@with_plain_errors
def init_command(folder: Path, agent: str, environment: str) -> None:
    """Make a new manifest repository in DIR, which must be new or empty.

    It holds one agent with its first version, what is watched, and a release with a canary ramp.
    """
    check_names(agent, environment)
    commit = create_repository(
        folder,
        first_files(agent, environment),
        executable=frozenset((HOOK_PATH,)),
        message=f"Begin with {agent} {FIRST_VERSION}",
    )
    serving = "" if environment == DEFAULT_ENVIRONMENT else f" --environment {environment}"
    click.echo(f"{commit[:12]} a new manifest repository in {folder.absolute()}")
    click.echo(
        f"""Next:
  1. cd {folder}
     git config core.hooksPath .githooks    # lint before each commit
  2. Give it a remote, and push:
     git remote add origin ADDRESS && git push --set-upstream origin main
  3. Serve it:
     tidegate serve --data-dir DATA --manifest ADDRESS{serving}
  4. Pin a second version, and deploy it:
     edit agents/{agent}/versions/v2.yaml, then git add and git commit
     tidegate deploy {agent} v2{serving}"""
    )


@click.command("schema", epilog=EXIT_CODES)
@click.argument("kind", required=False, type=click.Choice(sorted(DOCUMENTS)))
@click.option(
    "--out",
    "folder",
    type=click.Path(path_type=Path, file_okay=False),
    help="Write one file for each kind into this folder.",
)
@click.option("--markdown", is_flag=True, help="Print the reference of all keys instead.")
def schema_command(kind: str | None, folder: Path | None, markdown: bool) -> None:
    """Print the JSON Schema of one KIND of file, or of all, by kind.

    Editors that know YAML go by the first line of a file, such as
    `# yaml-language-server: $schema=.tidegate/schemas/Tidegate.json`. After an update of Tidegate:
    tidegate schema --out .tidegate/schemas
    """
    if markdown:
        click.echo(manifest_reference(), nl=False)
        return
    if folder is not None:
        _write(folder, kind)
        return
    said = schema(kind) if kind is not None else {each: schema(each) for each in DOCUMENTS}
    click.echo(msgspec.json.format(msgspec.json.encode(said), indent=2).decode())


@click.command("completion")
@click.argument("shell", type=click.Choice(["bash", "zsh", "fish"]))
@click.pass_context
def completion_command(context: click.Context, shell: str) -> None:
    """Print what makes SHELL complete commands, options, agents and versions.

    bash: eval "$(tidegate completion bash)" in ~/.bashrc. zsh: the same in ~/.zshrc. fish:
    tidegate completion fish > ~/.config/fish/completions/tidegate.fish
    """
    found = get_completion_class(shell)
    assert found is not None  # noqa: S101 - click knows the three that may be asked for
    click.echo(found(context.find_root().command, {}, "tidegate", "_TIDEGATE_COMPLETE").source())


BEGINNINGS = (init_command, schema_command, completion_command)


def _write(folder: Path, kind: str | None) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    for name, content in schema_files().items():
        if kind is None or name == f"{kind}.json":
            (folder / name).write_bytes(content)
            click.echo(str(folder / name))
