"""What a release and a flag are read from: a commit that changes none of it changes neither."""

from tidegate.domain import manifest_files as files
from tidegate.domain.flag import flag_path
from tidegate.domain.release import Release
from tidegate.domain.segment import SEGMENTS_FOLDER


def concerns_everything(changed: frozenset[str]) -> bool:
    """Whether one of these paths is read for every release and every flag."""
    in_segments = f"{SEGMENTS_FOLDER}/"
    return any(path == files.INSTALLATION_PATH or path.startswith(in_segments) for path in changed)


def release_sources(release: Release) -> frozenset[str]:
    """The files of its own that a release was read from, and those that were looked for.

    Guarantee: commits that change none of them, and nothing that concerns everything, leave the
    release as it is.
    """
    environment, agent = release.environment, release.agent
    tools = (tool for each in release.versions.values() for tool in each.components.tools)
    return frozenset(
        (
            files.intent_path(environment, agent),
            files.state_path(environment, agent),
            files.orders_path(environment, agent),
            files.metrics_path(agent),
            *(files.version_path(agent, version) for version in release.versions),
            *(tool.schema for tool in tools if tool.schema is not None),
        )
    )


def flag_sources(environment: str, flag: str) -> frozenset[str]:
    """The files of its own that a flag was read from; the guarantee of `release_sources` holds."""
    return frozenset((flag_path(environment, flag),))
