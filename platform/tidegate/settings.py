"""How a service process is set up; read once, at start."""

import os
from dataclasses import dataclass, field
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
        webhook_secret: what a git host must know to announce a push; None lets anyone do so.
    """

    data_dir: Path
    manifest: str
    environment: str = "production"
    branch: str = "main"
    host: str = "127.0.0.1"
    port: int = 8080
    poll_s: float = 2.0
    control_url: str | None = None
    webhook_secret: str | None = field(default=None, repr=False)

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


def webhook_secret() -> str | None:
    """The secret in the environment; as an option, everyone on the machine could read it.

    An empty one is none: it would let in whoever tries the empty one.
    """
    return os.environ.get("TIDEGATE_WEBHOOK_SECRET") or None
