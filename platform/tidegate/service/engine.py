"""The engine: look at each rollout, decide, write the decision back to git.

git is the commit point. A decision is taken on one head and pushed only if the remote is still
there; if someone pushed first, it is taken again from scratch, never rebased. A crash between push
and bookkeeping loses nothing, because the bookkeeping is always read back from git.
"""

import logging
import random
import threading
import time

from tidegate.domain.decision import Verdict
from tidegate.domain.errors import HeadMoved, RemoteUnreachable, RepositoryError, TidegateError
from tidegate.domain.journal import Override
from tidegate.domain.record import DecisionRecord
from tidegate.domain.recording import needs_settling, settle_of, start_of
from tidegate.domain.release import Release
from tidegate.domain.state import Phase
from tidegate.domain.write_back import commits_of, proposal_of
from tidegate.service.deciding import Decider
from tidegate.service.decision_index import DecisionIndex
from tidegate.service.ports import (
    Clock,
    ControlDatabase,
    EventStore,
    HealthProbe,
    ManifestRepository,
)
from tidegate.service.served_manifest import ServedManifest

log = logging.getLogger(__name__)
_TRIES = 5
_JITTER_S = 0.05
_PUSH_PAUSE_S = 2.0
_HALTS = (Verdict.ROLL_BACK.value, Verdict.FREEZE.value)


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
        self._publish_after = 0.0

    def refresh(self) -> None:
        """Fetch, serve what is new, and bring the index of decisions up to date.

        Without an answer from the remote, what was fetched last goes on being served.
        """
        try:
            self._repository.fetch()
            self._manifest.remote_problem = None
        except RemoteUnreachable as error:
            if self._manifest.remote_problem != str(error):
                log.warning("%s; serving what was fetched last", error)
            self._manifest.remote_problem = str(error)
        self._reload()

    def look(self) -> None:
        """Look once at every release, and act where a decision is due."""
        for agent in sorted(self._manifest.current.releases):
            try:
                self._attend(agent)
            except RepositoryError as error:
                self._publish_after = time.monotonic() + _PUSH_PAUSE_S
                log.warning("%s: %s; trying again in %.0f s", agent, error, _PUSH_PAUSE_S)
            except TidegateError:
                log.exception("%s: the look failed; the next one tries again", agent)

    def _attend(self, agent: str) -> None:
        for _ in range(_TRIES):
            release = self._manifest.current.releases.get(agent)
            record = self._due(release) if release is not None else None
            if release is None or record is None:
                return
            try:
                self._write_back(release, record)
            except HeadMoved as moved:
                log.info("%s: %s; deciding again on the new head", agent, moved)
                time.sleep(random.uniform(0, _JITTER_S))  # noqa: S311 - jitter, no secret
                self.refresh()
            else:
                return

    def _due(self, release: Release) -> DecisionRecord | None:
        """The decision to write back now, if there is one."""
        record = self._decided(release)
        unreadable = release.agent in self._manifest.current.problems
        if record is not None and unreadable and record.decision.verdict.value not in _HALTS:
            return None  # on files that cannot be read only harm may be acted upon
        return record

    def _decided(self, release: Release) -> DecisionRecord | None:
        if needs_settling(release):
            return settle_of(release, self._clock.now(), self._events.last_seq())
        if release.traffic.phase is Phase.PENDING:
            return start_of(release, self._clock.now(), self._events.last_seq())
        override = self._control.open_overrides().get(release.rollout)
        if override is not None:
            return self._overridden(release, override)
        return self._decider.due(release, self._events.last_seq(), self._clock.now())

    def _overridden(self, release: Release, override: Override) -> DecisionRecord | None:
        """The rollback that is in force, as long as git does not have it.

        It is decided on the same events and at the same instant as then: what came later must not
        talk it out of being recorded.
        """
        known = self._control.decisions(override.rollout)
        if any(each.verdict in _HALTS for each in known):
            return None  # git has it, but head cannot be read yet: the override goes on
        return self._decider.due(release, override.seq, override.at)

    def _write_back(self, release: Release, record: DecisionRecord) -> None:
        rolls_back = record.decision.verdict is Verdict.ROLL_BACK
        if record.decision.verdict.value in _HALTS and record.decision.guardrail is not None:
            self._halt(release, record)  # one that ran out of time can wait for git
        head = self._manifest.current.served
        rewritten = "" in self._manifest.current.problems
        if head is None or rewritten or time.monotonic() < self._publish_after:
            return
        deploy = self._manifest.reader.deploy_of(release) if rolls_back else None
        published = self._repository.publish(head, commits_of(release, record, deploy))
        self._propose(release, record, published[-1])
        log.info("%s: %s, %s", release.agent, record.decision.rule, record.decision.reason)
        self._settle_books(record, published)
        if rolls_back:
            self._read_back(release)

    def _propose(self, release: Release, record: DecisionRecord, head: str) -> None:
        """Put a winner on a branch of its own, where INTENT leaves the last word to people."""
        proposal = proposal_of(release, record)
        if proposal is not None:
            branch = f"tidegate/{release.agent}-{record.decision_id}"
            self._repository.publish_branch(branch, head, proposal)

    def _halt(self, release: Release, record: DecisionRecord) -> None:
        """Stop the harm before anything that can fail: git comes second."""
        self._control.add_override(
            Override(
                rollout=release.rollout,
                reason=record.decision.reason,
                seq=record.evidence.seq,
                at=record.clock.now,
            )
        )
        self._manifest.halt(release.agent, record.decision.reason)

    def _settle_books(self, record: DecisionRecord, published: list[str]) -> None:
        pushed_at = self._clock.now()
        self._reload()
        guardrail = record.decision.guardrail
        if guardrail is not None:
            began = self._events.first_harm(record.rollout, guardrail, record.evidence.seq)
            for commit in published:
                self._control.note_push(commit, pushed_at, began)

    def _read_back(self, release: Release) -> None:
        """A rollback that changed nothing would be the worst failure of all: look."""
        now_served = self._manifest.release(release.agent)
        if now_served.in_rollout or now_served.traffic.baseline != release.fallback:
            log.error(
                "%s: after the rollback %s is served, not %s",
                release.agent,
                now_served.traffic,
                release.fallback,
            )

    def _reload(self) -> None:
        before = self._manifest.current.served
        snapshot = self._manifest.reload()
        if snapshot.served is None:
            return
        if snapshot.served != before:
            self._index.catch_up(snapshot.served)
        served = {release.rollout for release in snapshot.releases.values()}
        for rollout in self._control.open_overrides().keys() - served:
            self._control.settle_override(rollout)  # git has caught up: another attempt is served


