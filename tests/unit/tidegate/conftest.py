"""Releases, policies and evidence of one small agent, with what a test wants changed."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import msgspec
import pytest

from planned import planned_checkout
from tidegate.domain.canary import Canary, Pause, Step
from tidegate.domain.decision import Decision, Verdict
from tidegate.domain.evidence import ArmCounts, Clock, Evidence, StageCounts
from tidegate.domain.installation import Budgets
from tidegate.domain.intent import AgentRelease, Strategy
from tidegate.domain.metrics import Guardrail
from tidegate.domain.policy import Policy
from tidegate.domain.record import DecisionRecord
from tidegate.domain.release import Release
from tidegate.domain.state import Phase, ReleaseState
from tidegate.domain.traffic import traffic_of

DEPLOY = "d" * 40
STARTED = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)
STEPS = (
    Step(set_weight="1%", min_units=1000, pause=Pause(duration="10m")),
    Step(set_weight="10%", min_units=2000, certify=True),
    Step(set_weight="100%"),
)

Make = Callable[..., Any]


@pytest.fixture
def policy() -> Policy:
    """Two guardrails, three steps: the first asks for units and time, the second certifies."""
    return Policy(
        budgets=Budgets(),
        guardrails=(Guardrail(name="error"), Guardrail(name="resolved", kind="outcome")),
        steps=STEPS,
    )


@pytest.fixture
def intent() -> AgentRelease:
    """People want v2."""
    return AgentRelease(
        agent="support", version="v2", strategy=Strategy(canary=Canary(steps=STEPS))
    )


@pytest.fixture
def state() -> ReleaseState:
    """The engine has v2 at 1 %, v1 is stable."""
    return ReleaseState(
        agent="support",
        attempt=DEPLOY,
        phase=Phase.PROGRESSING,
        stable="v1",
        candidate="v2",
        step=0,
        weight=10_000,
        salt="support:dddddddddddd",
        step_started=STARTED,
        window=("v1", "v0"),
    )


@pytest.fixture
def make_release(policy: Policy, intent: AgentRelease, state: ReleaseState) -> Make:
    """A release; STATE's fields by name, or `state=None`."""

    def make(
        *,
        attempt: str = DEPLOY,
        previous: str | None = "v1",
        commit: str = "c" * 40,
        **changes: Any,
    ) -> Release:
        wanted = changes.pop("intent", intent)
        known = changes.pop("state", state)
        if changes:
            known = msgspec.structs.replace(known, **changes)
        return Release(
            environment="production",
            agent="support",
            commit=commit,
            attempt=attempt,
            intent=wanted,
            state=known,
            traffic=traffic_of(wanted, known, attempt, previous),
            policy=policy,
            watched=("prompt_injection", "unexpected_tool", "error", "goal"),
            window_s=600,
            versions={},
        )

    return make


@pytest.fixture
def make_stage() -> Make:
    """A stage with no incident and the same success rate on both arms, or what a test says."""

    def make(step: int = 0, units: int = 1000, **changes: Any) -> StageCounts:
        share_ppm = STEPS[step].share_ppm
        on_candidate = units * share_ppm // 1_000_000
        arms = {
            arm: ArmCounts(
                units=count,
                newcomers=count,
                matured=count,
                incidents=changes.get(f"{arm}_incidents", {}),
                successes=changes.get(f"{arm}_successes", {"resolved": count * 9 // 10}),
                failures=changes.get(f"{arm}_failures", {"resolved": count - count * 9 // 10}),
            )
            for arm, count in (("baseline", units - on_candidate), ("candidate", on_candidate))
        }
        return StageCounts(step=step, share_ppm=share_ppm, **arms)

    return make


@pytest.fixture
def make_evidence() -> Make:
    """Evidence in the first step, not paused, or what a test says."""

    def make(*stages: StageCounts, **changes: Any) -> Evidence:
        known: dict[str, Any] = {"step": 0, "paused": False, "seq": 7, "stages": stages}
        return Evidence(**(known | changes))

    return make


@pytest.fixture
def after() -> Callable[[float], Clock]:
    """A clock so many seconds into the step."""

    def make(seconds: float) -> Clock:
        return Clock(now=STARTED + timedelta(seconds=seconds), step_started=STARTED)

    return make


def _next_share(verdict: Verdict, rule: str, step: int) -> int | None:
    """The share that a decision of this kind leads to."""
    match verdict:
        case Verdict.ADVANCE | Verdict.PROMOTE:
            return STEPS[step if rule == "start" else step + 1].share_ppm
        case Verdict.ROLL_BACK:
            return 0
        case _:
            return None


@pytest.fixture
def make_record(policy: Policy) -> Make:
    """A record whose decision has this verdict and rule."""

    def make(verdict: Verdict, rule: str, *, step: int = 0, **changes: Any) -> DecisionRecord:
        known: dict[str, Any] = {
            "environment": "production",
            "agent": "support",
            "attempt": DEPLOY,
            "baseline": "v1",
            "candidate": "v2",
            "policy": policy,
            "evidence": Evidence(step=step, paused=False, seq=42),
            "clock": Clock(now=STARTED + timedelta(hours=1), step_started=STARTED),
            "decision": Decision(
                verdict=verdict,
                rule=rule,
                reason="because of the numbers",
                guardrail="error" if rule == "harm" else None,
                next_share_ppm=_next_share(verdict, rule, step),
            ),
        }
        return DecisionRecord(**(known | changes))

    return make


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """v1 is live, v2 is asked for, by a canary."""
    return planned_checkout(tmp_path)
