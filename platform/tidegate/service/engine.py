"""The engine: look at each rollout, decide, write the decision back to git.

git is the commit point. A decision is taken on one head and pushed only if the remote is still
there; if someone pushed first, it is taken again from scratch, never rebased. A crash between push
and bookkeeping loses nothing, because the bookkeeping is always read back from git.
"""

import logging
import random
import threading
import time
from datetime import UTC, datetime, timedelta

from tidegate.domain.decision import Decision, Verdict, decide
from tidegate.domain.errors import HeadMoved, RemoteUnreachable, RepositoryError, TidegateError
from tidegate.domain.evidence import Clock as Instants
from tidegate.domain.evidence import Evidence
from tidegate.domain.journal import Look, Override
from tidegate.domain.record import DecisionRecord
from tidegate.domain.release import Release
from tidegate.domain.state import Phase
from tidegate.domain.watch import decide_watch
from tidegate.domain.write_back import commits_of, needs_settling, record_of, settle_of, start_of
from tidegate.service.decision_index import DecisionIndex
from tidegate.service.gathering import EvidenceGatherer
from tidegate.service.ports import (
    Clock,
    ControlDatabase,
    EventStore,
    ManifestRepository,
)
from tidegate.service.served_manifest import ServedManifest

log = logging.getLogger(__name__)
_TRIES = 5
_JITTER_S = 0.05
_PUSH_PAUSE_S = 2.0
_WATCH_PAUSE = timedelta(seconds=1)
_LONG_AGO = datetime(1970, 1, 1, tzinfo=UTC)


class Engine:
    """Looks at the rollouts of one environment.

    Args:
        repository: where decisions are written.
        manifest: what is served; the engine alone refreshes it.
        events: the evidence.
        control: looks and overrides.
        clock: the time.
    """

    def __init__(
        self,
        repository: ManifestRepository,
        manifest: ServedManifest,
        events: EventStore,
        control: ControlDatabase,
        clock: Clock,
    ) -> None:
        self._repository = repository
        self._manifest = manifest
        self._events = events
        self._control = control
        self._clock = clock
        self._index = DecisionIndex(repository, control)
        self._gather = EvidenceGatherer(events)
        self._seen: dict[str, int] = {}
        self._watched_at: dict[str, datetime] = {}
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
        if record is not None and unreadable and record.decision.verdict is not Verdict.ROLL_BACK:
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
        under_way = release.in_rollout or release.traffic.phase is Phase.COMPLETED
        return self._look_at(release, self._events.last_seq()) if under_way else None

    def _overridden(self, release: Release, override: Override) -> DecisionRecord | None:
        """The rollback that is in force, as long as git does not have it.

        It is decided on the same events as then: later ones must not talk it out of being recorded.
        """
        known = self._control.decisions(override.rollout)
        if any(each.verdict == Verdict.ROLL_BACK.value for each in known):
            return None  # git has it, but head cannot be read yet: the override goes on
        return self._look_at(release, override.seq)

    def _look_at(self, release: Release, seq: int) -> DecisionRecord | None:
        state, now = release.state, self._clock.now()
        if state is None:
            return None
        clock = Instants(
            now=now, step_started=state.step_started or now, rollout_started=state.started
        )
        if state.phase is Phase.COMPLETED:
            return self._watch(release, seq, clock)
        evidence = self._gather.evidence(release, state, seq, now)
        decision = decide(release.policy, evidence, clock)
        if self._seen.get(release.rollout) != seq:
            self._seen[release.rollout] = seq
            self._control.add_look(_look(release, decision, evidence, clock))
        if decision.verdict is Verdict.HOLD:
            return None
        return record_of(release, decision, evidence, clock)

    def _watch(self, release: Release, seq: int, clock: Instants) -> DecisionRecord | None:
        """Look at a version that everyone has, now and then: windows close without new events."""
        since = clock.now - self._watched_at.get(release.rollout, _LONG_AGO)
        if since < _WATCH_PAUSE or clock.in_step_s >= release.policy.watch.duration_s:
            return None
        self._watched_at[release.rollout] = clock.now
        evidence = self._gather.watch_evidence(release, seq, clock.now)
        decision = decide_watch(release.policy, evidence, clock)
        if decision.verdict is Verdict.HOLD:
            return None
        return record_of(release, decision, evidence, clock)

    def _write_back(self, release: Release, record: DecisionRecord) -> None:
        rolls_back = record.decision.verdict is Verdict.ROLL_BACK
        if rolls_back:
            self._halt(release, record)
        head = self._manifest.current.served
        rewritten = "" in self._manifest.current.problems
        if head is None or rewritten or time.monotonic() < self._publish_after:
            return
        deploy = self._manifest.deploy_of(release) if rolls_back else None
        published = self._repository.publish(head, commits_of(release, record, deploy))
        log.info("%s: %s, %s", release.agent, record.decision.rule, record.decision.reason)
        self._settle_books(record, published)
        if rolls_back:
            self._read_back(release)

    def _halt(self, release: Release, record: DecisionRecord) -> None:
        """Stop the harm before anything that can fail: git comes second."""
        self._control.add_override(
            Override(
                rollout=release.rollout,
                reason=record.decision.reason,
                seq=record.evidence.seq,
                at=self._clock.now(),
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


def _look(release: Release, decision: Decision, evidence: Evidence, clock: Instants) -> Look:
    return Look(
        rollout=release.rollout,
        at=clock.now,
        seq=evidence.seq,
        step=evidence.step,
        share_ppm=release.traffic.share_ppm,
        units=evidence.units,
        candidate_units=evidence.candidate_units,
        verdict=decision.verdict.value,
        rule=decision.rule,
        reason=decision.reason,
        log_e_values={each.guardrail: each.log_e_harm for each in decision.assessments},
        log_thresholds={each.guardrail: each.log_harm_threshold for each in decision.assessments},
    )
