"""Reading one head after the other: what a commit did not touch is as it was before.

An agent or a flag whose files cannot be read at a head keeps the last that could be. That is what
was served before; it is noted in the repository, so that it is found again after a restart.
"""

import logging
from collections.abc import Callable, Iterable, Mapping
from typing import TypeVar

import msgspec

from tidegate.domain.errors import InvalidManifest
from tidegate.domain.release import Release
from tidegate.domain.sources import concerns_everything, flag_sources, release_sources
from tidegate.service.ports import ManifestRepository
from tidegate.service.reading import ManifestReader
from tidegate_sdk.flags import CompiledFlag

R = TypeVar("R")
log = logging.getLogger(__name__)


class ReadHead(msgspec.Struct, frozen=True, kw_only=True):
    """What one commit says, before overrides.

    Attributes:
        releases: by agent.
        flags: feature flags, by key.
        problems: why an agent, a flag or a segment could not be read at this commit.
    """

    commit: str = ""
    releases: dict[str, Release] = {}
    flags: dict[str, CompiledFlag] = {}
    problems: dict[str, str] = {}


class HeadReader:
    """Reads heads of one environment.

    Args:
        repository: the clone.
        reader: reads the files.
    """

    def __init__(self, repository: ManifestRepository, reader: ManifestReader) -> None:
        self._repository = repository
        self._reader = reader
        self._environment = reader.environment
        self._before = ReadHead()

    def last_served(self) -> str | None:
        """The commit that was served last, also before a restart."""
        return self._repository.recall(self._served_name)

    def note_served(self, commit: str) -> None:
        """Note that a commit is served now."""
        if self.last_served() != commit:
            self._repository.remember(self._served_name, commit)

    def read(self, commit: str) -> ReadHead:
        """What a commit says: read anew only where it differs from the one that was read before."""
        if commit == self._before.commit:
            return self._before
        changed = self._changed(commit)
        problems = dict(self._reader.segment_problems(commit))
        releases = {
            agent: self._unchanged(agent, changed, commit)
            or self._readable(agent, commit, problems, self._reader.release)
            for agent in self._reader.agents(commit)
        }
        flags = {
            flag: self._unchanged_flag(flag, changed)
            or self._readable(f"flags/{flag}", commit, problems, self._flag)
            for flag in self._reader.flags(commit)
        }
        self._before = ReadHead(
            commit=commit, releases=_found(releases), flags=_found(flags), problems=problems
        )
        return self._before

    @property
    def _served_name(self) -> str:
        return f"served/{self._environment}"

    def _changed(self, commit: str) -> frozenset[str] | None:
        """The paths that differ from before; None if everything must be read."""
        if not self._before.commit:
            return None
        changed = self._repository.changed(commit, self._before.commit)
        return None if changed is None or concerns_everything(changed) else changed

    def _unchanged(self, agent: str, changed: frozenset[str] | None, commit: str) -> Release | None:
        """The release as it was, if a commit touched nothing of it."""
        found = self._before.releases.get(agent)
        if found is None or changed is None or agent in self._before.problems:
            return None
        return found.at(commit) if changed.isdisjoint(release_sources(found)) else None

    def _unchanged_flag(self, flag: str, changed: frozenset[str] | None) -> CompiledFlag | None:
        if changed is None or f"flags/{flag}" in self._before.problems:
            return None
        untouched = changed.isdisjoint(flag_sources(self._environment, flag))
        return self._before.flags.get(flag) if untouched else None

    def _flag(self, name: str, commit: str) -> CompiledFlag:
        return self._reader.flag(name.removeprefix("flags/"), commit)

    def _readable(
        self, name: str, commit: str, problems: dict[str, str], read: Callable[[str, str], R]
    ) -> R | None:
        """What is read at a commit, or else the last that could be read."""
        try:
            return read(name, commit)
        except InvalidManifest as error:
            problems[name] = str(error)
            good, found = self._last_good(name, commit, read)
            if self._before.problems.get(name) != str(error):
                log.warning("%s; %s stays at %s", error, name, good[:12] if good else "nothing")
            return found

    def _last_good(
        self, name: str, commit: str, read: Callable[[str, str], R]
    ) -> tuple[str | None, R | None]:
        """What was served last if it can be read, or else what was noted when it could be."""
        kept = f"good/{self._environment}/{name}"
        served, noted = self.last_served(), self._repository.recall(kept)
        if served is not None and self._repository.blob(served, self._path(name)) is None:
            self._repository.remember(
                kept, commit
            )  # nothing that was there before is good any more
            return None, None
        for good in _without((served, noted), commit):
            try:
                found = read(name, good)
            except InvalidManifest as error:
                # So it is where the files are broken for long, and where a later form of the
                # documents does not take any more what it took once.
                log.debug("%s at %s: %s", name, good[:12], error)
                continue
            if good != noted:
                self._repository.remember(kept, good)
            return good, found
        return None, None

    def _path(self, name: str) -> str:
        """The file whose being there makes an agent, or a flag under `flags/`."""
        return f"envs/{self._environment}/{name}.yaml"


def _found(values: Mapping[str, R | None]) -> dict[str, R]:
    return {key: value for key, value in values.items() if value is not None}


def _without(commits: Iterable[str | None], commit: str) -> list[str]:
    return [each for each in commits if each is not None and each != commit]
