"""What a rollout would do, before it begins: its plan, tried many times by the rule that decides.

All guardrails are simulated at once, on the same units, so that they share the real budgets.
"""

import math
from collections.abc import Callable, Iterable, Sequence

import msgspec
import numpy as np

from tidegate.domain.canary import Step
from tidegate.domain.decision import Verdict
from tidegate.domain.metrics import Guardrail
from tidegate.domain.policy import Policy
from tidegate.domain.quantities import percent
from tidegate.service.blast_radius import ramp
from tidegate.service.forecast import (
    Assumptions,
    Forecast,
    Harmful,
    Healthy,
    PlannedStep,
    Spread,
)
from tidegate.service.simulated_rollout import Rollout, roll_out
from tidegate.service.streams import OUTCOMES_A_LOOK, InBatches, Truth

_DAY_S = 86_400.0
_STOPPED = (Verdict.ROLL_BACK, Verdict.FREEZE)
_FEWEST_UNITS = 100_000  # at which a simulated rollout is given up, or
_ROOM = 4  # times the units that its steps ask for at least, if that is more
_BUDGETED_STAGES = 20  # about the most that a risk budget goes through


def forecast(
    policy: Policy,
    assumed: Assumptions,
    *,
    reps: int,
    seed: int,
    on_end: Callable[[], None] | None = None,
) -> Forecast:
    """Try a plan on a candidate that is like the baseline, and on one worse for each guardrail.

    Args:
        policy: the plan, of a canary.
        assumed: the traffic, the rates, and how much worse a harmful candidate is.
        reps: simulated rollouts of each candidate.
        seed: of the generated units.
        on_end: called at the end of each simulated rollout, `simulated_rollouts` times in all.

    Raises:
        ValueError: a rate is given for what is no guardrail here, or a harmful rate is none.
    """
    names = [guardrail.name for guardrail in policy.guardrails]
    check_rates(assumed, names)
    simulated = _without_people(policy)
    truths = [_truth(policy, assumed, worse) for worse in (None, *policy.guardrails)]
    healthy, *worse = (
        [
            _ended(end, on_end)
            for end in _rollouts(simulated, truth, assumed, reps=reps, seed=[seed, number])
        ]
        for number, truth in enumerate(truths)
    )
    harmful = [
        _harmful(guardrail, ends, assumed)
        for guardrail, ends in zip(policy.guardrails, worse, strict=True)
    ]
    worst = max(harmful, key=lambda each: each.harmed_units.worst)
    return Forecast(
        worst_case_harmed_units=round(worst.harmed_units.worst),
        worst_case_excess_units=round(worst.excess_units.worst),
        worst_case_guardrail=worst.guardrail,
        units_per_day=assumed.units_per_day,
        harm=assumed.harm,
        loss=assumed.loss,
        reps=reps,
        seed=seed,
        most_units=_most_units(simulated, assumed),
        false_rollback_budget=policy.budgets.false_rollback,
        assumed_rates=tuple(name for name in names if name not in assumed.rates),
        notes=_notes(policy, assumed),
        risk_budget=None if policy.risk_budget is None else policy.risk_budget.excess,
        steps=_planned(policy, assumed),
        healthy=_healthy(healthy, assumed),
        harmful=tuple(harmful),
    )


def simulated_rollouts(policy: Policy, reps: int) -> int:
    """How many rollouts a forecast simulates: of a good candidate, and one for each guardrail."""
    return reps * (1 + len(policy.guardrails))


def check_rates(assumed: Assumptions, names: Sequence[str]) -> None:
    """Refuse rates of what does not decide.

    Raises:
        ValueError: one is given for a name that is not among these.
    """
    unknown = sorted(set(assumed.rates) - set(names))
    if unknown:
        raise ValueError(
            f"rates are given for {unknown}; the guardrails that decide are {list(names)}"
        )


def _ended(end: Rollout, on_end: Callable[[], None] | None) -> Rollout:
    if on_end is not None:
        on_end()
    return end


def _without_people(policy: Policy) -> Policy:
    """The plan as it is simulated: approval comes at once, and each unit comes once."""
    steps = tuple(
        msgspec.structs.replace(step, pause=None) if step.needs_approval else step
        for step in policy.steps
    )
    return msgspec.structs.replace(policy, steps=steps, exposure="once")


def _truth(policy: Policy, assumed: Assumptions, worse: Guardrail | None) -> Truth:
    baseline = [assumed.rate(each) for each in policy.guardrails]
    candidate = [
        assumed.harmed_rate(each) if each is worse else assumed.rate(each)
        for each in policy.guardrails
    ]
    return Truth(np.array(baseline)[:, np.newaxis], np.array(candidate)[:, np.newaxis])


