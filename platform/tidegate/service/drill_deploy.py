"""The deploy of a drill: the live version once more, under a new name, by the agent's own plan."""

from typing import Final

import msgspec

from tidegate.domain import manifest_files as files
from tidegate.domain.commits import PlannedCommit
from tidegate.domain.drill import Casting
from tidegate.domain.errors import HeadMoved, TidegateError, UnknownAgent
from tidegate.domain.metrics import Guardrail
from tidegate.domain.release import Release
from tidegate.domain.scalar_edits import with_values
from tidegate.service.deploying import values_for
from tidegate.service.ports import Clock, ManifestRepository
from tidegate.service.reading import ManifestReader

_TRIES: Final = 10
_LONGEST_STEM: Final = 90
_MOST_COPIES: Final = 100


class CannotDrill(TidegateError):
    """There is nothing to rehearse: no such agent, no canary, nothing that could be harmed."""

    code = "cannot_drill"


def deploy_copy(
    repository: ManifestRepository, environment: str, agent: str | None, clock: Clock
) -> Casting:
    """Commit a copy of the live version, and ask for it; both are pushed together.

    Args:
        repository: of the person who deploys.
        environment: the environment.
        agent: the agent; may be left out where there is only one.
        clock: the time.

    Raises:
        CannotDrill: nothing can be rehearsed with this agent.
        UnknownAgent: it has no release here.
        InvalidManifest: its files cannot be read.
    """
    for _ in range(_TRIES):
        repository.fetch()
        head = repository.head()
        if head is None:
            raise CannotDrill("the manifest repository is empty")
        reader = ManifestReader(repository, environment)
        release = reader.release(_chosen(reader, head, agent), head)
        try:
            return _deployed(repository, release, clock)
        except HeadMoved:
            continue  # the engine was first; what is live may be another version now
    raise CannotDrill(f"the engine pushed first {_TRIES} times")


def _chosen(reader: ManifestReader, head: str, agent: str | None) -> str:
    agents = reader.agents(head)
    if agent is not None:
        if agent not in agents:
            raise UnknownAgent(agent, reader.environment, agents)
        return agent
    if len(agents) != 1:
        known = ", ".join(agents) or "none"
        raise CannotDrill(f"name the agent with --agent; {reader.environment} has {known}")
    return agents[0]


def _deployed(repository: ManifestRepository, release: Release, clock: Clock) -> Casting:
    if release.intent.strategy.canary is None:
        raise CannotDrill(f"{release.agent} is not released by a canary; only that is rehearsed")
    guardrail = _harmed(release)
    live = release.traffic.baseline
    copy = _new_name(repository, release, live)
    path = files.intent_path(release.environment, release.agent)
    before = repository.read(release.commit, path) or b""
    deployed = with_values(path, before, values_for(release.intent, copy))
    version = msgspec.structs.replace(release.versions[live], version=copy)
    published = repository.publish(
        release.commit,
        (
            PlannedCommit(
                message=f"Add {release.agent} {copy}, a copy of {live} for a drill",
                contents={files.version_path(release.agent, copy): files.render(version)},
            ),
            PlannedCommit(
                message=f"Deploy {release.agent} {copy}, for a drill", contents={path: deployed}
            ),
        ),
    )
    return Casting(
        environment=release.environment,
        agent=release.agent,
        live=live,
        copy=copy,
        deploy=published[-1],
        pushed_at=clock.now(),
        intent_before=before,
        guardrail=guardrail.name,
        kind="safety" if guardrail.kind == "incident" else "outcome",
    )


def _harmed(release: Release) -> Guardrail:
    """The guardrail that the copy will harm: an incident where one is watched."""
    guardrails = sorted(release.policy.guardrails, key=lambda each: each.kind != "incident")
    if not guardrails:
        raise CannotDrill(f"{release.agent} has no guardrail, so nothing can roll it back")
    return guardrails[0]


def _new_name(repository: ManifestRepository, release: Release, live: str) -> str:
    """A name that no version has."""
    stem = f"{live[:_LONGEST_STEM]}-drill"
    for name in (stem, *(f"{stem}{number}" for number in range(2, _MOST_COPIES))):
        if repository.blob(release.commit, files.version_path(release.agent, name)) is None:
            return name
    raise CannotDrill(f"{release.agent} has {_MOST_COPIES} versions named {stem} already")
