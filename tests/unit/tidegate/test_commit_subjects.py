"""What a decision's commit says it did, and what STATE keeps of one that was no evidence."""

from collections.abc import Callable
from typing import Any

import msgspec
import pytest

from tidegate.domain.canary import RiskBudget
from tidegate.domain.commit_subjects import subject_of
from tidegate.domain.decision import Decision, Verdict
from tidegate.domain.evidence import Clock, Evidence
from tidegate.domain.next_state import next_state
from tidegate.domain.policy import Policy
from tidegate.domain.record import DecisionRecord
from tidegate.domain.recording import record_of, start_of
from tidegate.domain.release import Release
from tidegate.domain.state import Phase
from tidegate.domain.watch import WatchEvidence
from tidegate.domain.write_back import commits_of
from tidegate_sdk import PARTS

Make = Callable[..., Any]


def _decision(verdict: Verdict, rule: str, share: int | None, guardrail: str | None) -> Decision:
    return Decision(
        verdict=verdict,
        rule=rule,
        reason="because of the numbers",
        guardrail=guardrail,
        next_share_ppm=share,
    )


SUBJECTS = [
    (_decision(Verdict.ADVANCE, "step_complete", 100_000, None), "advance v2 to 10% (step 2 of 3)"),
    (
        _decision(Verdict.ADVANCE, "ordered", 100_000, None),
        "advance v2 to 10% (step 2 of 3), ordered",
    ),
    (
        _decision(Verdict.ADVANCE, "deadline", 100_000, None),
        "advance v2 to 10% (step 2 of 3), deadline",
    ),
    (_decision(Verdict.PROMOTE, "all_steps_complete", PARTS, None), "promote v2 to 100%"),
    (_decision(Verdict.PROMOTE, "ordered", PARTS, None), "promote v2 to 100%, ordered"),
    (_decision(Verdict.PROMOTE, "inconclusive", PARTS, None), "promote v2 to 100%, inconclusive"),
    (_decision(Verdict.RESUME, "resumed", None, None), "resume v2 at 1%"),
    (_decision(Verdict.PAUSE, "outcomes_missing", None, None), "pause v2, outcomes missing"),
    (_decision(Verdict.PAUSE, "deadline", None, None), "pause v2, deadline"),
    (_decision(Verdict.ROLL_BACK, "harm", 0, "error"), "v2 is harmful (error), back to v1"),
    (_decision(Verdict.ROLL_BACK, "deadline", 0, None), "v2 is given up (deadline), back to v1"),
    (
        _decision(Verdict.ROLL_BACK, "inconclusive", 0, None),
        "v2 is given up (inconclusive), back to v1",
    ),
]


@pytest.mark.parametrize(("decision", "subject"), SUBJECTS)
def test_the_subject_says_what_was_done_and_on_what_if_that_was_no_evidence(
    make_release: Make, make_record: Make, decision: Decision, subject: str
) -> None:
    record: DecisionRecord = make_record(decision.verdict, decision.rule, decision=decision)
    state = next_state(make_release(), record)
    assert subject_of(record, state) == f"support: {subject}"
    (planned,) = commits_of(make_release(), record)
    assert planned.message.splitlines()[0] == f"support: {subject}"


def test_stages_of_a_risk_budget_have_no_number_to_be_counted_up_to(
    make_release: Make, make_record: Make, policy: Policy
) -> None:
    budget = RiskBudget(excess=5.0, look_units=2000)
    plan = msgspec.structs.replace(policy, steps=(), risk_budget=budget)
    release = msgspec.structs.replace(make_release(step=1, weight=2500), policy=plan)
    record = make_record(
        Verdict.ADVANCE,
        "step_complete",
        policy=plan,
        evidence=Evidence(step=1, paused=False, seq=42, share_ppm=2500),
        decision=_decision(Verdict.ADVANCE, "step_complete", 4321, None),
    )
    state = next_state(release, record)
    assert (state.step, state.weight) == (2, 4321)
    assert subject_of(record, state) == "support: advance v2 to 0.4321% (stage 3)"
    begun = start_of(release, record.clock.now, seq=1)
    assert begun.decision.reason == "a new attempt begins at stage 1, 0.25%"
    assert next_state(release, begun).weight == 2500


@pytest.mark.parametrize("rule", ["deadline", "inconclusive"])
def test_a_version_that_was_given_up_for_time_is_not_marked_bad(
    make_release: Make, make_record: Make, rule: str
) -> None:
    release = make_release()
    given_up = make_record(
        Verdict.ROLL_BACK, rule, decision=_decision(Verdict.ROLL_BACK, rule, 0, None)
    )
    state = next_state(release, given_up)
    assert (state.phase, state.stable) == (Phase.ROLLED_BACK, "v1")
    assert not state.marks_bad("v2")
    harmful = next_state(release, make_record(Verdict.ROLL_BACK, "harm"))
    assert harmful.marks_bad("v2")


def test_a_resumed_rollout_goes_on_in_its_step_with_its_time(
    make_release: Make, make_record: Make
) -> None:
    release = make_release(step=1, weight=100_000, phase=Phase.PAUSED)
    state = next_state(release, make_record(Verdict.RESUME, "resumed", step=1))
    assert (state.phase, state.step, state.weight) == (Phase.PROGRESSING, 1, 100_000)
    assert state.step_started == release.state.step_started


def _after_promotion(
    make_release: Make, after: Callable[[float], Clock], verdict: Verdict, share: int | None
) -> tuple[Release, DecisionRecord]:
    """Everyone has v2, v1 was live before; and a decision about it."""
    release = make_release(phase=Phase.COMPLETED, stable="v2", window=("v2", "v1", "v0"))
    decision = _decision(verdict, "change_detected", share, "error")
    return release, record_of(release, decision, WatchEvidence(seq=9), after(60))


def test_an_alarm_after_the_promotion_leaves_the_version_live_and_the_release_degraded(
    make_release: Make, after: Callable[[float], Clock]
) -> None:
    release, record = _after_promotion(make_release, after, Verdict.ALARM, None)
    state = next_state(release, record)
    assert subject_of(record, state) == "support: alarm, v2 has become worse (error)"
    assert (state.phase, state.stable, state.window) == (Phase.DEGRADED, "v2", ("v2", "v1", "v0"))
    assert not state.marks_bad("v2")


def test_a_rollback_after_the_promotion_leads_to_the_version_before_it(
    make_release: Make, after: Callable[[float], Clock]
) -> None:
    release, record = _after_promotion(make_release, after, Verdict.ROLL_BACK, 0)
    state = next_state(release, record)
    assert subject_of(record, state) == "support: v2 is harmful (error), back to v1"
    assert (record.baseline, record.candidate) == ("v1", "v2")
    assert (state.phase, state.stable) == (Phase.ROLLED_BACK, "v1")
    assert state.marks_bad("v2")
