"""A guardrail with a ceiling stops a candidate that is too bad even beside a baseline as bad."""

import math
from datetime import UTC, datetime

import pytest

from tidegate.domain.canary import Step
from tidegate.domain.decision import Verdict, decide
from tidegate.domain.evidence import ArmCounts, Clock, Evidence, StageCounts
from tidegate.domain.installation import Budgets
from tidegate.domain.metrics import Guardrail
from tidegate.domain.policy import Policy

NOW = datetime(2026, 1, 1, tzinfo=UTC)
CLOCK = Clock(now=NOW, step_started=NOW)


def _policy(ceiling: str | None) -> Policy:
    return Policy(
        budgets=Budgets(),
        guardrails=(Guardrail(name="error", ceiling=ceiling, negligible="0.1%"),),
        steps=(Step(set_weight="50%", certify=True), Step(set_weight="100%")),
    )


def _evidence(*, baseline: int, candidate: int, units: int) -> Evidence:
    def arm(incidents: int) -> ArmCounts:
        return ArmCounts(
            units=units, newcomers=units, matured=units, incidents={"error": incidents}
        )

    stage = StageCounts(step=0, share_ppm=500_000, baseline=arm(baseline), candidate=arm(candidate))
    return Evidence(step=0, paused=False, seq=1, stages=(stage,))


def test_a_candidate_over_its_ceiling_is_rolled_back_beside_a_baseline_as_bad() -> None:
    evidence = _evidence(baseline=200, candidate=200, units=2000)
    decision = decide(_policy("5%"), evidence, CLOCK)
    assert (decision.verdict, decision.rule) == (Verdict.ROLL_BACK, "harm")
    assert "over its ceiling" in decision.reason
    assert decide(_policy(None), evidence, CLOCK).verdict is not Verdict.ROLL_BACK


def test_a_candidate_near_its_ceiling_is_not_promoted_although_its_ratio_is_certified() -> None:
    evidence = _evidence(baseline=400, candidate=196, units=4000)
    assert decide(_policy(None), evidence, CLOCK).verdict is Verdict.PROMOTE
    held = decide(_policy("5%"), evidence, CLOCK)
    assert (held.verdict, held.rule) == (Verdict.HOLD, "certification")


def test_a_candidate_well_below_its_ceiling_is_promoted() -> None:
    evidence = _evidence(baseline=100, candidate=90, units=4000)
    assert decide(_policy("5%"), evidence, CLOCK).verdict is Verdict.PROMOTE


def test_two_questions_halve_the_budget_of_a_guardrail() -> None:
    one, two = _policy(None), _policy("5%")
    plain = one.log_harm_threshold(one.guardrails[0])
    assert two.log_harm_threshold(two.guardrails[0]) == pytest.approx(plain + math.log(2))


@pytest.mark.parametrize(
    ("kind", "ceiling", "words"),
    [
        pytest.param("outcome", "5%", "a ceiling is for incidents", id="outcome"),
        pytest.param("incident", "0%", "must lie between", id="nothing"),
        pytest.param("incident", "100%", "must lie between", id="everything"),
        pytest.param("incident", "five", "is no share", id="no share"),
    ],
)
def test_an_impossible_ceiling_is_refused(kind: str, ceiling: str, words: str) -> None:
    with pytest.raises(ValueError, match=words):
        Guardrail(name="error", kind=kind, ceiling=ceiling)  # type: ignore[arg-type]
