"""What is served now: releases by agent, read from the manifest repository's head.

An agent whose files cannot be read at head keeps the last release that could be, also across
restarts; the reason shows. Everything here is read by many threads and replaced as a whole by one.
"""

import logging
import threading
from collections import OrderedDict

import msgspec

from tidegate.domain.emergency import stops
from tidegate.domain.errors import UnknownAgent, UnknownCommit, UnknownFlag
from tidegate.domain.release import Release
from tidegate.service.head_reading import HeadReader
from tidegate.service.ports import ControlDatabase, ManifestRepository
from tidegate.service.reading import ManifestReader
from tidegate_sdk.flags import CompiledFlag

log = logging.getLogger(__name__)
_REMEMBERED_RELEASES = 16_384  # exposures may refer to a commit that is some commits old


class Snapshot(msgspec.Struct, frozen=True, kw_only=True):
    """All releases of one environment.

    Attributes:
        head: the remote's head as last seen.
        served: the newest commit that is served.
        releases: by agent.
        flags: feature flags, by key.
        problems: why an agent, or "" for the repository as a whole, is not served from head, or
            why the engine leaves an agent alone.
    """

    head: str | None = None
    served: str | None = None
    releases: dict[str, Release] = {}
    flags: dict[str, CompiledFlag] = {}
    problems: dict[str, str] = {}


class ServedManifest:
    """Reads the manifest repository and holds what is served.

    Args:
        repository: the clone.
        control: knows the emergency overrides.
        environment: the environment that this service serves.
    """

    def __init__(
        self, repository: ManifestRepository, control: ControlDatabase, environment: str
    ) -> None:
        self._repository = repository
        self._control = control
        self.environment = environment
        self.reader = ManifestReader(repository, environment)
        self._heads = HeadReader(repository, self.reader)
        self.current = Snapshot()
        self.remote_problem: str | None = None
        self._past: OrderedDict[tuple[str, str], Release] = OrderedDict()
        self._past_lock = threading.Lock()
        self._alarms: dict[str, tuple[str, str]] = {}
        self._changing = threading.Lock()  # of what is current, by the engine's threads

    def release(self, agent: str) -> Release:
        """What is served for an agent.

        Raises:
            UnknownAgent: it has no release here.
        """
        current = self.current
        found = current.releases.get(agent)
        if found is None:
            raise UnknownAgent(agent, self.environment, sorted(current.releases))
        return found

    def release_at(self, agent: str, commit: str) -> Release:
        """What an agent's release was at a commit that was served once.

        Raises:
            UnknownCommit: the commit is not in the served history.
            InvalidManifest: the agent's files could not be read there.
        """
        with self._past_lock:
            remembered = self._past.get((agent, commit))
        if remembered is not None:
            return remembered
        served, full = self.current.served, self._repository.info(commit).commit
        if served is None or not self._repository.descends(served, full):
            raise UnknownCommit(commit)
        found = self.reader.release(agent, full)
        self._remember(found)
        return found

    def flag(self, flag: str) -> CompiledFlag:
        """A feature flag.

        Raises:
            UnknownFlag: there is none of this key here.
        """
        current = self.current
        found = current.flags.get(flag)
        if found is None:
            raise UnknownFlag(flag, self.environment, sorted(current.flags))
        return found

    def reload(self) -> Snapshot:
        """Read the head as last fetched or pushed, and serve it."""
        with self._changing:
            head, before = self._repository.head(), self.current
            if head is None:
                return before
            served = before.served or self._heads.last_served()
            if served is not None and not self._repository.descends(head, served):
                problem = _rewritten(head, served)
                if before.problems.get("") != problem:
                    log.error("%s; what was served goes on being served", problem)
                self.current = self._load(served, head=head, problems={"": problem})
            else:
                self.current = self._load(head, head=head, problems={})
                self._heads.note_served(head)
            return self.current

    def halt(self, agent: str, reason: str) -> None:
        """Serve an agent's baseline to every unit at once, before git knows."""
        with self._changing:
            current = self.current
            halted = {agent: current.releases[agent].halted(reason)}
            self.current = msgspec.structs.replace(current, releases=current.releases | halted)

    def alarm(self, agent: str, problem: str) -> None:
        """Show what is wrong with an agent's attempt until another one is served.

        The engine then does nothing with it but stop harm: it waits for a person.
        """
        with self._changing:
            current = self.current
            known = self._alarms.get(agent)
            self._alarms[agent] = (current.releases[agent].attempt, problem)
            if known != self._alarms[agent]:
                log.error("%s: %s", agent, problem)
            problems = {agent: problem} | current.problems
            self.current = msgspec.structs.replace(current, problems=problems)

    def _load(self, commit: str, *, head: str, problems: dict[str, str]) -> Snapshot:
        read = self._heads.read(commit)
        problems |= read.problems
        releases: dict[str, Release] = {}
        overrides = self._control.open_overrides().values()
        for agent, release in read.releases.items():
            self._note_alarm(release, problems)
            override = next((each for each in overrides if stops(each, release)), None)
            releases[agent] = release if override is None else release.halted(override.reason)
        self._remember(*read.releases.values())
        return Snapshot(
            head=head, served=commit, releases=releases, flags=read.flags, problems=problems
        )

    def _note_alarm(self, release: Release, problems: dict[str, str]) -> None:
        attempt, problem = self._alarms.get(release.agent, ("", ""))
        if attempt == release.attempt:
            problems.setdefault(release.agent, problem)
        else:
            self._alarms.pop(release.agent, None)

    def _remember(self, *releases: Release) -> None:
        with self._past_lock:
            for release in releases:
                self._past[release.agent, release.commit] = release
            while len(self._past) > _REMEMBERED_RELEASES:
                self._past.popitem(last=False)


def _rewritten(head: str, served: str) -> str:
    return (
        f"head {head[:12]} does not descend from {served[:12]}: history was rewritten; push a head "
        f"that does, such as after: git merge -s ours {served[:12]}"
    )
