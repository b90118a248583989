"""A simulated rollout ends alike whether the rule is asked at every look or only where it may act.

The screen is allowed to ask too often, never too seldom.
"""

import math

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from tidegate.domain.canary import Deadline, OnInconclusive, Pause, RiskBudget, Step
from tidegate.domain.installation import Budgets
from tidegate.domain.metrics import Guardrail
from tidegate.domain.policy import Policy
from tidegate.service.screening import all_looks
from tidegate.service.simulated_rollout import roll_out
from tidegate.service.streams import InBatches, Stream, Truth, UnitByUnit
from tidegate_sdk.bucketing import PARTS

UNITS = 1500
RATES = st.sampled_from([0.1, 0.03, 0.3, 0.005])
GUARDRAILS = {
    "error": st.builds(
        Guardrail,
        name=st.just("error"),
        margin=st.sampled_from([None, 3.0, 20.0]),
        negligible=st.sampled_from(["1%", "5%", "30%"]),
        ceiling=st.sampled_from([None, "3%", "20%"]),
    ),
    "prompt_injection": st.just(Guardrail(name="prompt_injection", weight=3.0, margin=5.0)),
    "goal": st.builds(
        Guardrail,
        name=st.just("goal"),
        kind=st.just("outcome"),
        margin=st.sampled_from([0.1, 0.3]),
    ),
}


GUARDRAIL, GOAL = Guardrail(name="error"), Guardrail(name="goal", kind="outcome")


@st.composite
def _steps(draw: st.DrawFn) -> tuple[Step, ...]:
    shares = sorted(draw(st.sets(st.sampled_from([500_000, 300_000, 50_000, 1]), min_size=1)))
    early = tuple(
        Step(
            set_weight=share,
            min_units=draw(st.sampled_from([150, 0, 700])),
            pause=draw(st.sampled_from([None, None, Pause(duration="90s"), Pause()])),
            certify=draw(st.booleans()),
        )
        for share in shares
    )
    return (*early, Step(set_weight=PARTS))


@st.composite
def _policies(draw: st.DrawFn) -> Policy:
    names = draw(st.lists(st.sampled_from(sorted(GUARDRAILS)), min_size=1, unique=True))
    actions = st.sampled_from(["hold", "extend", "promote", "rollback"])
    ends = st.sampled_from(["pause", "promote", "rollback"])
    return Policy(
        # Large budgets, so that much is decided within few units.
        budgets=Budgets(false_rollback=0.4, false_promote=0.4),
        guardrails=tuple(draw(GUARDRAILS[name]) for name in names),
        steps=draw(_steps()),
        srm_alpha=draw(st.sampled_from([0.001, 0.5])),
        on_inconclusive=draw(
            st.none() | st.builds(OnInconclusive, action=actions, max=st.just("4m"))
        ),
        deadline=draw(st.none() | st.builds(Deadline, action=ends, after=st.just("12m"))),
    )


@st.composite
def _streams(draw: st.DrawFn, guardrails: int) -> tuple[Stream, Stream]:
    """The same stream twice."""
    baseline = np.array([[draw(RATES)] for _ in range(guardrails)])
    ratio = draw(st.sampled_from([2.5, 1.0, 0.4, 1.5]))
    truth = Truth(baseline=baseline, candidate=np.minimum(baseline * ratio, 1.0))
    seed, hits = draw(st.integers(0, 1000)), draw(st.booleans())

    def made() -> Stream:
        generator = np.random.default_rng(seed)
        if seed % 2:
            return InBatches(truth, UNITS, look_every=25, generator=generator)
        return UnitByUnit(truth, UNITS, look_every=50, look_at_hits=hits, generator=generator)

    return made(), made()


@settings(max_examples=60)
@given(st.data(), _policies(), st.sampled_from([math.inf, 1.0, 20.0]))
def test_screened_rollout_ends_as_one_that_asks_the_rule_at_every_look(
    data: st.DataObject, policy: Policy, units_per_s: float
) -> None:
    one, other = data.draw(_streams(len(policy.guardrails)))
    screened = roll_out(policy, one, units_per_s=units_per_s)
    asked = roll_out(policy, other, units_per_s=units_per_s, screen=all_looks)
    assert screened == asked


@settings(max_examples=25)
@given(
    st.sampled_from([3.0, 10.0, 30.0]),
    st.sampled_from([(0.02, 0.02), (0.1, 0.05), (0.004, 0.004), (0.02, 0.05)]),
    st.sampled_from([100, 250]),
    st.integers(0, 1000),
)
def test_screened_ramp_of_a_risk_budget_takes_the_same_shares_at_the_same_units(
    excess: float, rates: tuple[float, float], look_units: int, seed: int
) -> None:
    policy = Policy(
        budgets=Budgets(),
        guardrails=(GUARDRAIL, GOAL),
        risk_budget=RiskBudget(excess=excess, look_units=look_units, certify_at="40%"),
    )
    truth = Truth(np.array([[rates[0]], [0.6]]), np.array([[rates[1]], [0.6]]))

    def stream() -> Stream:
        generator = np.random.default_rng(seed)
        return UnitByUnit(truth, 3000, look_every=100, look_at_hits=False, generator=generator)

    assert roll_out(policy, stream()) == roll_out(policy, stream(), screen=all_looks)
