"""`tidegate diff`: what changed between two agent versions, and how risky each change is."""

import re
from pathlib import Path
from typing import Any, Literal

import click
import msgspec

from tidegate.domain import manifest_files as files
from tidegate.domain.agent_version import AgentVersion
from tidegate.domain.errors import InvalidManifest
from tidegate.domain.version_change import BREAKING, RISKS, Change
from tidegate.domain.version_checks import Read
from tidegate.domain.version_diff import VersionDiff, diff, is_breaking, is_forward_only
from tidegate.domain.yaml_places import line_of_problem

Form = Literal["table", "json", "markdown"]
_TWO_FILES, _AGENT_AND_TWO_VERSIONS = 2, 3
_COLUMNS = ("risk", "part", "name", "before", "after", "why")
_DIGEST = re.compile(r"\b([0-9a-f]{12})[0-9a-f]{28,52}\b")
_BREAKING_EXIT = 1


class _Unreadable(click.ClickException):
    """A version cannot be read: not the exit code of a version that can, and is breaking."""

    exit_code = 2


@click.command("diff")
@click.argument("versions", nargs=-1, metavar="AGENT A B | FILE_A FILE_B")
@click.option(
    "--manifest",
    type=click.Path(path_type=Path, exists=True, file_okay=False),
    help="Checkout of the manifest repository; the one around the current folder if not given.",
)
@click.option("--json", "form", flag_value="json", help="Print one JSON object.")
@click.option("--markdown", "form", flag_value="markdown", help="Print Markdown, for a comment.")
@click.option(
    "--exit-code", is_flag=True, help=f"Exit with 1 on one of: {', '.join(sorted(BREAKING))}."
)
def diff_command(
    versions: tuple[str, ...], manifest: Path | None, form: Form | None, exit_code: bool
) -> None:
    """Show what changed from one agent version to another, each change with its class of risk.

    The two are versions A and B of AGENT in the checkout, or two files. Exits with 0, with 1 if
    --exit-code is given and a change breaks or cannot be taken back, and with 2 if a version cannot
    be read.
    """
    top = _top(manifest if manifest is not None else Path.cwd())
    read = _reader(top)
    try:
        before, after = (_load(path, read_as) for path, read_as in _paths(versions, top))
    except InvalidManifest as error:
        raise _Unreadable(str(error)) from error
    found = diff(before, after, read)
    if form == "json":
        click.echo(_json(found))
    elif form == "markdown":
        click.echo(_markdown(found))
    else:
        _print_table(found)
    if exit_code and is_breaking(found):
        raise click.exceptions.Exit(_BREAKING_EXIT)


def _top(folder: Path) -> Path:
    """The manifest repository around a folder; the folder itself if there is none."""
    around = (folder, *folder.absolute().parents)
    return next((each for each in around if (each / files.INSTALLATION_PATH).is_file()), folder)


def _paths(versions: tuple[str, ...], manifest: Path) -> list[tuple[Path, tuple[str, str] | None]]:
    """The two files, each with the agent and version that its path promises, if it does."""
    if len(versions) == _TWO_FILES:
        _check_two_versions(versions, manifest)
        return [(Path(each), None) for each in versions]
    if len(versions) != _AGENT_AND_TWO_VERSIONS:
        raise click.UsageError("give an agent and two of its versions, or two files")
    unfit = [each for each in versions if not files.is_name(each)]
    if unfit:
        raise click.UsageError(f"{unfit[0]!r} is no name of an agent or a version")
    agent, *names = versions
    known = sorted((manifest / files.version_path(agent, "any")).parent.glob("*.yaml"))
    paths = [each.relative_to(manifest).as_posix() for each in known]
    for name in names:
        if files.version_path(agent, name) not in paths:
            raise InvalidManifest(str(manifest), files.no_version(agent, name, paths))
    return [(manifest / files.version_path(agent, name), (agent, name)) for name in names]


