"""Who meets a new version: how many units, when, and who does not."""

from typing import Final

import msgspec

from tidegate.domain.ab import CONTROL, Ab
from tidegate.domain.blue_green import BlueGreen
from tidegate.domain.canary import Step
from tidegate.domain.policy import Policy
from tidegate.domain.quantities import percent, share_ppm
from tidegate.service.planned_release import PlannedRelease
from tidegate_sdk.bucketing import PARTS

DAY_S: Final = 86_400.0


class Group(msgspec.Struct, frozen=True, kw_only=True):
    """Units that are served one version: at a step, in a preview, or in an arm.

    Attributes:
        name: the step, the time, or the arm.
        version: what they are served; None if it may be any new version.
        share: their share of the units that take part, as people read it; None if it is not known.
        share_ppm: the same in parts per million.
        units_per_day: how many there are a day; None if it is not known.
        units: how many there are at least until the next step, or in all until the end that is
            planned; None if nothing is said of it.
    """

    name: str
    version: str | None
    share: str | None = None
    share_ppm: int | None = None
    units_per_day: float | None = None
    units: float | None = None


class BlastRadius(msgspec.Struct, frozen=True, kw_only=True):
    """Who meets a new version.

    Attributes:
        units_per_day: units that come a day.
        holdout: share of the units that take part in no rollout, if there is one.
        layer: share of the units that the experiment's slot holds, if it is in a layer.
        audience: whether the experiment is for some units only; how many is not known.
        taking_part_per_day: units a day without the held out ones and those outside the slot.
        pinned: whether a conversation ends on the version it began on.
        forced: whether rules serve the version to some units whatever the split says.
        groups: who meets it when; of an experiment its arms, the control among them.
    """

    units_per_day: float
    holdout: str | None
    layer: str | None
    audience: bool
    taking_part_per_day: float
    pinned: bool
    forced: bool
    groups: tuple[Group, ...]


def blast_radius(release: PlannedRelease, units_per_day: float) -> BlastRadius:
    """Who meets the new version of a release.

    Args:
        release: what is planned.
        units_per_day: units that come a day, above 0; of an experiment with an audience, of it.
    """
    plan, held = release.experiment, _held_ppm(release)
    slot = None if plan is None else _slot_ppm(plan)
    taking_part = taking_part_per_day(release, units_per_day)
    forced = {each.version for each in release.intent.forced}
    return BlastRadius(
        units_per_day=units_per_day,
        holdout=percent(held) if held else None,
        layer=None if slot is None else percent(slot),
        audience=plan is not None and plan.audience is not None,
        taking_part_per_day=taking_part,
        pinned=release.intent.pin is not None,
        forced=not forced.isdisjoint(_new_versions(release)),
        groups=_groups(release, units_per_day, taking_part),
    )


def taking_part_per_day(release: PlannedRelease, units_per_day: float) -> float:
    """Units a day that a rollout or an experiment may use: neither held out nor in another slot."""
    slot = None if release.experiment is None else _slot_ppm(release.experiment)
    inside = units_per_day * (PARTS - _held_ppm(release)) / PARTS
    return inside if slot is None else inside * slot / PARTS


def _held_ppm(release: PlannedRelease) -> int:
    holdout = release.installation.holdouts.get(release.environment)
    return 0 if holdout is None else share_ppm(holdout.share)


def _slot_ppm(plan: Ab) -> int | None:
    if plan.layer is None:
        return None
    start, stop = plan.layer.bounds_ppm
    return stop - start


def _new_versions(release: PlannedRelease) -> set[str | None]:
    plan = release.experiment
    return {release.version} if plan is None else {arm.version for arm in plan.arms.values()}


def _groups(release: PlannedRelease, everyone: float, taking_part: float) -> tuple[Group, ...]:
    plan, switch = release.experiment, release.policy.switch
    if plan is not None:
        return _arms(plan, release.intent.version, taking_part)
    if switch is not None:
        return _around_switch(switch, release.version, everyone)
    return _steps(release.policy, release.version, everyone, taking_part)


def _steps(
    policy: Policy, version: str | None, everyone: float, taking_part: float
) -> tuple[Group, ...]:
    """The steps below 100 %, and then everyone, the held out units too."""
    steps = (_step(number, each, version, taking_part) for number, each in enumerate(ramp(policy)))
    return (*steps, _all("when it is released", version, everyone))


def ramp(policy: Policy) -> tuple[Step, ...]:
    """The steps below 100 %; of a risk budget the first and the certifying one."""
    budget = policy.risk_budget
    if budget is None:
        return policy.steps[:-1]
    shares = sorted({policy.first_share_ppm, budget.certify_at_ppm})
    known = (policy.step(number, share) for number, share in enumerate(shares))
    return tuple(step for step in known if step is not None)


def _step(index: int, step: Step, version: str | None, taking_part: float) -> Group:
    lasting = max(step.min_units, taking_part * step.dwell_s / DAY_S)
    return Group(
        name=f"step {index + 1}",
        version=version,
        share=percent(step.share_ppm),
        share_ppm=step.share_ppm,
        units_per_day=taking_part * step.share_ppm / PARTS,
        units=lasting * step.share_ppm / PARTS,
    )


def _all(name: str, version: str | None, everyone: float, units: float | None = None) -> Group:
    return Group(
        name=name,
        version=version,
        share=percent(PARTS),
        share_ppm=PARTS,
        units_per_day=everyone,
        units=units,
    )


def _around_switch(plan: BlueGreen, version: str | None, everyone: float) -> tuple[Group, ...]:
    watched = everyone * plan.post_promotion.duration_s / DAY_S
    after = _all("after the switch, while it is watched", version, everyone, watched)
    if plan.preview is None:
        return (after,)
    least = float(plan.pre_promotion.min_units)
    return (Group(name="in the preview", version=version, units=least), after)


def _arms(plan: Ab, control: str, taking_part: float) -> tuple[Group, ...]:
    units = horizon_units(plan, taking_part)
    shares = {name: (arm.version, arm.share_ppm) for name, arm in plan.arms.items()}
    left = PARTS - sum(share for _version, share in shares.values())
    return tuple(
        Group(
            name=name,
            version=version,
            share=percent(share),
            share_ppm=share,
            units_per_day=taking_part * share / PARTS,
            units=units * share / PARTS,
        )
        for name, (version, share) in ({CONTROL: (control, left)} | shares).items()
    )


def horizon_units(plan: Ab, taking_part: float) -> float:
    """Units of all arms at which an experiment ends: as planned, or as many as come in its time."""
    horizon = plan.horizon
    if horizon.duration_s is None:
        return float(horizon.units)
    return min(float(horizon.units), taking_part * horizon.duration_s / DAY_S)
