"""Taking events in: each line checked on its own, many requests written in one transaction.

A request waits until its events are on disk; requests that arrive while a transaction is being
written share the next one. What waits is bounded: beyond the bound a request is refused at once.
"""

import logging
import queue
import threading
from collections import Counter
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from typing import Any

import msgspec

from tidegate.domain.errors import (
    IngestOverloaded,
    InvalidEvent,
    InvalidManifest,
    UnknownAgent,
    UnknownCommit,
)
from tidegate.domain.events import Event, StoredEvent, attribute, check
from tidegate.domain.release import Release
from tidegate.service.ports import Clock, EventStore
from tidegate.service.served_manifest import ServedManifest

log = logging.getLogger(__name__)
MOST_WAITING = 200_000
"""Events that may wait to be written before requests are refused."""
_MOST_IN_ONE_TRANSACTION = 20_000


class Rejection(msgspec.Struct, frozen=True):
    """Why one line of a batch was not taken, or deserves a second look."""

    index: int
    reason: str


class CheckedBatch(msgspec.Struct, frozen=True, kw_only=True):
    """A batch after each of its lines was looked at.

    Attributes:
        warnings: lines that are stored although nothing counts them, perhaps by a slip of the pen.
    """

    events: list[StoredEvent]
    rejections: list[Rejection]
    warnings: list[Rejection]


class _Waiting(msgspec.Struct, frozen=True):
    events: list[StoredEvent]
    written: "Future[int]"


class EventWriter:
    """Writes what is submitted, in order of arrival, from one thread of its own.

    Args:
        store: the event log.
        clock: stamps the time of arrival.
        on_written: called after each transaction, from the writer's thread.
    """

    def __init__(self, store: EventStore, clock: Clock, on_written: Callable[[], None]) -> None:
        self._store = store
        self._clock = clock
        self._on_written = on_written
        self._queue: queue.SimpleQueue[_Waiting | None] = queue.SimpleQueue()
        self._waiting = 0
        self._lock = threading.Lock()
        self._thread = threading.Thread(target=self._run, name="event-writer", daemon=True)
        self.counters: Counter[str] = Counter()

    def start(self) -> None:
        """Begin to write."""
        self._thread.start()

    def stop(self) -> None:
        """Write what still waits, then end."""
        self._queue.put(None)
        self._thread.join()

    def submit(self, events: list[StoredEvent]) -> "Future[int]":
        """Queue events for writing.

        Returns:
            A future of the number of new events, done once they are on disk.

        Raises:
            IngestOverloaded: too much is waiting already; nothing was queued.
        """
        with self._lock:
            if self._waiting + len(events) > MOST_WAITING:
                self.counters["overloaded"] += 1
                raise IngestOverloaded(self._waiting)
            self._waiting += len(events)
            waiting = _Waiting(events, Future())
            self._queue.put(waiting)
        return waiting.written

    def _run(self) -> None:
        while True:
            first = self._queue.get()
            if first is None:
                return
            group, stop = self._gather(first)
            self._write(group)
            if stop:
                return

    def _gather(self, first: _Waiting) -> tuple[list[_Waiting], bool]:
        """Everything that waits by now, up to one transaction's worth; and whether to stop."""
        group, size = [first], len(first.events)
        while size < _MOST_IN_ONE_TRANSACTION:
            try:
                following = self._queue.get_nowait()
            except queue.Empty:
                return group, False
            if following is None:
                return group, True
            group.append(following)
            size += len(following.events)
        return group, False

    def _write(self, group: list[_Waiting]) -> None:
        try:
            accepted = self._store.append([each.events for each in group], self._clock.now())
        except Exception as error:
            # Whatever it is: the writer must outlive it, and who waits must be told.
            log.exception("nothing was stored")
            for each in group:
                each.written.set_exception(error)
            return
        finally:
            with self._lock:
                self._waiting -= sum(len(each.events) for each in group)
        for each, count in zip(group, accepted, strict=True):
            self.counters["accepted"] += count
            self.counters["duplicate"] += len(each.events) - count
            each.written.set_result(count)
        self._on_written()


def check_batch(lines: Sequence[Any], manifest: ServedManifest) -> CheckedBatch:
    """Check each decoded line of a batch and attribute its exposures.

    Args:
        lines: decoded JSON values, or an `InvalidEvent` where a line was no JSON.
        manifest: knows the agents, and the releases that exposures refer to.
    """
    events: list[StoredEvent] = []
    rejections: list[Rejection] = []
    warnings: list[Rejection] = []
    for index, line in enumerate(lines):
        try:
            if isinstance(line, InvalidEvent):
                raise line
            event = check(line)
            release = manifest.release(event.agent)
            events.append(_attributed(event, release, manifest))
            if event.kind in ("safety", "outcome") and event.name not in release.watched:
                warnings.append(Rejection(index, _uncounted(event, release)))
        except (InvalidEvent, UnknownAgent, UnknownCommit, InvalidManifest) as error:
            rejections.append(Rejection(index, str(error)))
    return CheckedBatch(events=events, rejections=rejections, warnings=_folded(warnings))


def _folded(warnings: list[Rejection]) -> list[Rejection]:
    """One warning for each reason, at the first line that it is about."""
    first: dict[str, int] = {}
    lines: Counter[str] = Counter()
    for each in warnings:
        first.setdefault(each.reason, each.index)
        lines[each.reason] += 1
    return [
        Rejection(index, reason if lines[reason] == 1 else f"{reason} ({lines[reason]} lines)")
        for reason, index in first.items()
    ]


def _uncounted(event: Event, release: Release) -> str:
    known = ", ".join(release.watched)
    return f"stored, but nothing counts {event.name!r} for {event.agent!r}; it watches {known}"


def _attributed(event: Event, release: Release, manifest: ServedManifest) -> StoredEvent:
    if event.kind == "exposure" and event.manifest_commit not in (None, release.commit):
        release = manifest.release_at(event.agent, event.manifest_commit or release.commit)
    return attribute(event, release)
