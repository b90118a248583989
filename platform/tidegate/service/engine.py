"""The engine: look at each rollout, decide, write the decision back to git.

git is the commit point. A decision is taken on one head and pushed only if the remote is still
there; if someone pushed first, it is taken again from scratch, never rebased. A crash between push
and bookkeeping loses nothing, because the bookkeeping is always read back from git.
"""

import logging
import random
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from tidegate.domain.commit_limit import may_write
from tidegate.domain.decision import Verdict
from tidegate.domain.errors import HeadMoved, InvalidManifest, RemoteUnreachable, RepositoryError
from tidegate.domain.evidence import Evidence
from tidegate.domain.read_back import read_back_problem
from tidegate.domain.record import DecisionRecord
from tidegate.domain.recording import needs_settling, settle_of, start_of
from tidegate.domain.release import Release
from tidegate.domain.state import Phase
from tidegate.domain.write_back import Deploy, commits_of
from tidegate.service.deciding import Decider
from tidegate.service.decision_index import DecisionIndex
from tidegate.service.emergencies import Emergencies, halts
from tidegate.service.ports import (
    Clock,
    ControlDatabase,
    EventStore,
    HealthProbe,
    ManifestRepository,
)
from tidegate.service.proposing import Proposer
from tidegate.service.served_manifest import ServedManifest

log = logging.getLogger(__name__)
_TRIES = 5
_JITTER_S = 0.05
_PUSH_PAUSE_S = 2.0
_GUARD_S = 0.25


class Engine:
    """Looks at the rollouts of one environment.

    Args:
        repository: where decisions are written.
        manifest: what is served; the engine alone refreshes it.
        events: the evidence.
        control: looks and overrides.
        clock: the time.
        probe: asks environments whether they are well.
    """

    def __init__(
        self,
        repository: ManifestRepository,
        manifest: ServedManifest,
        events: EventStore,
        control: ControlDatabase,
        clock: Clock,
        probe: HealthProbe,
    ) -> None:
        self._repository = repository
        self._manifest = manifest
        self._events = events
        self._control = control
        self._clock = clock
        self._index = DecisionIndex(repository, control)
        self._decider = Decider(events, control, probe)
        self._emergencies = Emergencies(repository, manifest, control, self._decider)
        self._proposer = Proposer(repository)
        self._deciding = threading.Lock()
        self._publish_after = 0.0
        self._fetch_problem: str | None = None
        self._push_problem: str | None = None
        self.waits_for_git = False

    def refresh(self) -> None:
        """Fetch, serve what is new, and bring the index of decisions up to date.

        Without an answer from the remote, what was fetched last goes on being served.
        """
        try:
            with self._waiting_for_git():
                self._repository.fetch()
            self._fetch_problem = None
        except RemoteUnreachable as error:
            if self._fetch_problem != str(error):
                log.warning("%s; serving what was fetched last", error)
            self._fetch_problem = str(error)
        self._tell()
        self._reload()

    def look(self) -> None:
        """Look once at every release, and act where a decision is due."""
        failed = False
        for agent in self._agents():
            try:
                self._attend(agent)
            except RepositoryError as error:
                failed = True
                self._push_problem = str(error)
                self._publish_after = time.monotonic() + _PUSH_PAUSE_S
                log.warning("%s: %s; trying again in %.0f s", agent, error, _PUSH_PAUSE_S)
            except Exception:  # the other agents must be looked at all the same
                log.exception("%s: the look failed; the next one tries again", agent)
        if not failed and time.monotonic() >= self._publish_after:
            self._push_problem = None
        self._tell()

    def guard(self) -> None:
        """Stop harm, and nothing else: for another thread, while git keeps the engine waiting."""
        for agent in self._agents():
            try:
                self._decide(agent)
            except Exception:
                log.exception("%s: the look failed; the next one tries again", agent)

    def _agents(self) -> list[str]:
        """Whom to look at in this turn. The journal is read once for all of them."""
        with self._deciding:
            self._emergencies.read_journal()
        return sorted(self._manifest.current.releases)

    def _attend(self, agent: str) -> None:
        for _ in range(_TRIES):
            release, record = self._decide(agent)
            if release is None:
                return
            try:
                self._write(release, record)
            except HeadMoved as moved:
                log.info("%s: %s; deciding again on the new head", agent, moved)
                time.sleep(random.uniform(0, _JITTER_S))  # noqa: S311 - jitter, no secret
                self.refresh()
            else:
                return
        raise RepositoryError(f"others pushed first {_TRIES} times")

    def _decide(self, agent: str) -> tuple[Release | None, DecisionRecord | None]:
        """A release, and the decision to write back now; harm is stopped here."""
        with self._deciding:
            release = self._manifest.current.releases.get(agent)
            record = None if release is None else self._due(release)
            if release is not None and record is not None and _is_emergency(release, record):
                self._emergencies.declare(release, record)
            return release, record

    def _due(self, release: Release) -> DecisionRecord | None:
        """The decision to write back now, if there is one."""
        record = self._decided(release)
        unreadable = release.agent in self._manifest.current.problems
        if record is not None and unreadable and not halts(record):
            return None  # on files that cannot be read only harm may be acted upon
        return record

    def _decided(self, release: Release) -> DecisionRecord | None:
        override = self._emergencies.of(release)
        if override is not None:
            return self._emergencies.owed(release, override)
        if needs_settling(release):
            return settle_of(release, self._clock.now(), self._events.last_seq())
        if release.traffic.phase is Phase.PENDING:
            return start_of(release, self._clock.now(), self._events.last_seq())
        return self._decider.due(release, self._events.last_seq(), self._clock.now())

    def _write(self, release: Release, record: DecisionRecord | None) -> None:
        if time.monotonic() < self._publish_after:
            return
        if record is not None:
            self._write_back(release, record)
        self._proposer.propose(self._manifest.release(release.agent))

    def _write_back(self, release: Release, record: DecisionRecord) -> None:
        head = self._manifest.current.served
        if head is None or not self._may_publish(release, record, head):
            return
        deploy = self._deploy_of(release, record)
        with self._waiting_for_git():
            published = self._repository.publish(head, commits_of(release, record, deploy))
        log.info("%s: %s, %s", release.agent, record.decision.rule, record.decision.reason)
        self._settle_books(record, published)
        if record.decision.verdict is Verdict.ROLL_BACK:
            self._read_back(record, published[-1])

    def _may_publish(self, release: Release, record: DecisionRecord, head: str) -> bool:
        """Whether the decision may be written now; what is stopped stays stopped if not."""
        problems = self._manifest.current.problems
        if "" in problems:
            return False  # nothing goes on top of a head that is not served
        if release.agent in problems and self._manifest.reader.is_superseded(release, head):
            return False  # people have said what they want; it is served once all can be read
        written = len(self._control.decisions(record.rollout))
        if may_write(written, ends=halts(record)):
            return True
        self._manifest.alarm(
            release.agent,
            f"the engine has made {written} commits for attempt {record.attempt[:12]} and makes no "
            "more: something undoes them; find out what, then change INTENT to begin again",
        )
        return False

    def _settle_books(self, record: DecisionRecord, published: list[str]) -> None:
        pushed_at = self._clock.now()
        self._reload()
        guardrail = record.decision.guardrail
        if guardrail is not None:
            began = None  # after a promotion: what came in its ramp was no harm
            if isinstance(record.evidence, Evidence):
                began = self._events.first_harm(record.rollout, guardrail, record.evidence.seq)
            for commit in published:
                self._control.note_push(commit, pushed_at, began)

    def _deploy_of(self, release: Release, record: DecisionRecord) -> Deploy | None:
        """What a rollback reverts, if this is one, and if there is something to go back to."""
        if record.decision.verdict is not Verdict.ROLL_BACK or record.rollout != release.rollout:
            return None
        try:
            return self._manifest.reader.deploy_of(release)
        except InvalidManifest as error:
            self._manifest.alarm(release.agent, f"rolled back, but not reverted: {error}")
            return None

    def _read_back(self, record: DecisionRecord, head: str) -> None:
        """A rollback that changed nothing would be the worst failure of all: look."""
        unread = record.agent in self._manifest.current.problems
        release = self._manifest.release(record.agent)
        problem = read_back_problem(release, record, None if unread else head)
        if problem is not None:
            self._manifest.alarm(record.agent, problem)

    def _reload(self) -> None:
        snapshot = self._manifest.reload()
        if snapshot.served is not None:
            self._index.catch_up(snapshot.served)
            self._emergencies.settle(snapshot)

    def _tell(self) -> None:
        self._manifest.remote_problem = self._fetch_problem or self._push_problem

    @contextmanager
    def _waiting_for_git(self) -> Iterator[None]:
        self.waits_for_git = True
        try:
            yield
        finally:
            self.waits_for_git = False


