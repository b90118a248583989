"""Everything that can go wrong, drawn once.

TidegateError                    base; `code` is stable, the message names the thing and the way out
├── InvalidManifest              a file of the manifest repository cannot be read as what it must be
├── UnknownAgent                 the agent has no release in this environment
│   └── ReleaseRemoved           it had one, which a commit removed
├── UnknownFlag                  there is no such feature flag in this environment
├── UnknownCommit                no such commit in the manifest repository
├── UnknownRollout               no rollout has this id
├── RepositoryError              the manifest repository could not be read or written
│   ├── RemoteUnreachable        fetch or push got no answer; what was served goes on being served
│   └── HeadMoved                someone pushed first; the decision must be taken again
├── InvalidEvent                 one event line is malformed; the rest of its batch is unaffected
├── EventsRefused                a batch as a whole was not taken; nothing of it is stored
│   ├── BatchTooLarge            split it
│   ├── IngestOverloaded         too much is waiting to be written; retry after a pause
│   └── EventStoreUnavailable    the event store cannot write; retry after a pause
├── Refused                      what a person asked cannot be done now; nothing was changed
│   └── LintErrors               the commit would have problems
├── NotPushed                    a person's commit is made, but did not reach the remote
├── GoneApart                    checkout and remote both have commits that the other has not
├── ServiceSilent                a running service gave no answer, or none that it should give
├── DataFolderInUse              another process works on the data folder
└── InvalidRuns                  a file of recorded runs lacks what a replay needs
"""

from collections.abc import Sequence
from typing import ClassVar


class TidegateError(Exception):
    """Base of every error of the service. `code` is stable; the message is for people."""

    code: ClassVar[str] = "error"


class InvalidManifest(TidegateError):
    """A file of the manifest repository cannot be read as what it must be."""

    code = "invalid_manifest"

    def __init__(self, path: str, problem: str) -> None:
        self.path = path
        self.problem = problem
        super().__init__(f"{path}: {problem}")


class UnknownAgent(TidegateError):
    """The agent has no release in this environment."""

    code = "unknown_agent"

    def __init__(self, agent: str, environment: str, known: list[str]) -> None:
        self.agent = agent
        self.environment = environment
        self.known = known
        names = ", ".join(known) if known else "none yet"
        super().__init__(
            f"agent {agent!r} has no release in {environment!r}{self._why()}; known agents: {names}"
        )

    def _why(self) -> str:
        return ""


class ReleaseRemoved(UnknownAgent):
    """The agent has no release in this environment any more."""

    code = "release_removed"

    def __init__(self, agent: str, environment: str, known: list[str], removal: str) -> None:
        self.removal = removal
        super().__init__(agent, environment, known)

    def _why(self) -> str:
        return f": release removed in {self.removal}"


class UnknownFlag(TidegateError):
    """There is no such feature flag in this environment."""

    code = "unknown_flag"

    def __init__(self, flag: str, environment: str, known: list[str]) -> None:
        self.flag = flag
        self.known = known
        names = ", ".join(known) if known else "none yet"
        super().__init__(f"flag {flag!r} is not in {environment!r}; known flags: {names}")


class UnknownCommit(TidegateError):
    """No such commit in the manifest repository."""

    code = "unknown_commit"

    def __init__(self, commit: str) -> None:
        self.commit = commit
        super().__init__(f"commit {commit!r} is not in the manifest repository")


class UnknownRollout(TidegateError):
    """No rollout has this id."""

    code = "unknown_rollout"

    def __init__(self, rollout: str) -> None:
        self.rollout = rollout
        super().__init__(f"no rollout {rollout!r}; GET /v1/rollouts lists them")


class RepositoryError(TidegateError):
    """The manifest repository could not be read or written."""

    code = "repository_error"


class RemoteUnreachable(RepositoryError):
    """Fetch or push got no answer; what was served goes on being served."""

    code = "remote_unreachable"


class HeadMoved(RepositoryError):
    """Someone pushed first; the decision must be taken again on the new head."""

    code = "head_moved"


class InvalidEvent(TidegateError):
    """One event line is malformed; the rest of its batch is unaffected."""

    code = "invalid_event"


class EventsRefused(TidegateError):
    """A batch as a whole was not taken; nothing of it is stored."""

    code = "events_refused"


class BatchTooLarge(EventsRefused):
    """The batch is over the limit; split it."""

    code = "batch_too_large"

    def __init__(self, size: int, limit: int) -> None:
        super().__init__(f"the batch has {size} bytes, the limit is {limit}; send it in parts")


class IngestOverloaded(EventsRefused):
    """Too much is waiting to be written; retry after a pause."""

    code = "ingest_overloaded"

    def __init__(self, waiting: int) -> None:
        super().__init__(f"{waiting} events are waiting to be written; retry after a pause")


class EventStoreUnavailable(EventsRefused):
    """The event store cannot write; retry after a pause."""

    code = "event_store_unavailable"


class Refused(TidegateError):
    """What was asked cannot be done now; nothing was changed. The message says what can."""

    code = "refused"


class LintErrors(Refused):
    """The commit would have problems; nothing was changed."""

    code = "lint_errors"

    def __init__(self, findings: Sequence[object]) -> None:
        self.findings = findings
        listed = "\n".join(f"  {each}" for each in findings)
        super().__init__(f"nothing was changed, for lint would find:\n{listed}")


class NotPushed(TidegateError):
    """A commit is made but did not reach the remote; it is still there, and nothing is lost."""

    code = "not_pushed"

    def __init__(self, commit: str, why: str) -> None:
        self.commit = commit
        super().__init__(f"{commit[:12]} is committed here, but not pushed: {why}")


class GoneApart(TidegateError):
    """The checkout and its remote both have commits that the other has not."""

    code = "gone_apart"

    def __init__(self, upstream: object, here: int, there: int) -> None:
        ours = "1 commit" if here == 1 else f"{here} commits"
        super().__init__(
            f"this checkout has {ours} that {upstream} has not, and lacks {there}; nothing was "
            "changed. Bring them together first: git pull --rebase"
        )


class ServiceSilent(TidegateError):
    """The service gave no answer, or none that it should give."""

    code = "service_silent"


class DataFolderInUse(TidegateError):
    """Another process works on the data folder."""

    code = "data_folder_in_use"

    def __init__(self, folder: object) -> None:
        super().__init__(
            f"{folder} is in use by another service; is another service running on it? "
            "End that one, or choose another --data-dir"
        )


class InvalidRuns(TidegateError):
    """A file of recorded runs lacks what a replay needs."""

    code = "invalid_runs"
