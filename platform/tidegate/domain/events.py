"""What agents report: one event a line, each checked on its own."""

import math
from datetime import UTC, datetime
from typing import Any, Literal

import msgspec

from tidegate.domain.errors import InvalidEvent
from tidegate.domain.release import Release

Kind = Literal["exposure", "outcome", "safety", "tool_call", "score"]
_LONGEST_TEXT = 256
_YEAR_3000 = 32_503_680_000.0


class Event(msgspec.Struct, frozen=True, kw_only=True):
    """One thing that happened to one unit.

    Attributes:
        event_id: made by the client; a second event with the same id is a duplicate.
        kind: exposure, outcome (value 1 is success, 0 is failure), safety, tool_call or score.
        name: which outcome or safety event; empty for an exposure.
        ts: when it happened, by the client's clock; arrival order is what counts.
        version: the version the client believes it ran; checked, never believed.
        manifest_commit: for an exposure, the commit the assignment came from.
    """

    event_id: str
    unit: str
    agent: str
    kind: Kind
    name: str = ""
    value: float | None = None
    ts: datetime | float | None = None
    conversation: str | None = None
    version: str | None = None
    manifest_commit: str | None = None
    attributes: dict[str, Any] | None = None


class StoredEvent(msgspec.Struct, frozen=True, kw_only=True):
    """An event with what the service knows about it; the store adds `seq` and the time of arrival.

    Attributes:
        rollout, step, share_ppm, arm: for an exposure, recomputed from the unit and the commit.
    """

    event: Event
    environment: str
    manifest_commit: str | None = None
    rollout: str | None = None
    step: int | None = None
    share_ppm: int | None = None
    arm: str | None = None


def check(raw: Any) -> Event:
    """The event that one decoded line holds.

    Raises:
        InvalidEvent: it is none; the message names the field.
    """
    try:
        event = msgspec.convert(raw, Event)
    except msgspec.ValidationError as error:
        raise InvalidEvent(str(error)) from error
    for field, text in (("event_id", event.event_id), ("unit", event.unit), ("agent", event.agent)):
        if not 0 < len(text) <= _LONGEST_TEXT:
            raise InvalidEvent(
                f"{field} must have 1 to {_LONGEST_TEXT} characters, has {len(text)}"
            )
    _check_instant(event.ts)
    if event.kind in ("outcome", "safety") and not event.name:
        raise InvalidEvent(f"an event of kind {event.kind!r} needs a name")
    if event.kind == "outcome" and event.value not in (0.0, 1.0):
        raise InvalidEvent(
            f"an outcome needs value 1 (success) or 0 (failure), not {event.value}; "
            "amounts, times and judgements are events of kind score"
        )
    if event.kind == "score" and not (event.value is not None and math.isfinite(event.value)):
        raise InvalidEvent(f"a score needs a finite value, not {event.value}")
    return event


def _check_instant(ts: datetime | float | None) -> None:
    """An instant that can be stored: from 1970 to 3000, whatever its zone makes of it."""
    seconds = ts if isinstance(ts, float) else None
    if isinstance(ts, datetime):
        try:
            seconds = (ts if ts.tzinfo else ts.replace(tzinfo=UTC)).timestamp()
        except (OverflowError, ValueError) as error:
            raise InvalidEvent(f"ts is no instant that can be stored: {ts}") from error
    if seconds is not None and not 0.0 <= seconds < _YEAR_3000:
        raise InvalidEvent(f"ts must be seconds since 1970 or an RFC 3339 text, not {ts}")


def attribute(event: Event, release: Release) -> StoredEvent:
    """An event with the arm that its unit has at `release`, if it is an exposure."""
    if event.kind != "exposure":
        return StoredEvent(event=event, environment=release.environment)
    return StoredEvent(
        event=event,
        environment=release.environment,
        manifest_commit=release.commit,
        rollout=release.rollout,
        step=release.step,
        share_ppm=release.traffic.share_ppm,
        arm=release.arm(event.unit, event.attributes or {}),
    )
