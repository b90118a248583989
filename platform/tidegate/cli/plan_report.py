"""What `tidegate plan` says of a simulated rollout, as sections."""

from tidegate.cli.plan_words import Section, part, time
from tidegate.service.forecast import Forecast, Harmful, Healthy, PlannedStep, Spread


def worst_case(found: Forecast) -> str:
    """The one sentence that comes first."""
    units, spared = found.worst_case_harmed_units, found.worst_case_excess_units
    return (
        f"Worst case: {units:,} units harmed before the rollout ends, {spared:,} of them by the "
        f"new version itself (worse on {found.worst_case_guardrail})."
    )


def the_plan(found: Forecast) -> Section:
    """The steps, and how long they take at least."""
    rows = tuple(
        (
            str(number),
            step.share,
            f"{step.min_units:,} units",
            time(step.min_days),
            _asks_for(step),
        )
        for number, step in enumerate(found.steps, start=1)
    )
    least = sum(step.min_days for step in found.steps)
    ramp: tuple[str, ...] = ()
    if found.risk_budget is not None:
        excess = f"at most {found.risk_budget:g} incidents more than on the baseline"
        ramp = (f"Between these, the share follows the evidence: {excess} until the next look.",)
    return Section(
        f"The plan: {time(least)} at least, at {found.units_per_day:,.0f} units a day",
        ramp,
        ("step", "share", "units at least", "lasts at least", "next when"),
        rows,
    )


def _asks_for(step: PlannedStep) -> str:
    asked = "every guardrail is certified" if step.asks_for == "certainty" else "no harm is seen"
    return f"{asked}, and a person approves" if step.approval else asked


def outcomes(found: Forecast) -> tuple[Section, ...]:
    """How the simulated rollouts ended, and what that rests on."""
    return _if_healthy(found), _if_harmful(found), _basis(found)


def _if_healthy(found: Forecast) -> Section:
    healthy = found.healthy
    promised = f"(promised: at most {part(found.false_rollback_budget)})"
    rows = [
        ("reaches 100 %", part(healthy.reached_all)),
        ("rolled back for a harm that is none", f"{part(healthy.false_rollback)} {promised}"),
    ]
    if healthy.rolled_back_by_plan:
        rows.append(("rolled back as the time was over", part(healthy.rolled_back_by_plan)))
    rows += [
        ("paused, waits for a person", part(healthy.paused)),
        (f"undecided after {found.most_units:,} units", part(healthy.undecided)),
        *_until_all(healthy),
    ]
    return Section("If it is just like what is live", (), ("", "of rollouts"), tuple(rows))


def _until_all(healthy: Healthy) -> list[tuple[str, str]]:
    if healthy.units is None or healthy.days is None:
        return []
    return [
        (
            "until 100 %, on average",
            f"{healthy.units.mean:,.0f} units, {time(healthy.days.mean)}",
        ),
        (
            "until 100 %, 95 % within",
            f"{healthy.units.p95:,.0f} units, {time(healthy.days.p95)}",
        ),
    ]


def _if_harmful(found: Forecast) -> Section:
    harm = f"Incidents {found.harm:g} times as frequent, or {100 * found.loss:g} points fewer goals"
    missed = tuple(
        f"{each.guardrail}: {part(each.reached_all)} reach 100 % all the same, and harm goes on."
        for each in found.harmful
        if each.reached_all
    )
    return Section(
        "If it is worse on one guardrail",
        (f"{harm}. Means; units are mean / 95 % at most / worst seen.", *missed),
        (
            "guardrail",
            "rate",
            "rolled back",
            "after units",
            "after time",
            "met the new version",
            "harmed",
        ),
        tuple(_row(each) for each in found.harmful),
    )


def _row(worse: Harmful) -> tuple[str, ...]:
    return (
        worse.guardrail,
        f"{part(worse.baseline_rate)} → {part(worse.candidate_rate)}",
        part(worse.power),
        "never" if worse.units is None else f"{worse.units.mean:,.0f}",
        "never" if worse.days is None else time(worse.days.mean),
        _spread(worse.candidate_units),
        _spread(worse.harmed_units),
    )


def _basis(found: Forecast) -> Section:
    tried = f"{found.reps} simulated rollouts of each candidate (seed {found.seed})"
    sentences = [f"{tried}, all guardrails at once, decided by the rule that decides real ones."]
    if found.assumed_rates:
        rates = {each.guardrail: each.baseline_rate for each in found.harmful}
        told = ", ".join(f"{name} {part(rates[name])}" for name in found.assumed_rates)
        sentences.append(f"Rates were assumed: {told}. Give yours with --rate GUARDRAIL=RATE.")
    return Section("What this rests on", (*sentences, *found.notes))


def _spread(spread: Spread) -> str:
    return f"{spread.mean:,.0f} / {spread.p95:,.0f} / {spread.worst:,.0f}"
