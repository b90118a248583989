"""`abort` and `undo`: back to a version that was live."""

from collections.abc import Iterable

from tidegate.domain import manifest_files as files
from tidegate.domain.agent_version import AgentVersion
from tidegate.domain.errors import InvalidManifest, Refused
from tidegate.domain.intent import AgentRelease
from tidegate.domain.scalar_edits import with_values
from tidegate.domain.state import Phase, ReleaseState
from tidegate.domain.traffic import traffic_of
from tidegate.domain.version_diff import diff, is_forward_only
from tidegate.service.deploying import values_for
from tidegate.service.operating import Change, Desk, Done, carry_out, outlook_of
from tidegate.service.standing import Standing, parsed

_NO_COMMIT_YET = ""


def abort(desk: Desk, agent: str, *, force: bool = False, reason: str = "") -> Done:
    """End the rollout under way: everybody gets the version that was live before it.

    Args:
        desk: what to work on.
        agent: the agent.
        force: also where units cannot go back without their memory.
        reason: why, for the commit's message.

    Raises:
        Refused: nothing runs, or memory would be corrupted.
    """

    def plan(standing: Standing) -> Change:
        if not standing.is_unfinished:
            raise Refused(
                f"no rollout of {agent} is under way in {desk.environment}: "
                f"{standing.traffic.baseline} is served ({standing.traffic.phase.value}). To go "
                f"back to the version before it: tidegate undo {agent}"
            )
        if standing.traffic.frozen and not force:
            raise Refused(_memory_warning(standing, standing.traffic.baseline))
        return _change_to(desk, standing, standing.traffic.baseline, "Abort", reason)

    return carry_out(desk, agent, plan)


def undo(
    desk: Desk, agent: str, *, to: str | None = None, force: bool = False, reason: str = ""
) -> Done:
    """Go back to the version before, or to any that was live.

    While a rollout runs, the version before is the one that it would replace.

    Args:
        desk: what to work on.
        agent: the agent.
        to: the version; the last good one if not given.
        force: also where units cannot go back without their memory.
        reason: why, for the commit's message.

    Raises:
        Refused: there is none, it was never live, it was rolled back, or memory would be corrupted.
    """

    def plan(standing: Standing) -> Change:
        target = _chosen(desk, standing, to) if to is not None else _version_before(desk, standing)
        if not force and _corrupts_memory(desk, standing, target):
            raise Refused(_memory_warning(standing, target))
        return _change_to(desk, standing, target, "Undo", reason)

    return carry_out(desk, agent, plan)


def _change_to(desk: Desk, standing: Standing, target: str, verb: str, reason: str) -> Change:
    """A revert, where undoing the last change of INTENT leads there; else a change of its own."""
    path, before = standing.intent_path, standing.before
    if before is not None and before.version == target:
        return Change(
            standing=standing,
            guarded=(path,),
            make=lambda: desk.checkout.revert(standing.attempt, path, reason),
            outlook=_outlook(standing, before),
        )
    content = with_values(path, standing.content, values_for(standing.intent, target))
    if content == standing.content:
        raise Refused(
            f"{path} asks for {target} already, and what it said before is another version; "
            "change it by hand"
        )
    subject = f"{verb} {standing.agent} {standing.wanted}: back to {target}"
    message = f"{subject}\n\n{reason}" if reason else subject
    return Change(
        standing=standing,
        guarded=(path,),
        make=lambda: desk.checkout.commit(path, content, message),
        outlook=_outlook(standing, files.parse(path, content, AgentRelease)),
    )


def _outlook(standing: Standing, intent: AgentRelease) -> str:
    traffic = traffic_of(intent, standing.state, _NO_COMMIT_YET, standing.traffic.baseline)
    if traffic.phase is Phase.DEGRADED:
        raise Refused(f"{intent.version} would not be served: {traffic.reason}")
    return outlook_of(standing, traffic)


def _version_before(desk: Desk, standing: Standing) -> str:
    """The last version that was live before the one that is, and is not known to be bad."""
    if standing.is_unfinished:
        return standing.traffic.baseline
    present = standing.traffic.baseline
    earlier = [each for each in _once_live(desk, standing) if each != present]
    good = [each for each in earlier if not _is_bad(standing, each)]
    if good:
        return good[0]
    if earlier:
        raise Refused(
            f"every version of {standing.agent} that was live before {present} was rolled back: "
            f"{', '.join(earlier)}. To release one all the same: "
            f"tidegate deploy {standing.agent} {earlier[0]} --force"
        )
    raise Refused(
        f"no version of {standing.agent} was live before {present}; there is none to go back to"
    )


def _chosen(desk: Desk, standing: Standing, to: str) -> str:
    """The version that a person named, if it may be gone back to."""
    if to == standing.traffic.baseline and not standing.is_unfinished:
        raise Refused(f"{to} is what is served already")
    live = _once_live(desk, standing)
    if to not in live:
        raise Refused(
            f"{to} was never live for {standing.agent} in {standing.environment}; these were: "
            f"{', '.join(live)}. To release another: tidegate deploy {standing.agent} {to}"
        )
    if _is_bad(standing, to):
        raise Refused(
            f"{to} was rolled back before: {_why_bad(standing, to)}. To release it all the same: "
            f"tidegate deploy {standing.agent} {to} --force"
        )
    return to


def _once_live(desk: Desk, standing: Standing) -> list[str]:
    """Every version that was live, newest first: what STATE called stable; INTENT without it."""
    checkout = desk.checkout
    path = files.state_path(standing.environment, standing.agent)
    commits = checkout.changes(standing.commit, path)
    states = _read(path, checkout.read_at(commits, path), commits, ReleaseState)
    found = [version for state in states for version in (state.stable, *state.window)]
    if not found:
        commits = checkout.changes(standing.commit, standing.intent_path)
        contents = checkout.read_at(commits, standing.intent_path)
        intents = _read(standing.intent_path, contents, commits, AgentRelease)
        found = [intent.version for intent in intents]
    return list(dict.fromkeys((standing.traffic.baseline, *found)))


def _read(
    path: str, contents: dict[str, bytes], commits: Iterable[str], kind: type[files.D]
) -> list[files.D]:
    """A file at each commit, without those at which it cannot be read."""
    found = []
    for commit in commits:
        try:
            found.append(files.parse(path, contents[commit], kind))
        except (KeyError, InvalidManifest):
            continue
    return found


def _is_bad(standing: Standing, version: str) -> bool:
    return standing.state is not None and standing.state.marks_bad(version)


def _why_bad(standing: Standing, version: str) -> str:
    bad = standing.state.bad if standing.state is not None else ()
    return next((each.reason for each in reversed(bad) if each.version == version), "")


def _corrupts_memory(desk: Desk, standing: Standing, target: str) -> bool:
    """Whether what everybody's memory now holds cannot be read by the version gone back to."""
    present = standing.traffic.candidate if standing.traffic.frozen else standing.traffic.baseline
    if standing.is_unfinished and not standing.traffic.frozen:
        return False
    tree = desk.checkout.tree(standing.commit)
    before, after = (
        parsed(tree, files.version_path(standing.agent, name or ""), AgentVersion)
        for name in (target, present)
    )
    if before is None or after is None:
        return False
    return is_forward_only(diff(before, after, tree.read))


def _memory_warning(standing: Standing, target: str) -> str:
    present = standing.traffic.candidate if standing.traffic.frozen else standing.traffic.baseline
    return (
        f"{target} cannot read the memory that {present} has written: units that met {present} "
        "would lose or corrupt it. Release a version that can read it, or go back all the same "
        "with --force"
    )
