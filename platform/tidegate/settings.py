"""How a service process is set up; read once, at start."""

from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """Settings of one service process. What decides about a rollout is not here but in git.

    Attributes:
        data_dir: where the event store, the control database and the clone lie.
        manifest: address or path of the manifest repository.
        environment: the environment that is served.
        branch: the branch that is served.
        host: interface to listen on; loopback unless told otherwise.
        port: port to listen on.
        poll_s: seconds between fetches of the manifest repository.
        control_url: SQLAlchemy address of the control database; SQLite in data_dir if not given.
    """

    data_dir: Path
    manifest: str
    environment: str = "production"
    branch: str = "main"
    host: str = "127.0.0.1"
    port: int = 8080
    poll_s: float = 2.0
    control_url: str | None = None

    @property
    def events_path(self) -> Path:
        """The DuckDB file of the event log."""
        return self.data_dir / "events.duckdb"

    @property
    def clone_path(self) -> Path:
        """The engine's own clone of the manifest repository."""
        return self.data_dir / "manifest-clone.git"

    @property
    def control_address(self) -> str:
        """SQLAlchemy address of the control database."""
        return self.control_url or f"sqlite:///{(self.data_dir / 'control.db').absolute()}"
