"""The composition root: the one place that knows both the ports and what is plugged into them."""

from dataclasses import dataclass

from tidegate.adapters.control_database import ControlDatabase
from tidegate.adapters.data_folder import DataFolder
from tidegate.adapters.duckdb_events import DuckDBEvents
from tidegate.adapters.git_manifest import GitManifest
from tidegate.adapters.health_probe import HttpProbe
from tidegate.adapters.system_clock import SystemClock
from tidegate.domain.errors import RemoteUnreachable
from tidegate.service.assigning import Assigner
from tidegate.service.engine import Engine, EngineLoop
from tidegate.service.ingest import EventWriter
from tidegate.service.rollout_views import RolloutViews
from tidegate.service.served_manifest import ServedManifest
from tidegate.settings import Settings


@dataclass(frozen=True, slots=True, kw_only=True)
class Service:
    """A wired service process."""

    settings: Settings
    folder: DataFolder
    repository: GitManifest
    manifest: ServedManifest
    events: DuckDBEvents
    control: ControlDatabase
    writer: EventWriter
    engine: Engine
    loop: EngineLoop
    assigner: Assigner
    views: RolloutViews

    def start(self) -> None:
        """Begin to write and to look."""
        self.writer.start()
        self.loop.start()

    def stop(self) -> None:
        """Finish what is under way and let go of everything."""
        self.loop.stop()
        self.writer.stop()
        self.events.close()
        self.control.close()
        self.folder.release()


def build(settings: Settings) -> Service:
    """Wire a service and serve what the manifest says. Databases are migrated here.

    Raises:
        DataFolderInUse: another service works on the data folder.
        EventStoreUnavailable: the event store cannot be opened.
        RemoteUnreachable: the manifest repository gives no answer, and nothing of it is here yet.
    """
    folder = DataFolder(settings.data_dir)
    clock = SystemClock()
    events = DuckDBEvents(settings.events_path)
    control = ControlDatabase(settings.control_address)
    repository = GitManifest(settings.clone_path, settings.manifest, branch=settings.branch)
    manifest = ServedManifest(repository, control, settings.environment)
    engine = Engine(repository, manifest, events, control, clock, HttpProbe())
    engine.refresh()
    if manifest.remote_problem is not None and repository.head() is None:
        raise RemoteUnreachable(f"{settings.manifest}: {manifest.remote_problem}")
    loop = EngineLoop(engine, poll_s=settings.poll_s)
    return Service(
        settings=settings,
        folder=folder,
        repository=repository,
        manifest=manifest,
        events=events,
        control=control,
        writer=EventWriter(events, clock, on_written=loop.wake),
        engine=engine,
        loop=loop,
        assigner=Assigner(manifest, events, control, clock),
        views=RolloutViews(repository, manifest, events, control, clock),
    )
