"""What `tidegate plan` says, as sections that a terminal and a Markdown comment both show."""

import re
from typing import NamedTuple

from tidegate.service.forecast import Forecast, Harmful, Healthy, PlannedStep, Spread

_HOURS, _MINUTES = 24, 1440  # in a day


class Section(NamedTuple):
    """A heading with sentences, and a table if there is one.

    Attributes:
        columns, rows: the table; no columns if there is none.
    """

    heading: str
    sentences: tuple[str, ...] = ()
    columns: tuple[str, ...] = ()
    rows: tuple[tuple[str, ...], ...] = ()


def worst_case(found: Forecast) -> str:
    """The one sentence that comes first."""
    units, spared = found.worst_case_harmed_units, found.worst_case_excess_units
    return (
        f"Worst case: {units:,} units harmed before the rollout ends, {spared:,} of them by the "
        f"new version itself (worse on {found.worst_case_guardrail})."
    )


def sections(found: Forecast) -> tuple[Section, ...]:
    """The report, in the order in which it is read."""
    return _plan(found), _if_healthy(found), _if_harmful(found), _basis(found)


def markdown(title: str, found: Forecast) -> str:
    """The report as a comment on a pull request."""
    parts = [f"### {_escaped(title)}", f"**{_escaped(worst_case(found))}**"]
    for section in sections(found):
        parts.append(f"#### {_escaped(section.heading)}")
        parts += [_escaped(sentence) for sentence in section.sentences]
        if section.columns:
            lines = [section.columns, ("---",) * len(section.columns), *section.rows]
            cells = [[_escaped(cell) for cell in line] for line in lines]
            parts.append("\n".join(f"| {' | '.join(line)} |" for line in cells))
    return "\n\n".join(parts)


def _plan(found: Forecast) -> Section:
    rows = tuple(
        (
            str(number),
            step.share,
            f"{step.min_units:,} units",
            _time(step.min_days),
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
        f"The plan: {_time(least)} at least, at {found.units_per_day:,.0f} units a day",
        ramp,
        ("step", "share", "units at least", "lasts at least", "next when"),
        rows,
    )


def _asks_for(step: PlannedStep) -> str:
    asked = "every guardrail is certified" if step.asks_for == "certainty" else "no harm is seen"
    return f"{asked}, and a person approves" if step.approval else asked


def _if_healthy(found: Forecast) -> Section:
    healthy = found.healthy
    promised = f"(promised: at most {_part(found.false_rollback_budget)})"
    rows = [
        ("reaches 100 %", _part(healthy.reached_all)),
        ("rolled back for a harm that is none", f"{_part(healthy.false_rollback)} {promised}"),
    ]
    if healthy.rolled_back_by_plan:
        rows.append(("rolled back as the time was over", _part(healthy.rolled_back_by_plan)))
    rows += [
        ("paused, waits for a person", _part(healthy.paused)),
        (f"undecided after {found.most_units:,} units", _part(healthy.undecided)),
        *_until_all(healthy),
    ]
    return Section("If it is just like what is live", (), ("", "of rollouts"), tuple(rows))


def _until_all(healthy: Healthy) -> list[tuple[str, str]]:
    if healthy.units is None or healthy.days is None:
        return []
    return [
        (
            "until 100 %, on average",
            f"{healthy.units.mean:,.0f} units, {_time(healthy.days.mean)}",
        ),
        (
            "until 100 %, 95 % within",
            f"{healthy.units.p95:,.0f} units, {_time(healthy.days.p95)}",
        ),
    ]


def _if_harmful(found: Forecast) -> Section:
    harm = f"Incidents {found.harm:g} times as frequent, or {100 * found.loss:g} points fewer goals"
    missed = tuple(
        f"{each.guardrail}: {_part(each.reached_all)} reach 100 % all the same, and harm goes on."
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
        f"{_part(worse.baseline_rate)} → {_part(worse.candidate_rate)}",
        _part(worse.power),
        "never" if worse.units is None else f"{worse.units.mean:,.0f}",
        "never" if worse.days is None else _time(worse.days.mean),
        _spread(worse.candidate_units),
        _spread(worse.harmed_units),
    )


def _basis(found: Forecast) -> Section:
    tried = f"{found.reps} simulated rollouts of each candidate (seed {found.seed})"
    sentences = [f"{tried}, all guardrails at once, decided by the rule that decides real ones."]
    if found.assumed_rates:
        rates = {each.guardrail: each.baseline_rate for each in found.harmful}
        told = ", ".join(f"{name} {_part(rates[name])}" for name in found.assumed_rates)
        sentences.append(f"Rates were assumed: {told}. Give yours with --rate GUARDRAIL=RATE.")
    return Section("What this rests on", (*sentences, *found.notes))


def _spread(spread: Spread) -> str:
    return f"{spread.mean:,.0f} / {spread.p95:,.0f} / {spread.worst:,.0f}"


def _part(part: float) -> str:
    return f"{100 * part:.3g} %"


def _time(days: float) -> str:
    """A time in the unit that people would use for it."""
    if days >= 1.0:
        return f"{days:.1f} days"
    if days * _HOURS >= 1.0:
        return f"{days * _HOURS:.1f} hours"
    return f"{days * _MINUTES:.0f} minutes"


def _escaped(text: str) -> str:
    return re.sub(r"([\\`*_{}\[\]<>|#~])", r"\\\1", text)
