"""The answer to "which version does this unit get?"."""

import hashlib
from collections.abc import Mapping

import msgspec

from tidegate.domain.release import Release

_NO_ATTRIBUTES: Mapping[str, object] = {}


class Assignment(msgspec.Struct, frozen=True, kw_only=True):
    """One unit's version and the grounds for it.

    Attributes:
        arm: what the unit is compared as; None if it is not compared.
        reason: OpenFeature's word: SPLIT inside a comparison, TARGETING_MATCH for a forced version,
            DEFAULT for units that take no part, STATIC outside a rollout.
        grounds: what decided: split, forced, holdout, audience, layer, pinned, frozen, or live.
        endpoint: where the version is reached, if the manifest says so.
        exposure_id: the same for every visit of the unit in one stage and arm, so that repeats
            count once.
    """

    agent: str
    environment: str
    unit: str
    version: str
    arm: str | None
    reason: str
    grounds: str
    phase: str
    rollout: str
    step: int
    manifest_commit: str
    exposure_id: str
    endpoint: str | None = None


def assign(
    release: Release, unit: str, attributes: Mapping[str, object] = _NO_ATTRIBUTES
) -> Assignment:
    """Assign a unit: deterministic, the same in every process that serves the same commit.

    Args:
        release: what is served.
        unit: the targeting key.
        attributes: what is known of the unit, for audiences and segments.
    """
    placement, arm = release.place(unit, attributes), release.arm(unit, attributes)
    compares = release.in_rollout or placement.grounds == "forced"
    return Assignment(
        agent=release.agent,
        environment=release.environment,
        unit=unit,
        version=placement.version,
        arm=arm,
        reason=placement.reason if compares else "STATIC",
        grounds=placement.grounds if compares else "live",
        phase=release.traffic.phase.value,
        rollout=release.rollout,
        step=release.step,
        manifest_commit=release.commit,
        exposure_id=_exposure_id(release, unit, arm),
        endpoint=endpoint_of(release, placement.version),
    )


def staying(release: Release, assignment: Assignment, version: str, grounds: str) -> Assignment:
    """The assignment of a unit that stays on a version it met before, and is not compared."""
    return msgspec.structs.replace(
        assignment,
        version=version,
        arm=None,
        reason="DEFAULT",
        grounds=grounds,
        endpoint=endpoint_of(release, version),
    )


def endpoint_of(release: Release, version: str) -> str | None:
    """Where a version is reached, if the manifest says so."""
    plan = release.intent.strategy.blue_green
    colour = plan.colour_of(version) if plan is not None else None
    return colour.endpoint if colour is not None else None


def _exposure_id(release: Release, unit: str, arm: str | None) -> str:
    within = f"{release.step}" if release.in_rollout else "live"
    share = release.traffic.share_ppm
    stage = f"{release.environment}/{release.rollout}/{within}/{share}/{arm}"
    return "exp-" + hashlib.blake2b(f"{stage}/{unit}".encode(), digest_size=12).hexdigest()
