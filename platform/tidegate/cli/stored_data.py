"""The data folder of a service that is stopped: its event log, and its clone of the manifest."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import click

from tidegate.adapters import git_command
from tidegate.adapters.data_folder import DataFolder
from tidegate.adapters.duckdb_events import DuckDBEvents
from tidegate.adapters.git_manifest import GitManifest
from tidegate.domain.errors import DataFolderInUse, RemoteUnreachable, RepositoryError
from tidegate.settings import Settings

UNABLE: Final = 2
"""Exit code where a command cannot say either way, as where it is called wrongly."""

data_dir_option = click.option(
    "--data-dir",
    type=click.Path(path_type=Path, exists=True, file_okay=False),
    help="Data folder of the service, which must be stopped.",
)
branch_option = click.option(
    "--branch", default="main", show_default=True, help="The branch that the service served."
)
no_fetch_option = click.option(
    "--no-fetch", is_flag=True, help="Go by what was fetched last; do not ask the remote for news."
)


class Unable(click.ClickException):
    """The question cannot be answered; that is no answer, and has an exit code of its own."""

    exit_code = UNABLE


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredData:
    """What a service left.

    Attributes:
        remote_problem: why the remote gave no news, if it was asked and did not.
    """

    repository: GitManifest
    events: DuckDBEvents
    remote_problem: str | None = None


@contextmanager
def stored_data(folder: Path, branch: str, *, fetch: bool) -> Iterator[StoredData]:
    """The data of a stopped service, held so that none can start on it meanwhile.

    Args:
        folder: its data folder.
        branch: the branch that it served.
        fetch: whether to ask the remote for news first; without an answer it goes on all the same.

    Raises:
        Unable: a service works on the folder, or it holds no data of one.
        EventStoreUnavailable: the event log cannot be opened.
    """
    paths = Settings(data_dir=folder, manifest="")
    for path, what in ((paths.events_path, "event log"), (paths.clone_path, "clone")):
        if not path.exists():
            raise Unable(f"{folder} has no {what} of a service: {path.name} is not there")
    with _held(folder):
        events = DuckDBEvents(paths.events_path)
        try:
            repository = GitManifest(paths.clone_path, _origin(paths.clone_path), branch=branch)
            problem = _fetch(repository) if fetch else None
            yield StoredData(repository=repository, events=events, remote_problem=problem)
        finally:
            events.close()


@contextmanager
def _held(folder: Path) -> Iterator[None]:
    try:
        held = DataFolder(folder)
    except DataFolderInUse as error:
        raise Unable(f"{error}. Some commands can ask it: --service URL") from error
    try:
        yield
    finally:
        held.release()


def _origin(clone: Path) -> str:
    return git_command.run_git(clone, "remote", "get-url", "origin").strip()


def _fetch(repository: GitManifest) -> str | None:
    try:
        repository.fetch()
    except (RemoteUnreachable, RepositoryError) as error:
        return str(error)
    return None
