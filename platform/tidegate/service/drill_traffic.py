"""Synthetic units for a drill: all come to the agent, and those that meet the copy are harmed."""

from collections.abc import Iterable, Iterator
from typing import Final

from tidegate.domain.drill import Casting
from tidegate.domain.events import Event, StoredEvent, attribute
from tidegate.service.assigning import Answer, Assigner

_IN_A_BATCH: Final = 2000
"""Units that come at most before their events are sent."""


class Traffic:
    """Units that come one after another.

    Args:
        assigner: says what each is served.
        casting: what the copy harms.

    Attributes:
        units: how many came.
        harmed: those that met the copy.
    """

    def __init__(self, assigner: Assigner, casting: Casting) -> None:
        self._assigner = assigner
        self._casting = casting
        self.units = 0
        self.harmed: list[str] = []

    def batch(self) -> list[StoredEvent]:
        """The events of the next units, up to one that meets the copy."""
        events: list[StoredEvent] = []
        for _ in range(_IN_A_BATCH):
            unit = f"drill-{self.units}"
            self.units += 1
            answer = self._assigner.assign(self._casting.agent, unit, {})
            is_harmed = answer.assignment.version == self._casting.copy
            events += self._events(answer, is_harmed=is_harmed)
            if is_harmed:
                self.harmed.append(unit)
                break
        return events

    def served(self, units: Iterable[str]) -> list[Answer]:
        """What units are served now, without an event."""
        return [self._assigner.assign(self._casting.agent, unit, {}) for unit in units]

    def _events(self, answer: Answer, *, is_harmed: bool) -> Iterator[StoredEvent]:
        yield answer.exposure({}, None)
        casting, unit = self._casting, answer.assignment.unit
        if casting.kind == "safety" and not is_harmed:
            return
        yield attribute(
            Event(
                event_id=f"{unit}/{casting.guardrail}",
                unit=unit,
                agent=casting.agent,
                kind="safety" if casting.kind == "safety" else "outcome",
                name=casting.guardrail,
                value=None if casting.kind == "safety" else float(not is_harmed),
            ),
            answer.release,
        )
