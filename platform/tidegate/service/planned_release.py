"""A release before it begins: which version is meant, which one is live, and what lies between."""

import msgspec

from tidegate.domain.ab import Ab
from tidegate.domain.canary import Step
from tidegate.domain.default_ramps import default_steps
from tidegate.domain.installation import Installation
from tidegate.domain.intent import AgentRelease
from tidegate.domain.policy import Policy
from tidegate.domain.state import ReleaseState
from tidegate.domain.version_diff import VersionDiff


class PlannedRelease(msgspec.Struct, frozen=True, kw_only=True):
    """A release as the files have it, and the version that is meant.

    Attributes:
        intent: the release that people want; its strategy is the one that is planned.
        state: how far the engine has come, if it ever wrote it.
        version: the version that is to be released; None if it may be any, or if it is several.
        differences: from the live version to each new one, where both files are there.
        missing: version files that a difference would need, but that are not there.
    """

    environment: str
    agent: str
    intent: AgentRelease
    state: ReleaseState | None
    policy: Policy
    installation: Installation
    version: str | None
    differences: tuple[VersionDiff, ...] = ()
    missing: tuple[str, ...] = ()

    @property
    def live(self) -> str:
        """The version that every unit can fall back on."""
        return live_version(self.intent, self.state)

    @property
    def experiment(self) -> Ab | None:
        """The plan of an experiment, if it is one."""
        return self.intent.strategy.ab

    @property
    def strategy(self) -> str:
        """The strategy's key in INTENT."""
        if self.experiment is not None:
            return "ab"
        return "canary" if self.intent.strategy.canary is not None else "blueGreen"

    @property
    def suggested_steps(self) -> tuple[Step, ...]:
        """The usual ramp for such a change; empty if it is the plan's, or no steps are planned."""
        if not self.policy.steps or not self.differences or self.version == self.live:
            return ()
        usual = default_steps(self.differences[0])
        return () if usual == self.policy.steps else usual

    @property
    def remarks(self) -> tuple[str, ...]:
        """What would keep it from going as planned, one sentence each."""
        if self.experiment is not None:
            return _remarks_on_control(self.intent.version, self.live)
        if self.version is None:
            return ()
        if self.version == self.live:
            return (f"{self.version} is live already; to deploy it changes nothing.",)
        return _remarks_on_past(self.version, self.state, force=self.intent.force)


def live_version(intent: AgentRelease, state: ReleaseState | None) -> str:
    """The version that is live: what the engine says, or what INTENT says before it ever did."""
    return intent.version if state is None else state.stable


def meant_versions(intent: AgentRelease, live: str, asked: str | None) -> tuple[str, ...]:
    """The new versions that a plan is about; none if it is about any.

    Args:
        intent: the release that people want.
        live: the version that is live.
        asked: the version that was named, if one was.

    Raises:
        ValueError: the one that was named is no arm of the experiment that INTENT plans.
    """
    plan = intent.strategy.ab
    if plan is not None:
        versions = tuple(dict.fromkeys(arm.version for arm in plan.arms.values()))
        if asked is not None and asked not in versions:
            raise ValueError(
                f"{asked} is no arm of the experiment, which compares {', '.join(versions)} with "
                f"{intent.version}; leave the version out, or change the arms"
            )
        return versions if asked is None else (asked,)
    if asked is not None:
        return (asked,)
    return () if intent.version == live else (intent.version,)


def _remarks_on_control(control: str, live: str) -> tuple[str, ...]:
    if control == live:
        return ()
    return (f"The control is {control}, but {live} is live; the experiment waits until it is.",)


def _remarks_on_past(version: str, state: ReleaseState | None, *, force: bool) -> tuple[str, ...]:
    if state is None:
        return ()
    if state.marks_bad(version):
        if force:
            return (f"{version} was rolled back before; force: true lets it try again.",)
        return (f"{version} was rolled back before; it is not served without force: true.",)
    if version in state.window:
        return (f"{version} is in the rollback window: deployed, everyone has it at once.",)
    return ()
