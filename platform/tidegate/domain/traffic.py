"""Who gets what: a pure function of INTENT, STATE and the commit that last changed INTENT."""

import msgspec

from tidegate.domain.intent import AgentRelease
from tidegate.domain.state import Phase, ReleaseState
from tidegate_sdk.bucketing import PARTS


class ArmTraffic(msgspec.Struct, frozen=True, kw_only=True):
    """One arm beside the baseline.

    Attributes:
        share_ppm: its share in parts per million.
        max_ppm: the most it can ever have, so that arms can grow in place.
    """

    name: str
    version: str
    share_ppm: int
    max_ppm: int = PARTS


class Traffic(msgspec.Struct, frozen=True, kw_only=True):
    """Who gets what, and why.

    Attributes:
        baseline: version of every unit outside the share.
        candidate: version of the units inside the share, while one version is being released.
        share_ppm: the share of all arms beside the baseline, in parts per million.
        arms: these arms, while units are being compared.
        phase: where the release stands.
        frozen: whether units that met the candidate stay on it, and nobody else gets it.
        reason: one sentence for people.
    """

    baseline: str
    phase: Phase
    reason: str
    candidate: str | None = None
    share_ppm: int = 0
    arms: tuple[ArmTraffic, ...] = ()
    frozen: bool = False


def traffic_of(
    intent: AgentRelease, state: ReleaseState | None, attempt: str, previous: str | None = None
) -> Traffic:
    """Who gets what: a pure function of one commit.

    Args:
        intent: what people want.
        state: how far the engine has come, if it ever wrote it.
        attempt: the commit that last changed INTENT.
        previous: the version that INTENT named before that commit, if there was one.

    If INTENT has changed since STATE was written, STATE is void. An intent that then names a
    version of the rollback window is served at once, so that a person's `git revert` works with no
    engine alive. Any other new version, and every experiment, waits until an engine begins it: a
    canary that nobody watches would be no canary.
    """
    if state is not None and state.attempt == attempt:
        return _traffic_of_state(intent, state)
    if state is None:
        return _traffic_without_state(intent, previous)
    is_bad = state.marks_bad(intent.version)
    if is_bad and not intent.force:
        reason = f"{intent.version} was rolled back before; set force: true to try it again"
        return Traffic(baseline=state.stable, phase=Phase.DEGRADED, reason=reason)
    in_window = intent.version in (state.stable, *state.window) and not is_bad
    if intent.strategy.ab is not None:
        # Who edits an experiment that is over does not thereby ask for the version that lost it.
        back = in_window and intent.version != previous
        return _traffic_before_experiment(intent, intent.version if back else state.stable)
    if in_window:
        reason = f"{intent.version} is in the rollback window and is served at once"
        return Traffic(baseline=intent.version, phase=Phase.HEALTHY, reason=reason)
    return _waiting(intent, state.stable)


def _traffic_before_experiment(intent: AgentRelease, live: str) -> Traffic:
    if live != intent.version:
        reason = (
            f"an experiment's version is its control and must be live; {live} is, "
            f"{intent.version} is not: release it first"
        )
        return Traffic(baseline=live, phase=Phase.DEGRADED, reason=reason)
    reason = "the experiment waits for an engine to begin it"
    return Traffic(baseline=live, phase=Phase.PENDING, reason=reason)


def _traffic_without_state(intent: AgentRelease, previous: str | None) -> Traffic:
    if intent.strategy.ab is not None:
        return _traffic_before_experiment(intent, previous or intent.version)
    if previous is None or previous == intent.version:
        reason = "first version of this agent"
        return Traffic(baseline=intent.version, phase=Phase.HEALTHY, reason=reason)
    return _waiting(intent, previous)


def _waiting(intent: AgentRelease, live: str) -> Traffic:
    reason = f"{intent.version} waits for an engine to begin its rollout"
    return Traffic(baseline=live, candidate=intent.version, phase=Phase.PENDING, reason=reason)


def _traffic_of_state(intent: AgentRelease, state: ReleaseState) -> Traffic:
    live = Traffic(baseline=state.stable, phase=state.phase, reason=state.reason)
    if state.frozen:
        return msgspec.structs.replace(live, candidate=state.candidate, frozen=True)
    if state.phase not in (Phase.PROGRESSING, Phase.PAUSED):
        return live
    if intent.strategy.ab is not None:
        return _traffic_of_experiment(intent, state, live)
    if state.candidate is None:
        return live
    share = min(state.weight, PARTS)
    arm = ArmTraffic(name="candidate", version=state.candidate, share_ppm=share)
    return msgspec.structs.replace(live, candidate=state.candidate, share_ppm=share, arms=(arm,))


def _traffic_of_experiment(intent: AgentRelease, state: ReleaseState, live: Traffic) -> Traffic:
    """Each arm keeps its room; a dropped one is empty, and the control has its units."""
    plan = intent.strategy.ab
    dropped = {each.arm for each in state.dropped}
    arms = tuple(
        ArmTraffic(
            name=name,
            version=arm.version,
            share_ppm=0 if name in dropped else arm.share_ppm,
            max_ppm=arm.share_ppm,
        )
        for name, arm in (plan.arms if plan is not None else {}).items()
    )
    return msgspec.structs.replace(live, arms=arms, share_ppm=sum(arm.share_ppm for arm in arms))