def _is_emergency(release: Release, record: DecisionRecord) -> bool:
    """Whether harm must be stopped before git knows; what ran out of time can wait for git."""
    harmful = halts(record) and record.decision.guardrail is not None
    return harmful and record.rollout == release.rollout


class EngineLoop:
    """Runs an engine in a thread: after new events, and at least once a poll interval.

    Args:
        engine: what to run.
        poll_s: seconds between fetches of the manifest repository at most.
        rest_s: seconds between looks at least, so that a look takes in many events.
    """

    def __init__(self, engine: Engine, *, poll_s: float, rest_s: float = 0.01) -> None:
        self._engine = engine
        self._poll_s = poll_s
        self._rest_s = rest_s
        self._events_came = threading.Event()
        self._fetch_is_due = threading.Event()
        self._stopping = threading.Event()
        self._threads = [
            threading.Thread(target=run, name=name, daemon=True)
            for name, run in (("engine", self._run), ("engine-guard", self._guard))
        ]

    def start(self) -> None:
        """Begin to look."""
        for thread in self._threads:
            thread.start()

    def stop(self) -> None:
        """Finish the look under way, then end."""
        self._stopping.set()
        self._events_came.set()
        for thread in self._threads:
            thread.join()

    def wake(self) -> None:
        """Say that new events are stored."""
        self._events_came.set()

    def fetch(self) -> None:
        """Say that the remote has something new; while a fetch is under way, one more follows."""
        self._fetch_is_due.set()
        self._events_came.set()

    def _run(self) -> None:
        fetch_at = time.monotonic()
        while not self._stopping.is_set():
            if self._fetch_is_due.is_set() or time.monotonic() >= fetch_at:
                self._fetch_is_due.clear()  # before it begins: what is pushed from now on is news
                self._try(self._engine.refresh)
                fetch_at = time.monotonic() + self._poll_s
            self._try(self._engine.look)
            self._stopping.wait(self._rest_s)
            self._events_came.wait(max(0.0, fetch_at - time.monotonic()))
            self._events_came.clear()

    def _guard(self) -> None:
        """A git host that gives no answer takes its time about it; harm must not wait for that."""
        while not self._stopping.wait(_GUARD_S):
            if self._engine.waits_for_git:
                self._try(self._engine.guard)

    def _try(self, act: Callable[[], None]) -> None:
        try:
            act()
        except Exception:
            # The loop must outlive any single failure: a dead engine would watch nobody.
            log.exception("the engine stumbled; it goes on after a pause")
            self._stopping.wait(self._poll_s)
