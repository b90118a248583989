"""The roll-ups once more, event by event, as plainly as their rules are written, to compare."""

from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from typing import NamedTuple

from tidegate.domain.at_risk import RiskSet
from tidegate.domain.events import Event, Kind, StoredEvent
from tidegate.domain.evidence import ArmCounts, StageCounts

BEGAN = datetime(2026, 1, 1, tzinfo=UTC)
TOLERATED = timedelta(seconds=10)
"""By how much an exposure may seem to come after what happened because of it."""


def at(seconds: float) -> datetime:
    """An instant so many seconds into the test."""
    return BEGAN + timedelta(seconds=seconds)


def exposure(  # noqa: PLR0913 - an exposure has as many parts
    unit: str,
    arm: str | None = "candidate",
    *,
    step: int = 0,
    share_ppm: int | None = None,
    rollout: str = "r",
    ts: datetime | None = None,
    number: int = 0,
) -> StoredEvent:
    """An exposure; by default each step has a share of its own."""
    share = 10_000 * (step + 1) if share_ppm is None else share_ppm
    event_id = f"{unit}/{rollout}/{step}/{arm}/{share}/{number}"
    return StoredEvent(
        event=Event(event_id=event_id, unit=unit, agent="a", kind="exposure", ts=ts),
        environment="e",
        rollout=rollout,
        step=step,
        share_ppm=share,
        arm=arm,
        manifest_commit="c",
    )


def report(
    unit: str,
    name: str = "error",
    value: float | None = None,
    *,
    ts: datetime | None = None,
    number: int = 0,
    agent: str = "a",
) -> StoredEvent:
    """An incident or, with a value, an outcome."""
    kind: Kind = "safety" if value is None else "outcome"
    event_id = f"{agent}/{unit}/{name}/{number}"
    event = Event(
        event_id=event_id, unit=unit, agent=agent, kind=kind, name=name, value=value, ts=ts
    )
    return StoredEvent(event=event, environment="e")


class Met(NamedTuple):
    """A unit's first exposure of one kind."""

    seq: int
    received: datetime
    happened: datetime
    rollout: str
    unit: str
    step: int
    share_ppm: int
    arm: str | None


class Told(NamedTuple):
    """A unit's first report of one kind in a rollout, and the place it falls to."""

    seq: int
    received: datetime
    met: Met
    kind: str
    name: str
    value: float | None


class NaiveRollups:
    """What `adapters.rollups` must find."""

    def __init__(self) -> None:
        self._seq = 0
        self._known: set[str] = set()
        self._met: dict[tuple[object, ...], Met] = {}
        self._told: dict[tuple[object, ...], Told] = {}

    def take_in(self, events: Iterable[StoredEvent], received: datetime) -> None:
        for each in events:
            if each.event.event_id not in self._known:
                self._known.add(each.event.event_id)
                self._seq += 1
                self._take_in(each, received)

    def _take_in(self, stored: StoredEvent, received: datetime) -> None:
        event = stored.event
        assert event.ts is None or isinstance(event.ts, datetime)
        happened = received if event.ts is None else min(event.ts, received)
        if event.kind == "exposure":
            place = (stored.rollout, event.unit, stored.step, stored.share_ppm, stored.arm)
            rollout, unit, step, share, arm = place
            self._met.setdefault(
                place,
                Met(self._seq, received, happened, str(rollout), unit, step or 0, share or 0, arm),
            )
            return
        met = [each for each in self._met.values() if each.unit == event.unit]
        before = [each for each in met if each.happened <= happened + TOLERATED]
        if not met:
            return
        latest = max(before) if before else min(met)
        key = (latest.rollout, event.unit, event.kind, event.name, latest.arm is None)
        told = Told(self._seq, received, latest, event.kind, event.name, event.value)
        self._told.setdefault(key, told)

    def stages(self, rollout: str, now: datetime, window_s: int) -> tuple[StageCounts, ...]:
        return _Comparison(
            met=sorted(m for m in self._met.values() if m.rollout == rollout and m.arm),
            told=sorted(t for t in self._told.values() if t.met.rollout == rollout and t.met.arm),
            closed_before=now - timedelta(seconds=window_s),
            window=timedelta(seconds=window_s),
        ).stages()

    def risk_sets(self, rollout: str, name: str) -> tuple[RiskSet, ...]:
        """Units of the stage without an incident before, one set for each first incident."""
        met = [m for m in self._met.values() if m.rollout == rollout and m.arm]
        told = [t for t in self._told.values() if t.met.rollout == rollout and t.met.arm]
        incidents = sorted(t for t in told if (t.kind, t.name) == ("safety", name))
        sets = []
        for each in incidents:
            gone = {earlier.met.unit for earlier in incidents if earlier.seq < each.seq}
            at_risk = [
                m.arm
                for m in met
                if m.step == each.met.step and m.seq < each.seq and m.unit not in gone
            ]
            on_candidate = each.met.arm == "candidate"
            arms = at_risk.count("candidate"), at_risk.count("baseline")
            sets.append(RiskSet(each.met.step, on_candidate, *arms))
        return tuple(sets)

    def afterwards(
        self, rollout: str, name: str, *, since: datetime, closed_before: datetime
    ) -> tuple[tuple[int, int], ...]:
        """Runs of units since everyone has the version, told unit by unit."""
        met = sorted(
            m for m in self._met.values() if (m.rollout, m.arm, m.share_ppm) == (rollout, None, 0)
        )
        runs, clean = [], 0
        for each in met:
            if not since <= each.received < closed_before:
                continue
            told = self._told.get((rollout, each.unit, "safety", name, True))
            if told is not None and told.seq > each.seq:
                runs.append((clean, 1))
                clean = 0
            else:
                clean += 1
        return (*runs, (clean, 0)) if clean else tuple(runs)