def _rollouts(
    policy: Policy, truth: Truth, assumed: Assumptions, *, reps: int, seed: Sequence[int]
) -> Iterable[Rollout]:
    units_per_s = assumed.units_per_day / _DAY_S
    stream = InBatches(
        truth,
        _most_units(policy, assumed),
        # The engine looks about once a second, if it has news.
        look_every=max(OUTCOMES_A_LOOK, math.ceil(units_per_s)),
        generator=np.random.default_rng(seed),
    )
    return (roll_out(policy, stream, units_per_s=units_per_s) for _ in range(reps))


def _most_units(policy: Policy, assumed: Assumptions) -> int:
    if policy.risk_budget is not None:
        asked = float(_BUDGETED_STAGES * policy.risk_budget.look_units)
    else:
        asked = sum(_least_days(step, assumed) for step in policy.steps) * assumed.units_per_day
    return max(_FEWEST_UNITS, math.ceil(_ROOM * asked))


def _least_days(step: Step, assumed: Assumptions) -> float:
    return max(step.min_units / assumed.units_per_day, step.dwell_s / _DAY_S)


def _planned(policy: Policy, assumed: Assumptions) -> tuple[PlannedStep, ...]:
    return tuple(
        PlannedStep(
            share=percent(step.share_ppm),
            share_ppm=step.share_ppm,
            min_units=step.min_units,
            min_days=_least_days(step, assumed),
            asks_for="certainty" if step.certify else "no harm",
            approval=step.needs_approval,
        )
        for step in ramp(policy)
    )


def _healthy(ends: list[Rollout], assumed: Assumptions) -> Healthy:
    reached = [end for end in ends if end.verdict is Verdict.PROMOTE]
    back = [end.rule == "harm" for end in ends if end.verdict in _STOPPED]
    units = [end.units for end in reached]
    return Healthy(
        reached_all=len(reached) / len(ends),
        false_rollback=back.count(True) / len(ends),
        rolled_back_by_plan=back.count(False) / len(ends),
        paused=_part(ends, Verdict.PAUSE),
        undecided=_part(ends, Verdict.HOLD),
        units=_spread(units),
        days=_spread([count / assumed.units_per_day for count in units]),
        stages=float(np.mean([len(end.stages) for end in reached])) if reached else None,
    )


def _harmful(guardrail: Guardrail, ends: list[Rollout], assumed: Assumptions) -> Harmful:
    back = [end.units for end in ends if end.verdict in _STOPPED]
    rate, worse = assumed.rate(guardrail), assumed.harmed_rate(guardrail)
    harmed = [end.harmed_units(guardrail.name) for end in ends]
    spared = rate / worse if guardrail.kind == "incident" else (1.0 - rate) / (1.0 - worse)
    return Harmful(
        guardrail=guardrail.name,
        kind=guardrail.kind,
        baseline_rate=rate,
        candidate_rate=worse,
        power=len(back) / len(ends),
        reached_all=_part(ends, Verdict.PROMOTE),
        units=_spread(back),
        days=_spread([count / assumed.units_per_day for count in back]),
        candidate_units=_spread_of([end.candidate_units for end in ends]),
        harmed_units=_spread_of(harmed),
        excess_units=_spread_of([count * (1.0 - spared) for count in harmed]),
    )


def _part(ends: list[Rollout], verdict: Verdict) -> float:
    return sum(end.verdict is verdict for end in ends) / len(ends)


def _spread(figures: Sequence[float]) -> Spread | None:
    return _spread_of(figures) if figures else None


def _spread_of(figures: Sequence[float]) -> Spread:
    return Spread(
        mean=float(np.mean(figures)),
        p95=float(np.percentile(figures, 95, method="higher")),
        worst=float(max(figures)),
    )


def _notes(policy: Policy, assumed: Assumptions) -> tuple[str, ...]:
    notes = ["Reports are taken to come at once; ones that come later delay everything by as much."]
    if any(step.needs_approval for step in policy.steps):
        notes.append("A person's approval is taken to come at once; no time is counted for it.")
    if policy.exposure == "ongoing":
        notes.append("Units come back, says metrics.yaml; here each comes once.")
    for guardrail in policy.guardrails:
        ceiling, rate = guardrail.ceiling_rate, assumed.rate(guardrail)
        if ceiling is not None and rate > ceiling:
            notes.append(
                f"{guardrail.name}: the baseline's rate, {100 * rate:g} %, is above the ceiling, "
                f"{100 * ceiling:g} %; a candidate just like it is rolled back for that."
            )
    return tuple(notes)
