"""One client process: asks which version each unit gets, and reports what that version did.

Run as `python -m tidegate.demo.clients ASSIGNMENT.json`. It knows nothing of the service but its
address; what a version does with a unit it takes from the cases.
"""

import signal
import sys
import time
from pathlib import Path
from types import FrameType
from typing import Any

import msgspec

from tidegate.demo.cases import Cases, Outcome
from tidegate_sdk import Client

_SAFETY = {
    Outcome.PROMPT_INJECTION: "prompt_injection",
    Outcome.ERROR: "error",
    Outcome.UNEXPECTED_TOOL: "unexpected_tool",
}


class Shift(msgspec.Struct, frozen=True, kw_only=True):
    """What one client process has to do.

    Attributes:
        units: this process takes unit numbers first, first + stride, … below last.
        pace: units per second; 0 is as fast as it goes.
        batch: units between two reports.
    """

    url: str
    agent: str
    cases: Cases
    first: int
    last: int
    stride: int
    pace: float = 0.0
    batch: int = 20


class _Stop:
    """Set by SIGTERM: finish the batch under way, then end."""

    def __init__(self) -> None:
        self.requested = False
        signal.signal(signal.SIGTERM, self._request)

    def _request(self, _signal: int, _frame: FrameType | None) -> None:
        self.requested = True


def work(shift: Shift, stop: _Stop) -> None:
    """Take the shift's units one by one, reporting in batches."""
    began = time.monotonic()
    with Client(shift.url, patience_s=60.0) as client:
        reports: list[dict[str, Any]] = []
        for done, number in enumerate(range(shift.first, shift.last, shift.stride), start=1):
            reports += _serve(client, shift, number)
            if done % shift.batch == 0:
                client.send(reports)
                reports = []
                if stop.requested:
                    return
            if shift.pace:
                time.sleep(max(0.0, began + done / shift.pace - time.monotonic()))
        if reports:
            client.send(reports)


def _serve(client: Client, shift: Shift, number: int) -> list[dict[str, Any]]:
    unit = f"unit-{shift.cases.seed}-{number}"
    given = client.assign(shift.agent, unit, expose=False)
    common = {"unit": unit, "agent": shift.agent, "version": given["version"]}
    exposure = common | {
        "event_id": given["exposure_id"],
        "kind": "exposure",
        "manifest_commit": given["manifest_commit"],
    }
    reports = _reports(shift.cases.outcome(given["version"], number))
    return [exposure] + [
        common | {"event_id": f"{unit}/{name}", "kind": kind, "name": name, "value": value}
        for kind, name, value in reports
    ]


def _reports(outcome: Outcome) -> list[tuple[str, str, float]]:
    """The events of an outcome; a crash leaves no word about the goal."""
    safety = [("safety", name, 1.0) for flag, name in _SAFETY.items() if flag in outcome]
    if Outcome.ERROR in outcome:
        return safety
    return [*safety, ("outcome", "goal", 1.0 if Outcome.GOAL in outcome else 0.0)]


if __name__ == "__main__":
    work(msgspec.json.decode(Path(sys.argv[1]).read_bytes(), type=Shift), _Stop())
