"""The composition root: the one place that knows both the ports and what is plugged into them."""

from dataclasses import dataclass

from tidegate.adapters.control_database import ControlDatabase
from tidegate.adapters.duckdb_events import DuckDBEvents
from tidegate.adapters.git_manifest import GitManifest
from tidegate.adapters.system_clock import SystemClock
from tidegate.service.engine import Engine, EngineLoop
from tidegate.service.ingest import EventWriter
from tidegate.service.rollout_views import RolloutViews
from tidegate.service.served_manifest import ServedManifest
from tidegate.settings import Settings


@dataclass(frozen=True, slots=True, kw_only=True)
class Service:
    """A wired service process."""

    settings: Settings
    repository: GitManifest
    manifest: ServedManifest
    events: DuckDBEvents
    control: ControlDatabase
    writer: EventWriter
    engine: Engine
    loop: EngineLoop
    views: RolloutViews

    def start(self) -> None:
        """Serve what the manifest says, then begin to write and to look."""
        self.engine.refresh()
        self.writer.start()
        self.loop.start()

    def stop(self) -> None:
        """Finish what is under way and let go of everything."""
        self.loop.stop()
        self.writer.stop()
        self.events.close()
        self.control.close()


def build(settings: Settings) -> Service:
    """Wire a service. Databases are migrated here.

    Raises:
        EventStoreUnavailable: another process holds the event store.
    """
    settings.data_dir.mkdir(parents=True, exist_ok=True)
    clock = SystemClock()
    events = DuckDBEvents(settings.events_path)
    control = ControlDatabase(settings.control_address)
    repository = GitManifest(settings.clone_path, settings.manifest, branch=settings.branch)
    manifest = ServedManifest(repository, control, settings.environment)
    engine = Engine(repository, manifest, events, control, clock)
    loop = EngineLoop(engine, poll_s=settings.poll_s)
    return Service(
        settings=settings,
        repository=repository,
        manifest=manifest,
        events=events,
        control=control,
        writer=EventWriter(events, clock, on_written=loop.wake),
        engine=engine,
        loop=loop,
        views=RolloutViews(repository, manifest, events, control, clock),
    )
