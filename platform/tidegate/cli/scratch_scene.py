"""A scratch copy of a manifest repository, with a running engine of its own."""

import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from tidegate.adapters import git_command
from tidegate.adapters.control_database import ControlDatabase
from tidegate.adapters.duckdb_events import DuckDBEvents
from tidegate.adapters.git_manifest import GitManifest
from tidegate.adapters.system_clock import SystemClock
from tidegate.domain.switch import Health
from tidegate.service.assigning import Assigner
from tidegate.service.drilling import Scene
from tidegate.service.engine import Engine, EngineLoop
from tidegate.service.ingest import EventWriter
from tidegate.service.served_manifest import ServedManifest
from tidegate.settings import Settings

_PERSON: Final = ("Drill", "drill@tidegate.invalid")


class NoProbe:
    """The `HealthProbe` port of a drill, which asks nobody."""

    def ask(self, address: str) -> Health:
        """Unwell, so that no environment is switched to."""
        return Health(well=False, detail=f"a drill does not ask {address}")


@contextmanager
def scratch_folder(*, keep: bool) -> Iterator[Path]:
    """A new folder, which is removed afterwards unless it is to be kept."""
    folder = Path(tempfile.mkdtemp(prefix="tidegate-drill-"))
    try:
        yield folder
    finally:
        if not keep:
            shutil.rmtree(folder, ignore_errors=True)


@contextmanager
def running_scene(folder: Path, settings: Settings, *, patience_s: float) -> Iterator[Scene]:
    """An engine that runs on a copy of a manifest repository, all in one folder.

    Args:
        folder: where everything is made.
        settings: of the service; its manifest is the repository to copy, which is only read.
        patience_s: how long the drill waits for anything, in seconds.

    Raises:
        RemoteUnreachable: the repository cannot be copied.
    """
    remote = _copied(folder, settings.manifest, settings.branch)
    person = _clone(folder / "person.git", remote, settings.branch, _PERSON)
    repository = _clone(settings.clone_path, remote, settings.branch)
    clock, events = SystemClock(), DuckDBEvents(settings.events_path)
    control = ControlDatabase(settings.control_address)
    manifest = ServedManifest(repository, control, settings.environment)
    engine = Engine(repository, manifest, events, control, clock, NoProbe())
    engine.refresh()
    loop = EngineLoop(engine, poll_s=settings.poll_s)
    writer = EventWriter(events, clock, on_written=loop.wake)
    writer.start()
    loop.start()
    try:
        yield Scene(
            person=person,
            repository=repository,
            manifest=manifest,
            events=events,
            control=control,
            writer=writer,
            loop=loop,
            assigner=Assigner(manifest, events, control, clock),
            clock=clock,
            patience_s=patience_s,
        )
    finally:
        loop.stop()
        writer.stop()
        events.close()
        control.close()


def _copied(folder: Path, source: str, branch: str) -> Path:
    """A bare copy of one branch that knows nothing of where it comes from."""
    copy = folder / "manifest.git"
    address = str(Path(source).absolute()) if Path(source).exists() else source
    git_command.run_git(
        folder, "clone", "--bare", "--quiet", "--no-hardlinks", "--no-tags", "--template=",
        "--single-branch", f"--branch={branch}", "--", address, str(copy),
    )  # fmt: skip
    git_command.run_git(copy, "remote", "remove", "origin")
    _keep_to_itself(copy)
    return copy


def _clone(
    folder: Path, remote: Path, branch: str, author: tuple[str, str] | None = None
) -> GitManifest:
    """A clone of the copy."""
    made = (
        GitManifest(folder, str(remote), branch=branch)
        if author is None
        else GitManifest(folder, str(remote), branch=branch, author=author)
    )
    _keep_to_itself(folder)
    return made


def _keep_to_itself(repository: Path) -> None:
    """Run no hooks, and sign nothing: nobody is there to touch a key."""
    git_command.run_git(repository, "config", "core.hooksPath", str(repository / "no-hooks"))
    git_command.run_git(repository, "config", "commit.gpgSign", "false")
