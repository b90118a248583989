"""`decide` on arbitrary evidence: total, deterministic, never forward over harm."""

import math
from datetime import UTC, datetime

from hypothesis import Phase, assume, given, settings
from hypothesis import strategies as st

from anytime import IncidentStratum, OutcomeStratum, safe_logrank, two_proportions
from tidegate.domain.canary import Pause, Step
from tidegate.domain.decision import Verdict, decide
from tidegate.domain.evidence import ArmCounts, Clock, Evidence, StageCounts
from tidegate.domain.installation import Budgets
from tidegate.domain.metrics import Guardrail
from tidegate.domain.policy import Policy
from tidegate.domain.record import DecisionRecord, from_json, to_json
from tidegate.domain.split import log_e_srm
from tidegate_sdk import PARTS

FORWARD = {Verdict.ADVANCE, Verdict.PROMOTE}
NAMES = ["error", "prompt_injection", "resolved", "vanished"]
UNIT = st.floats(0.001, 0.999)
INSTANTS = st.datetimes(datetime(2020, 1, 1), datetime(2040, 1, 1), timezones=st.just(UTC))  # noqa: DTZ001
CLOCKS = st.builds(Clock, now=INSTANTS, step_started=INSTANTS)
BUDGETS = st.builds(Budgets, false_rollback=UNIT, false_promote=UNIT)


@st.composite
def _guardrails(draw: st.DrawFn) -> tuple[Guardrail, ...]:
    names = draw(st.lists(st.sampled_from(NAMES), min_size=1, unique=True))
    made = []
    for name in names:
        kind = "outcome" if name == "resolved" else "incident"
        margins = st.floats(0.01, 0.9) if kind == "outcome" else st.floats(1.01, 20.0)
        made.append(
            Guardrail(
                name=name,
                kind=kind,  # type: ignore[arg-type]
                weight=draw(st.floats(0.01, 100.0)),
                margin=draw(st.none() | margins),
            )
        )
    return tuple(made)


@st.composite
def _steps(draw: st.DrawFn) -> tuple[Step, ...]:
    shares = sorted(draw(st.sets(st.integers(1, PARTS - 1), min_size=1, max_size=5)))
    return tuple(
        Step(
            set_weight=share,
            min_units=draw(st.integers(0, 2000)),
            pause=draw(st.none() | st.builds(Pause, duration=st.sampled_from(["10s", "1d"]))),
            certify=draw(st.booleans()),
        )
        for share in [*shares, PARTS]
    )


POLICIES = st.builds(Policy, budgets=BUDGETS, guardrails=_guardrails(), steps=_steps())
COUNTS = st.integers(0, 40) | st.integers(0, 10**9)
UNIT_COUNTS = st.integers(0, 5000) | st.integers(0, 10**9)
BY_NAME = st.fixed_dictionaries({}, optional=dict.fromkeys([*NAMES, "unheard_of"], COUNTS))
# Any counts at all, also those that cannot be, such as more incidents than units.
ARMS = st.builds(
    ArmCounts,
    units=UNIT_COUNTS,
    matured=UNIT_COUNTS,
    incidents=BY_NAME,
    successes=BY_NAME,
    failures=BY_NAME,
)
STAGES = st.builds(
    StageCounts,
    step=st.integers(0, 6),
    share_ppm=st.integers(0, PARTS),
    baseline=ARMS,
    candidate=ARMS,
)


@st.composite
def _evidence(draw: st.DrawFn, steps: int, *, beyond: int = 0) -> Evidence:
    """Evidence in any step before the last, or up to `beyond` steps after that."""
    return Evidence(
        step=draw(st.integers(0, max(0, steps - 2 + beyond))),
        paused=draw(st.booleans()),
        seq=draw(st.integers(0, 2**63 - 1)),
        stages=tuple(draw(st.lists(STAGES, max_size=3))),
    )


@st.composite
def _healthy(draw: st.DrawFn) -> tuple[Policy, Evidence, Clock]:
    """A case in which much speaks for going forward: the rare one among arbitrary evidence."""
    policy = draw(POLICIES)
    step = draw(st.integers(0, len(policy.steps) - 2))
    share = policy.steps[step].share_ppm
    units = draw(st.sampled_from([1000, 2000, 200_000, 10_000_000]))
    on_candidate = units * share // PARTS
    arms = {}
    for arm, count in (("baseline", units - on_candidate), ("candidate", on_candidate)):
        won = count * 9 // 10
        incidents = draw(st.integers(0, 3))
        arms[arm] = ArmCounts(
            units=count,
            newcomers=count,
            matured=count,
            incidents=dict.fromkeys(NAMES, incidents),
            successes={"resolved": won},
            failures={"resolved": count - won},
        )
    stage = StageCounts(step=step, share_ppm=share, **arms)
    evidence = Evidence(step=step, paused=False, seq=1, stages=(stage,))
    started = datetime(2026, 1, 1, tzinfo=UTC)
    return policy, evidence, Clock(now=started.replace(month=2), step_started=started)


@st.composite
def _arbitrary(draw: st.DrawFn, *, beyond: int = 0) -> tuple[Policy, Evidence, Clock]:
    policy = draw(POLICIES)
    return policy, draw(_evidence(len(policy.steps), beyond=beyond)), draw(CLOCKS)


CASES = _arbitrary() | _healthy()


@given(CASES)
def test_decide_on_any_evidence_gives_a_decision_with_its_grounds(
    case: tuple[Policy, Evidence, Clock],
) -> None:
    decision = decide(*case)
    assert decision.rule
    assert decision.reason
    assert [each.guardrail for each in decision.assessments] == [g.name for g in case[0].guardrails]


@settings(phases=[Phase.generate])
@given(_arbitrary(beyond=3))
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
@given(_healthy())
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
