"""`decide` on arbitrary evidence: total, deterministic, never forward over harm."""

import math

from hypothesis import Phase, assume, given, settings

from anytime import IncidentStratum, OutcomeStratum, safe_logrank, two_proportions
from decision_inputs import arbitrary, healthy
from tidegate.domain.decision import Verdict, decide
from tidegate.domain.evidence import Clock, Evidence
from tidegate.domain.metrics import Guardrail
from tidegate.domain.policy import Policy
from tidegate.domain.record import DecisionRecord, from_json, to_json
from tidegate.domain.split import log_e_srm
from tidegate_sdk import PARTS

FORWARD = {Verdict.ADVANCE, Verdict.PROMOTE}
CASES = arbitrary() | healthy()


@given(CASES)
def test_decide_on_any_evidence_gives_a_decision_with_its_grounds(
    case: tuple[Policy, Evidence, Clock],
) -> None:
    decision = decide(*case)
    assert decision.rule
    assert decision.reason
    assert [each.guardrail for each in decision.assessments] == [g.name for g in case[0].guardrails]


@settings(phases=[Phase.generate])
@given(arbitrary(beyond=3))
def test_decide_in_any_step_whatsoever_never_raises(case: tuple[Policy, Evidence, Clock]) -> None:
    """Also at the last step, and where INTENT has lost the step that STATE stands at."""
    assert decide(*case).verdict in Verdict


@given(CASES)
def test_decide_twice_gives_the_same_decision(case: tuple[Policy, Evidence, Clock]) -> None:
    assert decide(*case) == decide(*case)


@settings(max_examples=200)
@given(CASES)
def test_decide_never_goes_forward_over_a_harmed_guardrail(
    case: tuple[Policy, Evidence, Clock],
) -> None:
    """Harm and its threshold are computed here anew, from the definitions."""
    policy, evidence, _ = case
    total = sum(guardrail.weight for guardrail in policy.guardrails)
    harmed = [
        guardrail.name
        for guardrail in policy.guardrails
        if _log_e_harm(guardrail, evidence)
        > math.log(total / guardrail.weight / policy.budgets.false_rollback) + 1e-9
    ]
    assume(harmed)
    decision = decide(*case)
    assert decision.verdict is Verdict.ROLL_BACK
    assert decision.guardrail in harmed


@given(CASES)
def test_decide_rolls_back_only_for_a_harmed_guardrail(
    case: tuple[Policy, Evidence, Clock],
) -> None:
    decision = decide(*case)
    harmed = {each.guardrail for each in decision.assessments if each.harmed}
    assert (decision.verdict is Verdict.ROLL_BACK) == bool(harmed)
    assert decision.guardrail in (harmed or {None})


@settings(max_examples=200)
@given(healthy())
def test_decide_goes_forward_only_if_every_condition_of_the_step_is_met(
    case: tuple[Policy, Evidence, Clock],
) -> None:
    policy, evidence, clock = case
    decision = decide(*case)
    assume(decision.verdict in FORWARD)
    step = policy.steps[evidence.step]
    assert not evidence.paused
    assert log_e_srm(evidence) < math.log(1000.0)
    assert sum(s.units for s in evidence.stages if s.step == evidence.step) >= step.min_units
    assert clock.in_step_s >= step.dwell_s
    assert not step.certify or all(each.certified for each in decision.assessments)
    promotes = policy.steps[evidence.step + 1].share_ppm == PARTS
    assert (decision.verdict is Verdict.PROMOTE) == promotes


@given(CASES)
def test_record_through_json_is_the_same_and_decides_the_same(
    case: tuple[Policy, Evidence, Clock],
) -> None:
    policy, evidence, clock = case
    record = DecisionRecord(
        environment="production",
        agent="support",
        attempt="d" * 40,
        baseline="v1",
        candidate="v2",
        policy=policy,
        evidence=evidence,
        clock=clock,
        decision=decide(*case),
    )
    again = from_json(to_json(record))
    assert again == record
    assert again.recompute() == record.decision
    assert again.decision_id == record.decision_id
    assert to_json(again) == to_json(record)


def _log_e_harm(guardrail: Guardrail, evidence: Evidence) -> float:
    name = guardrail.name
    stages = [stage for stage in evidence.stages if 0 < stage.share_ppm < PARTS]
    if guardrail.kind == "incident":
        return safe_logrank.log_e_harm(
            IncidentStratum(
                stage.candidate.incidents.get(name, 0),
                stage.baseline.incidents.get(name, 0),
                stage.share_ppm / PARTS,
            )
            for stage in stages
        )
    return two_proportions.log_e_lower(
        OutcomeStratum(
            *(
                getattr(getattr(stage, arm), what).get(name, 0)
                for arm in ("candidate", "baseline")
                for what in ("successes", "failures")
            ),
            share=stage.share_ppm / PARTS,
        )
        for stage in stages
    )
