"""The answer to "which version does this unit get?"."""

import hashlib

import msgspec

from tidegate.domain.release import Arm, Release


class Assignment(msgspec.Struct, frozen=True, kw_only=True):
    """One unit's version and the grounds for it.

    Attributes:
        reason: OpenFeature's word: SPLIT inside a rollout, STATIC outside.
        exposure_id: the same for every visit of the unit in one stage, so that repeats count once.
    """

    agent: str
    environment: str
    unit: str
    version: str
    arm: Arm | None
    reason: str
    phase: str
    rollout: str
    step: int
    manifest_commit: str
    exposure_id: str


def assign(release: Release, unit: str) -> Assignment:
    """Assign a unit: deterministic, the same in every process that serves the same commit."""
    arm = release.arm(unit)
    return Assignment(
        agent=release.agent,
        environment=release.environment,
        unit=unit,
        version=release.version(unit),
        arm=arm,
        reason="STATIC" if arm is None else "SPLIT",
        phase=release.traffic.phase.value,
        rollout=release.rollout,
        step=release.step,
        manifest_commit=release.commit,
        exposure_id=_exposure_id(release, unit),
    )


def _exposure_id(release: Release, unit: str) -> str:
    stage = f"{release.environment}/{release.rollout}/{release.traffic.share_ppm}"
    return "exp-" + hashlib.blake2b(f"{stage}/{unit}".encode(), digest_size=12).hexdigest()
