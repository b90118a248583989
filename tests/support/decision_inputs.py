"""Policies, plans and evidence for `decide`: arbitrary ones, and ones that speak for going on."""

from datetime import UTC, datetime

import msgspec
from hypothesis import strategies as st

from tidegate.domain.canary import Deadline, OnInconclusive, Pause, RiskBudget, Step
from tidegate.domain.evidence import ArmCounts, Clock, Evidence, Orders, StageCounts
from tidegate.domain.installation import Budgets
from tidegate.domain.metrics import Guardrail
from tidegate.domain.policy import Policy
from tidegate_sdk import PARTS

NAMES = ["error", "prompt_injection", "resolved", "vanished"]
UNIT = st.floats(0.001, 0.999)
INSTANTS = st.datetimes(datetime(2020, 1, 1), datetime(2040, 1, 1), timezones=st.just(UTC))  # noqa: DTZ001
CLOCKS = st.builds(Clock, now=INSTANTS, step_started=INSTANTS)
BUDGETS = st.builds(Budgets, false_rollback=UNIT, false_promote=UNIT)


@st.composite
def guardrails(draw: st.DrawFn) -> tuple[Guardrail, ...]:
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
def steps(draw: st.DrawFn) -> tuple[Step, ...]:
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


POLICIES = st.builds(Policy, budgets=BUDGETS, guardrails=guardrails(), steps=steps())
COUNTS = st.integers(0, 40) | st.integers(0, 10**9)
UNIT_COUNTS = st.integers(0, 5000) | st.integers(0, 10**9)
BY_NAME = st.fixed_dictionaries({}, optional=dict.fromkeys([*NAMES, "unheard_of"], COUNTS))
# Any counts at all, also those that cannot be, such as more incidents than units.
ARMS = st.builds(
    ArmCounts,
    units=UNIT_COUNTS,
    newcomers=UNIT_COUNTS,
    matured=UNIT_COUNTS,
    closed=UNIT_COUNTS,
    reported=UNIT_COUNTS,
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
def evidence(draw: st.DrawFn, steps: int, *, beyond: int = 0) -> Evidence:
    """Evidence in any step before the last, or up to `beyond` steps after that."""
    return Evidence(
        step=draw(st.integers(0, max(0, steps - 2 + beyond))),
        paused=draw(st.booleans()),
        seq=draw(st.integers(0, 2**63 - 1)),
        stages=tuple(draw(st.lists(STAGES, max_size=3))),
    )


@st.composite
def healthy(draw: st.DrawFn) -> tuple[Policy, Evidence, Clock]:
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
    known = Evidence(step=step, paused=False, seq=1, stages=(stage,))
    started = datetime(2026, 1, 1, tzinfo=UTC)
    return policy, known, Clock(now=started.replace(month=2), step_started=started)


@st.composite
def arbitrary(draw: st.DrawFn, *, beyond: int = 0) -> tuple[Policy, Evidence, Clock]:
    """Any evidence of a plan of steps, in any of its steps."""
    policy = draw(POLICIES)
    return policy, draw(evidence(len(policy.steps), beyond=beyond)), draw(CLOCKS)


# --- Plans with everything that a plan may say, and people who give orders ----------------------

ORDERS = st.builds(
    Orders,
    paused=st.booleans(),
    resumed=st.booleans(),
    promoted_steps=st.integers(0, 4),
    full=st.booleans(),
)
BUDGETED = st.builds(
    RiskBudget,
    excess=st.floats(0.1, 1000.0),
    look_units=st.integers(1, 5000),
    certify_at=st.integers(1, PARTS - 1),
)
DURATIONS = st.sampled_from(["1s", "10m", "72h", "365d"])


@st.composite
def plans(draw: st.DrawFn) -> Policy:
    """Steps, some of which a person must approve, or a budget of risk; with limits of time."""
    budget = draw(st.none() | BUDGETED)
    fixed = () if budget is not None else draw(steps())
    waits = draw(st.lists(st.booleans(), min_size=len(fixed), max_size=len(fixed)))
    return Policy(
        budgets=draw(BUDGETS),
        guardrails=draw(guardrails()),
        steps=tuple(
            msgspec.structs.replace(step, pause=Pause()) if wait else step
            for step, wait in zip(fixed, waits, strict=True)
        ),
        risk_budget=budget,
        exposure=draw(st.sampled_from(["once", "ongoing"])),
        forward_only=draw(st.booleans()),
        on_inconclusive=draw(
            st.none()
            | st.builds(
                OnInconclusive,
                action=st.sampled_from(["hold", "extend", "promote", "rollback"]),
                max=DURATIONS,
            )
        ),
        deadline=draw(
            st.none()
            | st.builds(
                Deadline, action=st.sampled_from(["pause", "rollback", "promote"]), after=DURATIONS
            )
        ),
    )


@st.composite
def ordered(draw: st.DrawFn) -> tuple[Policy, Evidence, Clock]:
    """Any evidence of any plan, with any orders; the share in force may be any."""
    policy = draw(plans())
    known = msgspec.structs.replace(
        draw(evidence(len(policy.steps) or 5, beyond=2)),
        share_ppm=draw(st.integers(1, PARTS - 1)),
        orders=draw(ORDERS),
    )
    started = draw(st.none() | INSTANTS)
    return policy, known, msgspec.structs.replace(draw(CLOCKS), rollout_started=started)


@st.composite
def affordable(draw: st.DrawFn) -> tuple[Policy, Evidence, Clock]:
    """A budget of risk, and a stage in which hardly anything went wrong."""
    budget = draw(BUDGETED)
    policy = Policy(budgets=Budgets(), guardrails=draw(guardrails()), risk_budget=budget)
    share = draw(st.integers(min(policy.first_share_ppm, PARTS - 1) or 1, PARTS - 1))
    units = budget.look_units * draw(st.integers(1, 200))
    arms = {
        arm: ArmCounts(
            units=count,
            newcomers=count,
            matured=count,
            incidents=dict.fromkeys(NAMES, min(count, draw(st.integers(0, 3)))),
        )
        for arm, count in (
            ("candidate", units * share // PARTS),
            ("baseline", units - units * share // PARTS),
        )
    }
    known = Evidence(
        step=1,
        paused=False,
        seq=1,
        share_ppm=share,
        orders=draw(st.builds(Orders, full=st.booleans()) | st.just(Orders())),
        stages=(StageCounts(step=1, share_ppm=share, **arms),),
    )
    return policy, known, draw(CLOCKS)
