"""One rollout as it was recorded: the decisions in git, the events in the log."""

from typing import Protocol

import msgspec

from tidegate.domain import manifest_files as files
from tidegate.domain.backtest import Happening, Moment, moment_of
from tidegate.domain.commits import CommitInfo
from tidegate.domain.errors import TidegateError
from tidegate.domain.evidence import Evidence
from tidegate.domain.metrics import Metrics
from tidegate.domain.policy import Policy
from tidegate.domain.record import DecisionRecord
from tidegate.domain.release import Release, rollout_id
from tidegate.domain.state import Phase, ReleaseState
from tidegate.service.ports import EventStore, ManifestRepository
from tidegate.service.reading import ManifestReader
from tidegate.service.recorded_decisions import record_at, release_of


class CannotReplay(TidegateError):
    """There is no such rollout in the history, or it is of a kind that cannot be replayed."""

    code = "cannot_replay"


class RecordedEvents(EventStore, Protocol):
    """An event log that can tell the course of a rollout."""

    def course(self, rollout: str) -> tuple[Happening, ...]:
        """Each unit's exposure in each stage of a comparison, and its first report of each name.

        In order of arrival.
        """


class RecordedDecision(msgspec.Struct, frozen=True, kw_only=True):
    """A decision on the evidence of a canary.

    Attributes:
        state: STATE after it, while the rollout goes on; None once it is over.
    """

    record: DecisionRecord
    evidence: Evidence
    state: ReleaseState | None

    @property
    def moment(self) -> Moment:
        """The decision as a point of the course."""
        return moment_of(self.evidence, self.record.decision, self.record.clock.now)


class RecordedRollout(msgspec.Struct, frozen=True, kw_only=True):
    """A rollout from its start to its end.

    Attributes:
        release: as of the commit on which it began.
        metrics: the agent's, as of then.
        policy: as recorded at the start.
        began: STATE as the start left it.
        decisions: the start, and all that followed, oldest first.
    """

    release: Release
    metrics: Metrics
    policy: Policy
    began: ReleaseState
    decisions: tuple[RecordedDecision, ...]

    @property
    def candidate(self) -> str:
        """The version that was released."""
        return self.decisions[0].record.candidate

    @property
    def kept_its_policy(self) -> bool:
        """Whether every decision was taken by the policy of the start."""
        return all(each.record.policy == self.policy for each in self.decisions)


def recorded_rollout(
    repository: ManifestRepository, environment: str, rollout: str | None
) -> RecordedRollout:
    """A canary rollout as git has it.

    Args:
        repository: the manifest repository.
        environment: where it was.
        rollout: its id; the latest canary's if None.

    Raises:
        CannotReplay: there is none, or it is no canary.
    """
    head = repository.head()
    everything = repository.since(head, None) if head is not None else []
    commits = [info for info in everything if (release_of(info) or ("",))[0] == environment]
    starts = {
        rollout_of(info): info for info in commits if info.trailer("Tidegate-Rule") == "start"
    }
    if rollout is not None and rollout not in starts:
        known = ", ".join(name for name in starts if name) or "none"
        raise CannotReplay(f"no rollout {rollout!r} began in {environment!r}; these did: {known}")
    for name in [rollout] if rollout is not None else reversed(starts):
        record = record_at(repository, starts[name])
        if record is not None and _is_canary(record):
            ours = [info for info in commits if rollout_of(info) == name and not _reverts(info)]
            return _gathered(repository, starts[name], record, ours)
    words = f"{rollout} is no canary" if rollout else f"no canary rollout began in {environment!r}"
    raise CannotReplay(f"{words}; only canary rollouts can be replayed")


def rollout_of(info: CommitInfo) -> str | None:
    """The id of the rollout that a decision commit is about."""
    named, attempt = release_of(info), info.trailer("Tidegate-Attempt")
    return None if named is None or attempt is None else rollout_id(named[1], attempt)


def _is_canary(record: DecisionRecord) -> bool:
    policy = record.policy
    return isinstance(policy, Policy) and bool(policy.steps or policy.risk_budget)


def _reverts(info: CommitInfo) -> bool:
    return "This reverts commit " in info.message


def _gathered(
    repository: ManifestRepository,
    start: CommitInfo,
    record: DecisionRecord,
    commits: list[CommitInfo],
) -> RecordedRollout:
    environment, agent = record.environment, record.agent
    parent = start.parent or ""
    decisions = [_decision(repository, info) for info in commits]
    found = tuple(each for each in decisions if each is not None)
    began = found[0].state if found else None
    if began is None or not isinstance(record.policy, Policy):
        raise CannotReplay(f"{record.rollout}: its start left no STATE that can be read")
    path = files.metrics_path(agent)
    metrics = repository.read(parent, path)
    return RecordedRollout(
        release=ManifestReader(repository, environment).release(agent, parent),
        metrics=Metrics(agent=agent) if metrics is None else files.parse(path, metrics, Metrics),
        policy=record.policy,
        began=began,
        decisions=found,
    )


def _decision(repository: ManifestRepository, info: CommitInfo) -> RecordedDecision | None:
    """The decision of a commit; None where it was not taken on a comparison."""
    record = record_at(repository, info)
    if record is None or not isinstance(record.evidence, Evidence):
        return None
    path = files.state_path(record.environment, record.agent)
    state = files.parse(path, repository.read(info.commit, path) or b"", ReleaseState)
    goes_on = state.phase in (Phase.PROGRESSING, Phase.PAUSED)
    return RecordedDecision(
        record=record, evidence=record.evidence, state=state if goes_on else None
    )
