"""The control database, through SQLAlchemy: SQLite by default, PostgreSQL in production."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Any

import sqlalchemy as sa
from alembic import command
from alembic.config import Config

from tidegate.adapters.migration_files import migrations_folder
from tidegate.domain.journal import IndexedDecision, Look, Override

metadata = sa.MetaData()
_Instant = sa.DateTime(timezone=True)

decisions_table = sa.Table(
    "decisions",
    metadata,
    sa.Column("commit", sa.String(40), primary_key=True),
    sa.Column("position", sa.Integer, nullable=False),
    sa.Column("decision_id", sa.String(64), nullable=False),
    sa.Column("rollout", sa.String(128), nullable=False, index=True),
    sa.Column("attempt", sa.String(40), nullable=False),
    sa.Column("environment", sa.String(100), nullable=False),
    sa.Column("agent", sa.String(100), nullable=False),
    sa.Column("verdict", sa.String(40), nullable=False),
    sa.Column("rule", sa.String(40), nullable=False),
    sa.Column("reason", sa.Text, nullable=False),
    sa.Column("guardrail", sa.String(100)),
    sa.Column("step", sa.Integer, nullable=False),
    sa.Column("baseline", sa.String(100), nullable=False),
    sa.Column("candidate", sa.String(100), nullable=False),
    sa.Column("decided_at", _Instant, nullable=False),
    sa.Column("reverts", sa.String(40)),
    sa.Column("pushed_at", _Instant),
    sa.Column("first_harm_at", _Instant),
)
looks_table = sa.Table(
    "looks",
    metadata,
    sa.Column("id", sa.Integer, primary_key=True),
    sa.Column("rollout", sa.String(128), nullable=False, index=True),
    sa.Column("at", _Instant, nullable=False),
    sa.Column("seq", sa.BigInteger, nullable=False),
    sa.Column("step", sa.Integer, nullable=False),
    sa.Column("share_ppm", sa.Integer, nullable=False),
    sa.Column("units", sa.Integer, nullable=False),
    sa.Column("candidate_units", sa.Integer, nullable=False),
    sa.Column("verdict", sa.String(40), nullable=False),
    sa.Column("rule", sa.String(40), nullable=False),
    sa.Column("reason", sa.Text, nullable=False),
    sa.Column("log_e_values", sa.JSON, nullable=False),
    sa.Column("log_thresholds", sa.JSON, nullable=False),
)
overrides_table = sa.Table(
    "overrides",
    metadata,
    sa.Column("rollout", sa.String(128), primary_key=True),
    sa.Column("reason", sa.Text, nullable=False),
    sa.Column("seq", sa.BigInteger, nullable=False),
    sa.Column("at", _Instant, nullable=False),
    sa.Column("settled", sa.Boolean, nullable=False),
)

conversations_table = sa.Table(
    "conversations",
    metadata,
    sa.Column("environment", sa.String(100), primary_key=True),
    sa.Column("agent", sa.String(100), primary_key=True),
    sa.Column("conversation", sa.String(256), primary_key=True),
    sa.Column("version", sa.String(100), nullable=False),
    sa.Column("began_at", _Instant, nullable=False),
)


class ControlDatabase:
    """The ports `ControlDatabase` and `Conversations`. Migrations run when it is opened.

    Args:
        url: an SQLAlchemy address such as "sqlite:////var/lib/tidegate/control.db".
    """

    def __init__(self, url: str) -> None:
        self._engine = sa.create_engine(url)
        migrate(self._engine)

    def close(self) -> None:
        """Close all connections."""
        self._engine.dispose()

    def add_look(self, look: Look) -> None:
        """Keep one look."""
        with self._engine.begin() as connection:
            connection.execute(sa.insert(looks_table).values(**_fields(look)))

    def looks(self, rollout: str) -> list[Look]:
        """All looks at a rollout, oldest first."""
        query = sa.select(looks_table).where(looks_table.c.rollout == rollout)
        return [Look(**row) for row in self._rows(query.order_by(looks_table.c.id), drop=("id",))]

    def add_decision(self, decision: IndexedDecision) -> None:
        """Index one decision commit; indexing it again changes nothing."""
        table = decisions_table
        with self._engine.begin() as connection:
            known = connection.execute(
                sa.select(table.c.commit).where(table.c.commit == decision.commit)
            ).first()
            if known is None:
                last = connection.execute(sa.select(sa.func.max(table.c.position))).scalar() or 0
                connection.execute(sa.insert(table).values(position=last + 1, **_fields(decision)))

    def note_push(self, commit: str, pushed_at: datetime, first_harm_at: datetime | None) -> None:
        """Add to an indexed decision when it was pushed, and when its harm began."""
        with self._engine.begin() as connection:
            connection.execute(
                sa.update(decisions_table)
                .where(decisions_table.c.commit == commit)
                .values(pushed_at=pushed_at, first_harm_at=first_harm_at)
            )

    def decisions(self, rollout: str | None = None) -> list[IndexedDecision]:
        """Indexed decisions, oldest first."""
        query = sa.select(decisions_table).order_by(decisions_table.c.position)
        if rollout is not None:
            query = query.where(decisions_table.c.rollout == rollout)
        return [IndexedDecision(**row) for row in self._rows(query, drop=("position",))]

    def add_override(self, override: Override) -> None:
        """Journal an emergency override; a second one of the same rollout changes nothing."""
        table = overrides_table
        with self._engine.begin() as connection:
            known = sa.select(table.c.rollout).where(table.c.rollout == override.rollout)
            if connection.execute(known).first() is None:
                connection.execute(sa.insert(table).values(settled=False, **_fields(override)))

    def settle_override(self, rollout: str) -> None:
        """Note that git has caught up with an override."""
        with self._engine.begin() as connection:
            connection.execute(
                sa.update(overrides_table)
                .where(overrides_table.c.rollout == rollout)
                .values(settled=True)
            )

    def open_overrides(self) -> dict[str, Override]:
        """The overrides that git does not know yet, by rollout."""
        query = sa.select(overrides_table).where(sa.not_(overrides_table.c.settled))
        found = [Override(**row) for row in self._rows(query, drop=("settled",))]
        return {override.rollout: override for override in found}

    def version_of(self, environment: str, agent: str, conversation: str) -> str | None:
        """The version a conversation is on."""
        table = conversations_table
        query = sa.select(table.c.version).where(_is(environment, agent, conversation))
        with self._engine.connect() as connection:
            found: str | None = connection.execute(query).scalar()
            return found

    def begin(
        self, environment: str, agent: str, conversation: str, version: str, at: datetime
    ) -> str:
        """Put a conversation on a version, or move it there; see the port."""
        key = {"environment": environment, "agent": agent, "conversation": conversation}
        values = {"version": version, "began_at": at}
        moved = sa.update(conversations_table).where(_is(**key)).values(**values)
        try:
            with self._engine.begin() as connection:
                if not connection.execute(moved).rowcount:
                    connection.execute(sa.insert(conversations_table).values(**key, **values))
        except sa.exc.IntegrityError:
            return self.version_of(environment, agent, conversation) or version
        return version

    def _rows(self, query: sa.Select[Any], drop: tuple[str, ...] = ()) -> Iterator[dict[str, Any]]:
        with self._engine.connect() as connection:
            for row in connection.execute(query).mappings():
                yield {name: _with_zone(value) for name, value in row.items() if name not in drop}


def _is(environment: str, agent: str, conversation: str) -> sa.ColumnElement[bool]:
    columns = conversations_table.c
    return sa.and_(
        columns.environment == environment,
        columns.agent == agent,
        columns.conversation == conversation,
    )


def migrate(engine: sa.Engine, target: str = "head") -> None:
    """Bring the schema to a revision."""
    config = Config()
    config.set_main_option("script_location", str(migrations_folder("control")))
    with _alembic_connection(engine) as connection:
        config.attributes["connection"] = connection
        if target == "base":
            command.downgrade(config, target)
        else:
            command.upgrade(config, target)


@contextmanager
def _alembic_connection(engine: sa.Engine) -> Iterator[sa.Connection]:
    with engine.begin() as connection:
        yield connection


def _fields(value: Look | IndexedDecision | Override) -> dict[str, Any]:
    return {name: getattr(value, name) for name in value.__struct_fields__}


def _with_zone(value: Any) -> Any:
    """SQLite forgets time zones; everything stored here is UTC."""
    if isinstance(value, datetime) and value.tzinfo is None:
        return value.replace(tzinfo=UTC)
    return value
