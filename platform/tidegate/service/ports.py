"""What the use cases need from the outside world. Adapters satisfy these by their shape."""

from collections.abc import Sequence
from datetime import datetime
from typing import Protocol

from tidegate.domain.at_risk import RiskSet
from tidegate.domain.commits import CommitInfo, PlannedCommit
from tidegate.domain.events import StoredEvent
from tidegate.domain.evidence import ArmStage, StageCounts
from tidegate.domain.goal import GoalMetric
from tidegate.domain.goal_values import GoalValues
from tidegate.domain.journal import IndexedDecision, Look, Override
from tidegate.domain.switch import Health
from tidegate.domain.watch import Runs


class Clock(Protocol):
    """The time."""

    def now(self) -> datetime:
        """The current instant, with a time zone."""


class ManifestRepository(Protocol):
    """A local clone of the manifest repository and its remote."""

    def fetch(self) -> None:
        """Bring the remote's head here.

        Raises:
            RemoteUnreachable: the remote gave no answer; the local clone is as it was.
        """

    def head(self) -> str | None:
        """The head as last fetched or pushed; None for an empty repository."""

    def read(self, commit: str, path: str) -> bytes | None:
        """A file's content at a commit; None if there is no such file."""

    def blob(self, commit: str, path: str) -> str | None:
        """The identity of a file's content at a commit; None if there is no such file."""

    def names(self, commit: str, folder: str) -> list[str]:
        """File names directly in a folder at a commit; empty if there is no such folder."""

    def last_change(self, commit: str, path: str) -> str:
        """The last first-parent commit that changed a path, as seen from a commit."""

    def changed(self, commit: str, ancestor: str) -> frozenset[str] | None:
        """Paths that first-parent commits after `ancestor` up to `commit` changed.

        One that was changed and changed back is among them.

        Returns:
            The paths; None if `ancestor` is not among the first parents of `commit`.
        """

    def info(self, commit: str) -> CommitInfo:
        """One commit as plain data.

        Raises:
            UnknownCommit: there is none.
        """

    def since(self, commit: str, ancestor: str | None) -> list[CommitInfo]:
        """First-parent commits after `ancestor` up to `commit`, oldest first."""

    def descends(self, commit: str, ancestor: str) -> bool:
        """Whether `commit` is `ancestor` or comes after it."""

    def publish(self, parent: str, commits: Sequence[PlannedCommit]) -> list[str]:
        """Make commits on top of `parent` and push them together, all or none.

        Returns:
            Their ids, oldest first.

        Raises:
            HeadMoved: the remote's head is no longer `parent`; nothing was changed there.
            RemoteUnreachable: no answer; nothing is known to have changed there.
        """

    def publish_branch(self, branch: str, parent: str, commit: PlannedCommit) -> str:
        """Make a commit on top of `parent` and push it to a branch of its own.

        Raises:
            HeadMoved: the branch is there already, with something else.
            RemoteUnreachable: no answer; nothing is known to have changed there.
        """

    def remember(self, name: str, commit: str) -> None:
        """Keep a commit under a name, across restarts."""

    def recall(self, name: str) -> str | None:
        """The commit kept under a name."""

    def show(self, commit: str) -> str:
        """One commit with its changes, as git shows it.

        Raises:
            UnknownCommit: there is none.
        """


class EventStore(Protocol):
    """The durable event log. Sequence numbers rise by arrival."""

    def append(self, batches: Sequence[Sequence[StoredEvent]], received_at: datetime) -> list[int]:
        """Store several batches in one transaction; durable on return.

        Args:
            batches: events in order of arrival.
            received_at: when they arrived.

        Returns:
            For each batch, how many of its events were new; the rest were duplicates.

        Raises:
            EventStoreUnavailable: nothing was stored.
        """

    def last_seq(self) -> int:
        """Sequence number of the last stored event; 0 for an empty log."""

    def stages(
        self, rollout: str, seq: int, now: datetime, window_s: int
    ) -> tuple[StageCounts, ...]:
        """Sufficient statistics of a rollout by stage, from events up to `seq`.

        Args:
            rollout: the attempt.
            seq: last sequence number to read.
            now: the instant at which windows are open or closed.
            window_s: seconds after its exposure for which a unit's outcome is open.
        """

    def arms(self, rollout: str, seq: int, now: datetime, window_s: int) -> tuple[ArmStage, ...]:
        """The same of every arm that there is, whatever it is called; arguments as of `stages`."""

    def goal_values(
        self, rollout: str, goal: GoalMetric, seq: int, now: datetime, window_s: int
    ) -> tuple[GoalValues, ...]:
        """What the units of an experiment, whose window has closed, say about a goal."""

    def enrolled(self, rollout: str) -> frozenset[str]:
        """Units that met the candidate of a rollout."""

    def risk_sets(self, rollout: str, name: str, seq: int) -> tuple[RiskSet, ...]:
        """For each unit's first incident of a kind, in order of arrival, who was at risk then."""

    def afterwards(
        self, rollout: str, name: str, seq: int, *, since: datetime, closed_before: datetime
    ) -> Runs:
        """Units met after a rollout reached everyone: runs of clean ones and the incident after.

        Args:
            rollout: the attempt.
            name: the kind of incident.
            seq: last sequence number to read.
            since: when it reached everyone; who was met while it had not begun had the old version.
            closed_before: units first met before this instant can no longer turn into an incident.
        """

    def first_harm(self, rollout: str, guardrail: str, seq: int) -> datetime | None:
        """When the first incident (or failed outcome) of a guardrail on the candidate arrived."""


class HealthProbe(Protocol):
    """Asks environments whether they are well."""

    def ask(self, address: str) -> Health:
        """What a health address answers; no answer is an answer too: unwell."""


class Conversations(Protocol):
    """On which version a conversation began."""

    def version_of(self, environment: str, agent: str, conversation: str) -> str | None:
        """The version a conversation is on; None if it has not begun."""

    def begin(
        self, environment: str, agent: str, conversation: str, version: str, at: datetime
    ) -> str:
        """Put a conversation on a version, or move it there.

        Returns:
            The version it is on: another one, if another process was quicker to begin it.
        """


class ControlDatabase(Protocol):
    """What neither git nor the event log holds. It can be rebuilt but for overrides."""

    def add_look(self, look: Look) -> None:
        """Keep one look."""

    def looks(self, rollout: str) -> list[Look]:
        """All looks at a rollout, oldest first."""

    def add_decision(self, decision: IndexedDecision) -> None:
        """Index one decision commit; indexing it again changes nothing."""

    def note_push(self, commit: str, pushed_at: datetime, first_harm_at: datetime | None) -> None:
        """Add to an indexed decision when it was pushed, and when its harm began."""

    def decisions(self, rollout: str | None = None) -> list[IndexedDecision]:
        """Indexed decisions, oldest first."""

    def add_override(self, override: Override) -> None:
        """Journal an emergency override; a second one of the same rollout changes nothing."""

    def settle_override(self, rollout: str) -> None:
        """Note that git has caught up with an override."""

    def open_overrides(self) -> dict[str, Override]:
        """The overrides that git does not know yet, by rollout."""
