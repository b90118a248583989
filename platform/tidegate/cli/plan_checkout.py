"""What `tidegate plan` reads of a checkout: only files, so that it needs no git."""

from pathlib import Path

from tidegate.domain import manifest_files as files
from tidegate.domain.agent_version import AgentVersion
from tidegate.domain.errors import InvalidManifest
from tidegate.domain.installation import Installation
from tidegate.domain.intent import AgentRelease
from tidegate.domain.metrics import Metrics
from tidegate.domain.policy import policy_of
from tidegate.domain.state import ReleaseState
from tidegate.domain.version_diff import VersionDiff, diff
from tidegate.service.planned_release import PlannedRelease, live_version, meant_versions


def top_of(manifest: Path | None) -> Path:
    """The folder of tidegate.yaml: the one that is named, or the nearest around this one.

    Raises:
        InvalidManifest: there is none.
    """
    here = Path.cwd()
    for folder in (here, *here.parents) if manifest is None else (manifest,):
        if (folder / files.INSTALLATION_PATH).is_file():
            return folder
    raise InvalidManifest(
        files.INSTALLATION_PATH,
        f"is not in {(manifest or here).absolute()}; name a checkout of the manifest repository "
        "with --manifest",
    )


def read_release(folder: Path, environment: str, agent: str, asked: str | None) -> PlannedRelease:
    """The release that is planned, of the version that is asked for.

    Args:
        folder: the top of the checkout.
        environment: where it is released.
        agent: what is released.
        asked: a version; the one that INTENT asks for, or any, if not given.

    Raises:
        InvalidManifest: a file is missing, or cannot be read as what it must be.
        ValueError: the version is none that a release of this agent could be of.
    """
    installation = _installation(folder, environment)
    intent = _intent(folder, environment, agent)
    state = _parsed(folder, files.state_path(environment, agent), ReleaseState)
    metrics = _parsed(folder, files.metrics_path(agent), Metrics) or Metrics(agent=agent)
    if asked is not None and not files.is_name(asked):
        raise ValueError(f"{asked!r} is no name of a version")
    live = live_version(intent, state)
    versions = meant_versions(intent, live, asked)
    differences, missing = _differences(folder, agent, live, versions)
    return PlannedRelease(
        environment=environment,
        agent=agent,
        intent=intent,
        state=state,
        policy=policy_of(environment, intent, metrics, installation.budgets),
        installation=installation,
        version=versions[0] if len(versions) == 1 else None,
        differences=differences,
        missing=missing,
    )


def _installation(folder: Path, environment: str) -> Installation:
    installation = _parsed(folder, files.INSTALLATION_PATH, Installation)
    if installation is None or environment not in installation.environments:
        known = [] if installation is None else list(installation.environments)
        raise InvalidManifest(
            files.INSTALLATION_PATH, f"environments has no {environment!r}, but {known}"
        )
    return installation


def _intent(folder: Path, environment: str, agent: str) -> AgentRelease:
    path = files.intent_path(environment, agent)
    intent = _parsed(folder, path, AgentRelease) if files.is_name(agent) else None
    if intent is None:
        there = sorted(each.stem for each in (folder / path).parent.glob("*.yaml"))
        raise InvalidManifest(path, f"is missing; released in {environment!r} are {there}")
    if intent.agent != agent:
        raise InvalidManifest(
            path, f"agent is {intent.agent!r}, but the file's name says {agent!r}"
        )
    return intent


def _differences(
    folder: Path, agent: str, live: str, versions: tuple[str, ...]
) -> tuple[tuple[VersionDiff, ...], tuple[str, ...]]:
    """The differences from the live version that can be told, and the files that are missing."""
    if not versions:
        return (), ()
    found = {name: _version(folder, agent, name) for name in (live, *versions)}
    missing = tuple(files.version_path(agent, name) for name in found if found[name] is None)
    before, top = found[live], folder.resolve()
    differences = tuple(
        diff(before, after, lambda path: _inside(top, path))
        for after in map(found.get, versions)
        if before is not None and after is not None
    )
    return differences, missing


def _version(folder: Path, agent: str, name: str) -> AgentVersion | None:
    path = files.version_path(agent, name)
    version = _parsed(folder, path, AgentVersion)
    if version is not None and (version.agent, version.version) != (agent, name):
        said = f"{version.agent} {version.version}"
        raise InvalidManifest(path, f"is {said!r}, but the file's name says '{agent} {name}'")
    return version


def _parsed(folder: Path, path: str, kind: type[files.D]) -> files.D | None:
    """A file of the checkout; None if it is not there."""
    try:
        content = (folder / path).read_bytes()
    except FileNotFoundError:
        return None
    except OSError as error:
        raise InvalidManifest(path, f"cannot be read: {error.strerror}") from error
    return files.parse(path, content, kind)


def _inside(top: Path, path: str) -> bytes | None:
    """A file of the checkout, and none outside it, where a link may lead."""
    found = (top / path).resolve()
    return found.read_bytes() if found.is_relative_to(top) and found.is_file() else None
