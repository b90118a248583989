"""What an emergency override stops: a release, and the same version begun anew."""

from tidegate.domain.journal import Override
from tidegate.domain.release import Release, rollout_id
from tidegate.domain.state import Phase


def stops(override: Override, release: Release) -> bool:
    """Whether a release must not be served, because of a rollback that git does not know yet.

    That is the release the override is about. It is also an attempt that names the same version
    before the rollback could be written down: had git known, the version would be marked bad, and
    would need `force: true`.
    """
    if override.rollout == release.rollout:
        return True
    state = release.state
    if state is None or rollout_id(release.agent, state.attempt) != override.rollout:
        return False
    stopped = state.stable if state.phase is Phase.COMPLETED else state.candidate
    known = state.marks_bad(release.intent.version)
    return release.intent.version == stopped and not known and not release.intent.force
