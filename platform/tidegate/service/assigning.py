"""Which version does a unit get? What the manifest says, and who stays on what they met."""

import threading
from collections import OrderedDict
from collections.abc import Mapping
from datetime import datetime, timedelta

import msgspec

from tidegate.domain.assignment import Assignment, assign, staying
from tidegate.domain.events import Event, StoredEvent
from tidegate.domain.release import Release
from tidegate.domain.state import Phase
from tidegate.service.ports import Clock, Conversations, EventStore
from tidegate.service.served_manifest import ServedManifest

_REMEMBERED_CONVERSATIONS = 100_000
_LATE_EXPOSURES = timedelta(seconds=1)  # between readings of who met a frozen version


class Answer(msgspec.Struct, frozen=True, kw_only=True):
    """An assignment, and the release that it was read from."""

    assignment: Assignment
    release: Release

    def exposure(self, attributes: Mapping[str, object], conversation: str | None) -> StoredEvent:
        """The event that the unit meets the version."""
        found, release = self.assignment, self.release
        return StoredEvent(
            event=Event(
                event_id=found.exposure_id,
                unit=found.unit,
                agent=found.agent,
                kind="exposure",
                version=found.version,
                conversation=conversation,
                attributes=dict(attributes) or None,
            ),
            environment=found.environment,
            manifest_commit=found.manifest_commit,
            rollout=found.rollout,
            step=found.step,
            share_ppm=release.traffic.share_ppm,
            arm=found.arm,
        )


class _Enrolled(msgspec.Struct, frozen=True):
    """Units that met a frozen version, as far as was known at an instant."""

    rollout: str
    read_at: datetime
    units: frozenset[str]


class Assigner:
    """Answers for one environment.

    Args:
        manifest: what is served.
        events: knows who met a version whose enrolment is frozen.
        conversations: knows on which version a conversation began.
        clock: the time.
    """

    def __init__(
        self,
        manifest: ServedManifest,
        events: EventStore,
        conversations: Conversations,
        clock: Clock,
    ) -> None:
        self._manifest = manifest
        self._events = events
        self._conversations = conversations
        self._clock = clock
        self._pins: OrderedDict[tuple[str, str], str] = OrderedDict()
        self._enrolled: dict[str, _Enrolled] = {}
        self._lock = threading.Lock()
        self._beginning = threading.Lock()

    def assign(
        self,
        agent: str,
        unit: str,
        attributes: Mapping[str, object],
        conversation: str | None = None,
    ) -> Answer:
        """The version of a unit.

        Args:
            agent: name of the agent.
            unit: the targeting key.
            attributes: what is known of the unit.
            conversation: where INTENT pins conversations: it ends on the version it began on.

        Raises:
            UnknownAgent: the agent has no release here.
        """
        release = self._manifest.release(agent)
        found = assign(release, unit, attributes)
        candidate = release.traffic.candidate
        if release.traffic.frozen and candidate is not None and self._has_met(release, unit):
            found = _staying(release, found, candidate, "frozen")
        elif conversation is not None and release.intent.pin == "conversation":
            found = self._pinned(release, found, conversation)
        return Answer(assignment=found, release=release)

    def _has_met(self, release: Release, unit: str) -> bool:
        """Whether a unit met the candidate before enrolment was frozen.

        Nobody does any more, but an exposure may be reported late.
        """
        known, now = self._enrolled.get(release.agent), self._clock.now()
        if known is not None and known.rollout == release.rollout:
            if unit in known.units:
                return True
            if now - known.read_at < _LATE_EXPOSURES:
                return False
        units = self._events.enrolled(release.rollout)
        self._enrolled[release.agent] = _Enrolled(release.rollout, now, units)
        return unit in units

    def _pinned(self, release: Release, found: Assignment, conversation: str) -> Assignment:
        began_on = self._began_on(release, conversation, found.version)
        if began_on == found.version:
            return found
        if is_recalled(release, began_on):
            self._begin(release, conversation, found.version)
            return found
        return _staying(release, found, began_on, "pinned")

    def _began_on(self, release: Release, conversation: str, version: str) -> str:
        """The version a conversation began on; it begins now if it has not."""
        key = (release.agent, conversation)
        known = self._remembered(key)
        if known is not None:
            return known
        with self._beginning:  # two units may begin one conversation at the same moment
            known = self._remembered(key)
            if known is None:
                known = self._conversations.version_of(
                    release.environment, release.agent, conversation
                ) or self._begin(release, conversation, version)
                self._remember(key, known)
            return known

    def _begin(self, release: Release, conversation: str, version: str) -> str:
        began_on = self._conversations.begin(
            release.environment, release.agent, conversation, version, self._clock.now()
        )
        self._remember((release.agent, conversation), began_on)
        return began_on

    def _remembered(self, key: tuple[str, str]) -> str | None:
        with self._lock:
            return self._pins.get(key)

    def _remember(self, key: tuple[str, str], version: str) -> None:
        with self._lock:
            self._pins[key] = version
            while len(self._pins) > _REMEMBERED_CONVERSATIONS:
                self._pins.popitem(last=False)


def _staying(release: Release, found: Assignment, version: str, grounds: str) -> Assignment:
    """A unit that stays on a version it met before.

    Its exposure has an id of its own: when the unit meets the version of its arm in the same stage,
    in another conversation, that must not pass for a repetition.
    """
    stays = staying(release, found, version, grounds)
    return msgspec.structs.replace(stays, exposure_id=f"{found.exposure_id}-{grounds}")


def is_recalled(release: Release, version: str) -> bool:
    """Whether conversations must leave a version: it was rolled back for harm, or is being so."""
    if release.state is not None and release.state.marks_bad(version):
        return not release.intent.force
    overridden = release.traffic.phase is Phase.ROLLED_BACK
    return overridden and version != release.traffic.baseline
