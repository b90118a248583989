"""`deploy`: ask for a version."""

from tidegate.domain import manifest_files as files
from tidegate.domain.blue_green import BlueGreen
from tidegate.domain.document_places import place_of
from tidegate.domain.errors import LintErrors, Refused
from tidegate.domain.intent import AgentRelease
from tidegate.domain.linting import Finding
from tidegate.domain.scalar_edits import Value, with_values
from tidegate.domain.state import Phase
from tidegate.domain.traffic import Traffic, traffic_of
from tidegate.service.linting import lint_change
from tidegate.service.operating import Change, Desk, Done, carry_out, outlook_of
from tidegate.service.standing import Standing

_NO_COMMIT_YET = ""


def deploy(
    desk: Desk,
    agent: str,
    version: str,
    *,
    force: bool = False,
    at_once: bool = False,
    message: str | None = None,
) -> Done:
    """Ask for a version: one commit that changes INTENT.

    Args:
        desk: what to work on.
        agent: the agent.
        version: the version that every unit shall get in the end.
        force: release it although it was rolled back before.
        at_once: also a version of the rollback window, which everyone is served without steps.
        message: of the commit.

    Raises:
        Refused: it is asked for already, its file is not committed, lint finds errors, or it would
            be served at once and nobody said that it may.
    """

    def plan(standing: Standing) -> Change:
        _check_version(desk, standing, version)
        values = values_for(standing.intent, version, force=force)
        content = with_values(standing.intent_path, standing.content, values)
        if content == standing.content:
            raise Refused(
                f"{standing.intent_path} asks for {version} already: {standing.traffic.reason}"
            )
        findings = _findings(desk, standing, content)
        traffic = _traffic(standing, content)
        if not at_once:
            _check_steps(standing, traffic)
        said = message or f"Deploy {agent} {version}"
        return Change(
            standing=standing,
            guarded=(standing.intent_path,),
            make=lambda: desk.checkout.commit(standing.intent_path, content, said),
            outlook=_outlook(standing, traffic),
            warnings=tuple(findings),
        )

    return carry_out(desk, agent, plan)


def values_for(intent: AgentRelease, version: str, *, force: bool = False) -> dict[str, Value]:
    """What to write where in an INTENT for another version.

    A force that is left from an earlier deploy is taken back: it was for that one.
    """
    values: dict[str, Value] = {"version": version}
    if force or intent.force:
        values["force"] = force
    plan = intent.strategy.blue_green
    if plan is not None and version != intent.version:
        values |= _switched(plan, version)
    return values


def _switched(plan: BlueGreen, version: str) -> dict[str, Value]:
    """The idle colour becomes active, and runs the version."""
    idle = "green" if plan.active == "blue" else "blue"
    return {
        "strategy.blueGreen.active": idle,
        f"strategy.blueGreen.{idle}.version": version,
    }


def _check_version(desk: Desk, standing: Standing, version: str) -> None:
    path = files.version_path(standing.agent, version)
    committed = desk.checkout.tree(standing.commit)
    if path in committed.paths:
        return
    if path in desk.checkout.working_tree().paths:
        raise Refused(
            f"{path} is here, but not committed: git add {path}, with the files that it pins, "
            f"and git commit -m 'Add {standing.agent} {version}'"
        )
    raise Refused(files.no_version(standing.agent, version, committed.paths))


def _findings(desk: Desk, standing: Standing, content: bytes) -> list[Finding]:
    """What lint says of the deploy, without what it says of other agents.

    Raises:
        LintErrors: there are errors.
    """
    changed = {standing.intent_path: content}
    found = lint_change(desk.checkout, standing.commit, changed, desk.today)
    ours = [each for each in found if _concerns(each.path, standing)]
    errors = [each for each in ours if each.severity == "error"]
    if errors:
        raise LintErrors(errors)
    return [each for each in ours if each.path == standing.intent_path]


def _concerns(path: str, standing: Standing) -> bool:
    """Whether a file has to do with a release: not if it is another agent's or environment's."""
    place = place_of(path)
    names = (place.names(path) if place is not None else None) or {}
    return (
        names.get("agent", standing.agent) == standing.agent
        and names.get("environment", standing.environment) == standing.environment
    )


def _traffic(standing: Standing, content: bytes) -> Traffic:
    """Who would get what as soon as this is committed."""
    intent = files.parse(standing.intent_path, content, AgentRelease)
    return traffic_of(intent, standing.state, _NO_COMMIT_YET, standing.intent.version)


def _check_steps(standing: Standing, traffic: Traffic) -> None:
    """Refuse what would reach everyone at once; the version that is live has already."""
    version, agent = traffic.baseline, standing.agent
    if traffic.phase is Phase.HEALTHY and version != standing.traffic.baseline:
        raise Refused(
            f"{version} is in the rollback window, because it was live lately: every unit would be "
            "served it at once, without steps, preview or health check. If that is what you want: "
            f"tidegate deploy {agent} {version} --at-once. To have it by its strategy, add it as a "
            "version of another name"
        )


def _outlook(standing: Standing, traffic: Traffic) -> str:
    ended = f"; the rollout of {standing.wanted} ends" if standing.is_unfinished else ""
    return outlook_of(standing, traffic) + ended