class _Comparison(NamedTuple):
    """Compared exposures and reports of one rollout, in order of arrival, at one instant."""

    met: list[Met]
    told: list[Told]
    closed_before: datetime
    window: timedelta

    def stages(self) -> tuple[StageCounts, ...]:
        shares = {each.step: each.share_ppm for each in self.met}
        return tuple(
            StageCounts(
                step=step,
                share_ppm=share,
                baseline=self._counts(step, "baseline"),
                candidate=self._counts(step, "candidate"),
            )
            for step, share in sorted(shares.items())
        )

    def _counts(self, step: int, arm: str) -> ArmCounts:
        members = [m for m in self.met if (m.step, m.arm) == (step, arm)]
        new = [m for m in members if m == self._first(m.unit)]
        told = [t for t in self.told if (t.met.step, t.met.arm) == (step, arm)]
        incidents = [t.name for t in told if t.kind == "safety"]
        won = [t.name for t in told if self._settled(t) and t.value == 1.0]
        lost = [t.name for t in told if self._settled(t) and t.value == 0.0]
        goals = {*won, *lost}
        return ArmCounts(
            units=len(members),
            newcomers=len(new),
            matured=sum(self._closed(m) or self._has(m.unit, "outcome") for m in new),
            closed=sum(self._closed(m) for m in new),
            reported=sum(self._closed(m) and self._heard_of_in_time(m) for m in new),
            incidents={name: incidents.count(name) for name in set(incidents)},
            successes={name: won.count(name) for name in goals},
            failures={name: lost.count(name) for name in goals},
        )

    def _first(self, unit: str) -> Met:
        return next(m for m in self.met if m.unit == unit)

    def _closed(self, met: Met) -> bool:
        return met.received < self.closed_before

    def _has(self, unit: str, kind: str, name: str | None = None) -> bool:
        mine = [t for t in self.told if (t.met.unit, t.kind) == (unit, kind)]
        return any(name in (None, t.name) for t in mine)

    def _heard_of_in_time(self, met: Met) -> bool:
        heard_of = [
            t.received
            for t in self.told
            if t.met.unit == met.unit and (t.kind == "outcome" or t.name == "error")
        ]
        return bool(heard_of) and min(heard_of) <= met.received + self.window

    def _settled(self, told: Told) -> bool:
        """An outcome to which no unit that came before may still add one."""
        if told.kind != "outcome":
            return False
        mine = self._first(told.met.unit)
        earlier = [m for m in self.met if m == self._first(m.unit) and m.seq < mine.seq]
        return all(
            self._closed(m)
            or self._has(m.unit, "outcome", told.name)
            or self._has(m.unit, "safety", "error")
            for m in earlier
        )
