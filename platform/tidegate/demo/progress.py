"""Live progress of a rollout on the terminal."""

import math
from types import TracebackType
from typing import Any, Self

from rich.console import Console
from rich.live import Live
from rich.text import Text

from tidegate.domain.quantities import percent

_BAR = 24


class Progress:
    """One line that moves, and one that stays for each step; without a terminal only the latter."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._live = Live(console=console, transient=True, auto_refresh=False)
        self._last: tuple[str, int] | None = None

    def say(self, message: str) -> None:
        """A line that stays."""
        self._console.print(f"   {message}")

    def update(self, detail: dict[str, Any]) -> None:
        """Show where the rollout stands."""
        rollout = detail["rollout"]
        place = (rollout["phase"], rollout["share_ppm"])
        if place != self._last:
            self._last = place
            self.say(_step_line(rollout))
        if self._console.is_terminal:
            self._live.update(Text(_live_line(detail)), refresh=True)

    def __enter__(self) -> Self:
        if self._console.is_terminal:
            self._live.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self._console.is_terminal:
            self._live.stop()


def _step_line(rollout: dict[str, Any]) -> str:
    at = f" at {percent(rollout['share_ppm'])}" if rollout["share_ppm"] else ""
    return (
        f"{rollout['phase']}{at}: {rollout['units']} units so far, "
        f"{rollout['candidate_units']} on {rollout['candidate']}"
    )


def _live_line(detail: dict[str, Any]) -> str:
    rollout = detail["rollout"]
    bars = "  ".join(_bar(each) for each in detail["assessments"])
    return f"   {rollout['units']:>6} units  {percent(rollout['share_ppm']):>5}  {bars}"


def _bar(assessment: dict[str, Any]) -> str:
    """How far the e-value is on its way from 1 to its threshold, on the log scale."""
    way = max(0.0, assessment["log_e_harm"]) / assessment["log_harm_threshold"]
    full = min(_BAR // 4, math.floor(way * _BAR / 4))
    return f"{assessment['guardrail']} {'█' * full}{'·' * (_BAR // 4 - full)}"
