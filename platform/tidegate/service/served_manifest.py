"""What is served now: releases by agent, read from the manifest repository's head.

An agent whose files cannot be read at head keeps the last release that could be, also across
restarts; the reason shows. Everything here is read by many threads and replaced as a whole by one.
"""

import logging
import threading
from collections import OrderedDict
from collections.abc import Iterable

import msgspec

from tidegate.domain import manifest_files as files
from tidegate.domain.agent_version import AgentVersion
from tidegate.domain.errors import InvalidManifest, UnknownAgent, UnknownCommit
from tidegate.domain.installation import Installation
from tidegate.domain.intent import AgentRelease
from tidegate.domain.metrics import Metrics
from tidegate.domain.orders import RolloutOrders
from tidegate.domain.policy import policy_of
from tidegate.domain.release import Release, traffic_of
from tidegate.domain.state import ReleaseState
from tidegate.domain.write_back import Deploy
from tidegate.service.ports import ControlDatabase, ManifestRepository

log = logging.getLogger(__name__)
_REMEMBERED_RELEASES = 1024


class Snapshot(msgspec.Struct, frozen=True, kw_only=True):
    """All releases of one environment.

    Attributes:
        head: the remote's head as last seen.
        served: the newest commit that is served.
        releases: by agent.
        problems: why an agent, or "" for the repository as a whole, is not served from head.
    """

    head: str | None = None
    served: str | None = None
    releases: dict[str, Release] = {}
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
        self.current = Snapshot()
        self.remote_problem: str | None = None
        self._past: OrderedDict[tuple[str, str], Release] = OrderedDict()
        self._past_lock = threading.Lock()

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
        served = self.current.served
        if served is None or not self._repository.descends(
            served, self._repository.info(commit).commit
        ):
            raise UnknownCommit(commit)
        return self._remember(self._read(agent, commit))

    def reload(self) -> Snapshot:
        """Read the head as last fetched or pushed, and serve it."""
        head, before = self._repository.head(), self.current
        if head is None:
            return before
        served = before.served or self._repository.recall(f"served/{self.environment}")
        if served is not None and not self._repository.descends(head, served):
            problem = f"head {head[:12]} does not descend from {served[:12]}: history was rewritten"
            if before.problems.get("") != problem:
                log.error("%s; what was served goes on being served", problem)
            self.current = self._load(served, head=head, problems={"": problem})
        else:
            self.current = self._load(head, head=head, problems={})
            self._repository.remember(f"served/{self.environment}", head)
        return self.current

    def halt(self, agent: str, reason: str) -> None:
        """Serve an agent's baseline to every unit at once, before git knows."""
        current = self.current
        halted = current.releases[agent].halted(reason)
        self.current = msgspec.structs.replace(current, releases=current.releases | {agent: halted})

    def deploy_of(self, release: Release) -> Deploy:
        """The commit that began a release's attempt, and what INTENT was before it.

        Raises:
            InvalidManifest: there was no INTENT before; nothing to return to.
        """
        info = self._repository.info(release.attempt)
        path = files.intent_path(release.environment, release.agent)
        before = self._repository.read(info.parent, path) if info.parent else None
        if before is None:
            raise InvalidManifest(
                path, f"{info.commit[:12]} created it; there is nothing to revert to"
            )
        return Deploy(commit=info.commit, subject=info.subject, intent_before=before)

    def _load(self, commit: str, *, head: str, problems: dict[str, str]) -> Snapshot:
        releases: dict[str, Release] = {}
        overrides = self._control.open_overrides()
        for name in self._repository.names(commit, f"envs/{self.environment}"):
            agent = name.removesuffix(".yaml")
            release = self._readable(agent, commit, problems)
            if release is not None:
                override = overrides.get(release.rollout)
                releases[agent] = release if override is None else release.halted(override.reason)
        return Snapshot(head=head, served=commit, releases=releases, problems=problems)

    def _readable(self, agent: str, commit: str, problems: dict[str, str]) -> Release | None:
        """The release at a commit, or else the last one that could be read."""
        name = f"good/{self.environment}/{agent}"
        try:
            release = self._remember(self._read(agent, commit))
        except InvalidManifest as error:
            problems[agent] = str(error)
            good = self._repository.recall(name)
            if self.current.problems.get(agent) != str(error):
                log.warning("%s; %s stays at %s", error, agent, good[:12] if good else "nothing")
            return self._remember(self._read(agent, good)) if good is not None else None
        self._repository.remember(name, commit)
        return release

    def _remember(self, release: Release) -> Release:
        with self._past_lock:
            self._past[release.agent, release.commit] = release
            while len(self._past) > _REMEMBERED_RELEASES:
                self._past.popitem(last=False)
        return release

    def _read(self, agent: str, commit: str) -> Release:
        intent_path = files.intent_path(self.environment, agent)
        installation = self._parse(commit, files.INSTALLATION_PATH, Installation)
        intent = self._parse(commit, intent_path, AgentRelease)
        if intent.agent != agent or not files.is_name(agent):
            raise InvalidManifest(
                intent_path, f"agent is {intent.agent!r}, but the file's name says {agent!r}"
            )
        state = self._parse_if_there(
            commit, files.state_path(self.environment, agent), ReleaseState
        )
        metrics = self._parse_if_there(commit, files.metrics_path(agent), Metrics) or Metrics(
            agent=agent
        )
        orders = self._parse_if_there(
            commit, files.orders_path(self.environment, agent), RolloutOrders
        ) or RolloutOrders(agent=agent, attempt="")
        attempt = self._repository.last_change(commit, intent_path)
        traffic = traffic_of(intent, state, attempt, self._version_before(attempt, intent_path))
        return Release(
            environment=self.environment,
            agent=agent,
            commit=commit,
            attempt=attempt,
            intent=intent,
            state=state,
            traffic=traffic,
            policy=policy_of(self.environment, intent, metrics, installation.budgets),
            watched=metrics.watched,
            window_s=metrics.window_s,
            versions=self._versions(commit, agent, (traffic.baseline, traffic.candidate)),
            orders=orders.for_attempt(attempt),
        )

    def _versions(
        self, commit: str, agent: str, names: Iterable[str | None]
    ) -> dict[str, AgentVersion]:
        return {
            name: self._parse(commit, files.version_path(agent, name), AgentVersion)
            for name in sorted({name for name in names if name is not None})
        }

    def _version_before(self, attempt: str, path: str) -> str | None:
        """The version that INTENT named before an attempt; None if it cannot be known."""
        parent = self._repository.info(attempt).parent
        if parent is None:
            return None
        try:
            before = self._parse_if_there(parent, path, AgentRelease)
        except InvalidManifest:
            return None
        return before.version if before is not None else None

    def _parse_if_there(self, commit: str, path: str, kind: type[files.D]) -> files.D | None:
        content = self._repository.read(commit, path)
        return None if content is None else files.parse(path, content, kind)

    def _parse(self, commit: str, path: str, kind: type[files.D]) -> files.D:
        found = self._parse_if_there(commit, path, kind)
        if found is None:
            raise InvalidManifest(path, "is missing at this commit; add it, or name another")
        return found