class EngineLoop:
    """Runs an engine in a thread: after new events, and at least once a poll interval.

    Args:
        engine: what to run.
        poll_s: seconds between fetches of the manifest repository.
        rest_s: seconds between looks at least, so that a look takes in many events.
    """

    def __init__(self, engine: Engine, *, poll_s: float, rest_s: float = 0.01) -> None:
        self._engine = engine
        self._poll_s = poll_s
        self._rest_s = rest_s
        self._events_came = threading.Event()
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name="engine", daemon=True)

    def start(self) -> None:
        """Begin to look."""
        self._thread.start()

    def stop(self) -> None:
        """Finish the look under way, then end."""
        self._stopping.set()
        self._events_came.set()
        self._thread.join()

    def wake(self) -> None:
        """Say that new events are stored."""
        self._events_came.set()

    def _run(self) -> None:
        fetch_at = time.monotonic()
        while not self._stopping.is_set():
            try:
                if time.monotonic() >= fetch_at:
                    self._engine.refresh()
                    fetch_at = time.monotonic() + self._poll_s
                self._engine.look()
            except Exception:
                # The loop must outlive any single failure: a dead engine would watch nobody.
                log.exception("the engine stumbled; it goes on after a pause")
                self._stopping.wait(self._poll_s)
            self._stopping.wait(self._rest_s)
            self._events_came.wait(max(0.0, fetch_at - time.monotonic()))
            self._events_came.clear()