def _check_two_versions(versions: tuple[str, ...], manifest: Path) -> None:
    """Two words may also be an agent and one of its versions, which is one too few."""
    agent, version = versions
    named = files.is_name(agent) and (manifest / files.version_path(agent, "any")).parent.is_dir()
    if named and not Path(agent).is_file():
        raise click.UsageError(
            f"{agent} {version} names one version, and there must be two: "
            f"tidegate diff {agent} {version} OTHER"
        )


def _load(path: Path, promised: tuple[str, str] | None) -> AgentVersion:
    """A version from its file.

    Raises:
        InvalidManifest: it cannot be read; names the file, the line where there is one, and the
            key.
    """
    try:
        content = path.read_bytes()
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or error
        raise InvalidManifest(str(path), f"cannot be read: {reason}") from error
    try:
        version = files.parse(str(path), content, AgentVersion)
    except InvalidManifest as error:
        line = line_of_problem(content, error.problem)
        place = str(path) if line is None else f"{path}:{line}"
        raise InvalidManifest(place, error.problem) from error
    if promised is not None and (version.agent, version.version) != promised:
        said, wanted = f"{version.agent} {version.version}", " ".join(promised)
        raise InvalidManifest(str(path), f"is {said!r}, but the file's name says {wanted!r}")
    return version


def _reader(manifest: Path) -> Read:
    """Reads files of a checkout, and none outside it, where a link may lead."""
    top = manifest.resolve()

    def read(path: str) -> bytes | None:
        found = (top / path).resolve()
        return found.read_bytes() if found.is_relative_to(top) and found.is_file() else None

    return read


def _json(found: VersionDiff) -> str:
    facts: dict[str, Any] = {
        "before": found.before,
        "after": found.after,
        "risk": found.risk,
        "breaking": is_breaking(found),
        "forwardOnly": is_forward_only(found),
        "changes": found.changes,
    }
    return msgspec.json.encode(facts).decode()


def _headline(found: VersionDiff) -> str:
    if found.risk is None:
        return f"{found.before} → {found.after}: no change"
    count = len(found.changes)
    changes = "1 change" if count == 1 else f"{count} changes"
    return f"{found.before} → {found.after}: {found.risk}, {changes}"


def _cells(change: Change) -> tuple[str, ...]:
    """What is shown of a change; digests by their first digits."""
    before, after = ("" if each is None else each for each in (change.before, change.after))
    cells = (change.risk, change.component, change.name, before, after, change.why)
    return tuple(_DIGEST.sub(r"\1…", each) for each in cells)


def _worst_first(found: VersionDiff) -> list[Change]:
    return sorted(found.changes, key=lambda change: -RISKS.index(change.risk))


def _markdown(found: VersionDiff) -> str:
    lines = [f"**{_in_cell(_headline(found))}**"]
    if found.changes:
        rows = [_COLUMNS, ("---",) * len(_COLUMNS)]
        rows += [tuple(map(_in_cell, _cells(change))) for change in _worst_first(found)]
        lines += ["", *(f"| {' | '.join(row)} |" for row in rows)]
    return "\n".join(lines)


def _in_cell(text: str) -> str:
    """Text as it stands, in a cell of a Markdown table."""
    escaped = re.sub(r"([\\`*_{}\[\]<>|~#])", r"\\\1", text)
    return " ".join(escaped.split())


def _print_table(found: VersionDiff) -> None:
    from rich import box
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    console = Console(highlight=False)
    console.print(Text(_headline(found), style="bold"))
    if not found.changes:
        return
    table = Table("risk", "what", "change", box=box.SIMPLE_HEAD)
    table.columns[0].no_wrap = True
    for change in _worst_first(found):
        risk, part, name, before, after, why = _cells(change)
        style = "red" if change.risk in BREAKING else ""
        changed = Text(f"{before or 'none'} → {after or 'none'}", overflow="fold")
        table.add_row(
            Text(risk, style=style),
            Text(f"{part} {name}", overflow="fold"),
            changed.append(f"\n{why}", style="dim"),
        )
    console.print(table)
