"""What `tidegate plan` says of a release with no simulation: what changes, and who meets it."""

from typing import NamedTuple

import msgspec

from tidegate.cli.plan_words import Section, count, part, time
from tidegate.domain.blue_green import BlueGreen
from tidegate.domain.canary import Step
from tidegate.domain.quantities import percent
from tidegate.domain.version_change import RISKS
from tidegate.domain.version_diff import VersionDiff, is_forward_only
from tidegate.service.blast_radius import DAY_S, BlastRadius, Group
from tidegate.service.planned_experiment import PlannedExperiment
from tidegate.service.planned_release import PlannedRelease

_NOT_SIMULATED = "Harm is not simulated for {}; only a canary's plan says how many it would harm."

_NO_DECISION = (
    "The experiment itself is watched all the time, and to win an arm must exceed that effect: it "
    "needs a larger one, or more units."
)


class Beforehand(NamedTuple):
    """What is known of a release before it begins.

    Attributes:
        experiment: how long it lasts and what it could see, if it is an experiment.
    """

    release: PlannedRelease
    radius: BlastRadius
    experiment: PlannedExperiment | None = None


def title(release: PlannedRelease) -> str:
    """What is planned, in one line."""
    agent, environment, plan = release.agent, release.environment, release.experiment
    if plan is not None:
        arms = ", ".join(arm.version for arm in plan.arms.values())
        return f"Plan: {agent} in {environment}, an experiment of {arms} with {release.live}"
    named = f"a new version of {agent}" if release.version is None else f"{agent} {release.version}"
    return f"Plan: {named} to {environment}"


def what_changes(release: PlannedRelease) -> tuple[Section, ...]:
    """The typed differences from the live version, the risk of each first."""
    if not release.differences:
        sentences = (*release.remarks, *_no_difference(release))
        return (Section("What changes", sentences),)
    first, *others = (_difference(release, each) for each in release.differences)
    told = (*release.remarks, *_missing(release))
    return (first._replace(sentences=(*first.sentences, *told)), *others)


def _no_difference(release: PlannedRelease) -> tuple[str, ...]:
    if release.missing:
        return _missing(release)
    return (f"Live is {release.live}; name a version to see what it changes.",)


def _missing(release: PlannedRelease) -> tuple[str, ...]:
    if not release.missing:
        return ()
    return (f"Not in the checkout, so not compared: {', '.join(release.missing)}.",)


def _difference(release: PlannedRelease, found: VersionDiff) -> Section:
    number = len(found.changes)
    changes = "1 change" if number == 1 else f"{number} changes"
    risk = "no change" if found.risk is None else f"{found.risk}: {changes}"
    sentences = [f"{risk}, from {found.before} (live) to {found.after}."]
    if is_forward_only(found):
        sentences.append(_one_way(release, found))
    if release.suggested_steps:
        sentences.append(f"Usual for this class is another ramp: {_ramp(release.suggested_steps)}.")
    worst_first = sorted(found.changes, key=lambda each: -RISKS.index(each.risk))
    rows = tuple((each.component, each.name, each.risk, each.why) for each in worst_first)
    columns = ("component", "name", "class", "why") if rows else ()
    return Section("What changes", tuple(sentences), columns, rows)


def _one_way(release: PlannedRelease, found: VersionDiff) -> str:
    """What becomes of units whose memory the live version cannot read."""
    cannot = f"{found.before} cannot read the memory that {found.after} writes"
    if release.experiment is not None:
        return f"{cannot}: units of a dropped arm would be served {found.before} all the same."
    if release.policy.switch is not None:
        return f"{cannot}: to switch back would corrupt the memory of units that met it."
    return (
        f"{cannot}: on harm enrolment is frozen, nobody is rolled back, and units that met "
        f"{found.after} stay on it."
    )


def _ramp(steps: tuple[Step, ...]) -> str:
    return " → ".join(_step(step) for step in steps)


def _step(step: Step) -> str:
    asked = ["certify"] if step.certify else []
    if step.min_units:
        asked.append(f"{step.min_units:,} units")
    share = percent(step.share_ppm)
    return f"{share} ({', '.join(asked)})" if asked else share


def who_meets_it(before: Beforehand) -> Section:
    """The blast radius: who is served the new version, when, and who is not."""
    release, radius = before.release, before.radius
    is_experiment = release.experiment is not None
    columns = ["arm" if is_experiment else "when"]
    if is_experiment:
        columns.append("version")
    columns += ["share", "units a day", _last_column(release)]
    rows = tuple(_row(each, with_version=is_experiment) for each in radius.groups)
    return Section("Who meets it", tuple(_around(radius)), tuple(columns), rows)


