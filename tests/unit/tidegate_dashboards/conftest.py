"""One rolled back rollout, as the API answers."""

import pytest

from tidegate_dashboards.service_client import (
    Arm,
    Assessment,
    Decision,
    Look,
    Rollout,
    RolloutDetail,
)

LOG_80 = 4.382026634673881


@pytest.fixture
def rollout() -> Rollout:
    return {
        "id": "d2cbcaa6",
        "agent": "support",
        "environment": "production",
        "baseline": "v1",
        "candidate": "v2",
        "phase": "RolledBack",
        "step": 1,
        "share_ppm": 0,
        "reason": "prompt_injection: candidate 22 of 198",
        "started_at": "2026-11-23T17:26:00Z",
        "ended_at": "2026-11-23T17:26:20Z",
        "units": 4560,
        "candidate_units": 198,
        "revert_commit": "27b57a2e",
        "seconds_to_revert": 9.3,
    }


@pytest.fixture
def looks() -> list[Look]:
    return [_look(second, injection) for second, injection in ((1, 0.0), (10, 2.0), (20, 5.3))]


@pytest.fixture
def decisions() -> list[Decision]:
    return [
        _decision("17:26:00", "advance", "start", 0),
        _decision("17:26:10.5", "advance", "step_complete", 0),
        _decision("17:26:20", "roll_back", "harm", 1),
        _decision("17:26:20", "roll_back", "harm", 1),
    ]


@pytest.fixture
def detail(rollout: Rollout) -> RolloutDetail:
    return {
        "rollout": rollout,
        "steps": [
            {"share_ppm": 10_000, "min_units": 2000, "certify": False},
            {"share_ppm": 50_000, "min_units": 2000, "certify": True},
            {"share_ppm": 1_000_000, "min_units": 0, "certify": False},
        ],
        "evidence": {
            "step": 1,
            "stages": [
                {"step": 1, "share_ppm": 50_000, "baseline": _arm(1400), "candidate": _arm(100)},
                {"step": 2, "share_ppm": 1_000_000, "baseline": _arm(0), "candidate": _arm(900)},
            ],
        },
        "assessments": [_assessment("prompt_injection", 1400), _assessment("goal", 0)],
        "exposed_units": 1500,
        "exposed_candidate_units": 100,
    }


def _look(second: int, injection: float) -> Look:
    return {
        "at": f"2026-11-23T17:26:{second:02d}.5Z" if second < 20 else "2026-11-23T17:26:20Z",
        "step": 0,
        "share_ppm": 10_000,
        "units": 100 * second,
        "candidate_units": second,
        "log_e_values": {"prompt_injection": injection, "goal": -55.0},
        "log_thresholds": {"prompt_injection": LOG_80, "goal": LOG_80},
    }


def _decision(time: str, verdict: str, rule: str, step: int) -> Decision:
    return {
        "rollout": "support@1",
        "commit": "ab" * 20,
        "verdict": verdict,
        "rule": rule,
        "reason": "because",
        "guardrail": None,
        "step": step,
        "decided_at": f"2026-11-23T{time}Z",
        "reverts": None,
    }


def _arm(units: int) -> Arm:
    incidents = {"prompt_injection": units // 100, "latency": units // 50}
    return {"units": units, "incidents": incidents, "successes": {}, "failures": {}}


def _assessment(name: str, units: int) -> Assessment:
    return {
        "guardrail": name,
        "kind": "outcome" if name == "goal" else "incident",
        "baseline": {"k": units // 100, "n": units},
        "candidate": {"k": units // 200, "n": units // 14},
        "log_e_harm": 1.0,
        "log_harm_threshold": LOG_80,
        "log_e_safe": 1.0,
        "log_certify_threshold": 3.0,
    }