def _last_column(release: PlannedRelease) -> str:
    if release.experiment is not None:
        return "units until the horizon"
    return "units" if release.policy.switch is not None else "units in the step, at least"


def _row(group: Group, *, with_version: bool) -> tuple[str, ...]:
    figures = (group.share or "", _units(group.units_per_day), _units(group.units))
    version = (group.version or "",) if with_version else ()
    return (group.name, *version, *figures)


def _units(units: float | None) -> str:
    if units is None:
        return ""
    return count(units) if units else "as many as it takes"


def _around(radius: BlastRadius) -> list[str]:
    taking_part = f"{count(radius.taking_part_per_day)} of {count(radius.units_per_day)} units"
    said = []
    if radius.holdout is not None:
        said.append(f"Held out are {radius.holdout}: they meet it only once everybody does.")
    if radius.layer is not None:
        said.append(f"The slot of the layer holds {radius.layer}.")
    if radius.taking_part_per_day < radius.units_per_day:
        said.append(f"So {taking_part} a day can take part.")
    if radius.audience:
        said.append("--units-per-day is taken as those of the audience; no others meet it.")
    if radius.pinned:
        said.append("Conversations are pinned: each ends on the version it began on.")
    if radius.forced:
        said.append("Rules under `forced` serve it to their units besides, whatever the share.")
    return said


def how_it_goes(before: Beforehand) -> tuple[Section, ...]:
    """How a switch or an experiment goes; a canary's is simulated."""
    switch, experiment = before.release.policy.switch, before.experiment
    if switch is not None:
        return (Section("The switch", tuple(_switch(switch))),)
    if experiment is not None:
        return _horizon(experiment), _power(experiment)
    return ()


def _switch(plan: BlueGreen) -> list[str]:
    shown, watch = plan.pre_promotion, plan.post_promotion
    said = ["Everyone gets it at once, after the preview."]
    if plan.preview is None:
        said = ["Everyone gets it at once; no preview is planned, so nobody meets it before."]
    if plan.preview is not None or shown.duration_s:
        said.append(
            f"The preview lasts {shown.duration} at least, with {shown.min_units:,} units at least "
            f"and {shown.max_incidents:,} incidents at most."
        )
    if not plan.auto_promotion:
        said.append("A person lets it switch.")
    action = "switches back" if watch.action == "rollback" else "tells people"
    said += [
        f"It is watched for {time(watch.duration_s / DAY_S)}; an alarm {action}.",
        _NOT_SIMULATED.format("a switch"),
    ]
    return said


def _horizon(found: PlannedExperiment) -> Section:
    if found.ends_by == "units":
        end = f"after {found.horizon_units:,} units: {time(found.days)} at this traffic"
    else:
        units = f"{count(found.units)} of its {found.horizon_units:,} units"
        end = f"after {time(found.days)}: {units} at this traffic"
    known = "Units count once their outcome is known."
    sentences = (f"It ends at the latest {end}. {known}", _NOT_SIMULATED.format("an experiment"))
    return Section("The horizon", sentences)


def _power(found: PlannedExperiment) -> Section:
    heading = "What it could see: a fixed-horizon figure, for orientation only"
    if found.goal_rate is None:
        return Section(heading, (f"No power can be said: {found.no_power_because}.",))
    rows = tuple((each.arm, count(each.units), part(each.power)) for each in found.power)
    columns = ("arm", "units of it and the control", "power")
    return Section(heading, (_what_power_is(found, found.goal_rate), _NO_DECISION), columns, rows)


def _what_power_is(found: PlannedExperiment, rate: float) -> str:
    assumed = f", assumed; give yours with --rate {found.goal}=RATE" if found.rate_assumed else ""
    return (
        f"The chance that one planned test at the horizon tells a true effect of "
        f"{found.minimum_effect:g} from none, at a one-sided level of {part(found.level)}. "
        f"The control's {found.goal} is {part(rate)}{assumed}."
    )


def facts(before: Beforehand) -> dict[str, object]:
    """The same for programs."""
    release = before.release
    found: dict[str, object] = {
        "live": release.live,
        "strategy": release.strategy,
        "simulated": release.strategy == "canary",
        "remarks": release.remarks,
        "differences": [_difference_facts(each) for each in release.differences],
        "missing": release.missing,
        "suggested_steps": release.suggested_steps,
        "blast_radius": before.radius,
    }
    if before.experiment is not None:
        found["experiment"] = before.experiment
    return {key: msgspec.to_builtins(value) for key, value in found.items()}


def _difference_facts(found: VersionDiff) -> dict[str, object]:
    return {
        "before": found.before,
        "after": found.after,
        "risk": found.risk,
        "forward_only": is_forward_only(found),
        "changes": found.changes,
    }
