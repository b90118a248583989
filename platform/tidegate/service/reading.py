"""Reading one commit of the manifest repository: what its documents say must be served."""

from collections.abc import Iterable, Iterator

import msgspec

from tidegate.domain import manifest_files as files
from tidegate.domain.agent_version import AgentVersion
from tidegate.domain.errors import InvalidManifest, UnknownCommit
from tidegate.domain.evidence import Orders
from tidegate.domain.flag import FeatureFlag, compile_flag, flag_path
from tidegate.domain.installation import Installation
from tidegate.domain.intent import AgentRelease
from tidegate.domain.layer import layer_slice
from tidegate.domain.metrics import Metrics
from tidegate.domain.orders import RolloutOrders
from tidegate.domain.policy import Policy, policy_of
from tidegate.domain.release import Release
from tidegate.domain.state import ReleaseState
from tidegate.domain.traffic import Traffic, traffic_of
from tidegate.domain.version_diff import diff, is_forward_only
from tidegate.domain.write_back import Deploy
from tidegate.service.documents import Documents
from tidegate.service.ports import ManifestRepository
from tidegate.service.segment_reading import SegmentReader
from tidegate_sdk.allocation import Slice
from tidegate_sdk.flags import CompiledFlag
from tidegate_sdk.rules import Segments


class ManifestReader:
    """Reads the files of one environment.

    Args:
        repository: the clone.
        environment: the environment.
    """

    def __init__(self, repository: ManifestRepository, environment: str) -> None:
        self._repository = repository
        self.environment = environment
        self._documents = Documents(repository)
        self._segments = SegmentReader(self._documents)

    def agents(self, commit: str) -> list[str]:
        """The agents that have a release."""
        return self._documents.names(commit, f"envs/{self.environment}")

    def flags(self, commit: str) -> list[str]:
        """The feature flags."""
        return self._documents.names(commit, f"envs/{self.environment}/flags")

    def release(self, agent: str, commit: str) -> Release:
        """An agent's release.

        Raises:
            InvalidManifest: a file that it needs is missing or cannot be read as what it must be.
        """
        intent_path = files.intent_path(self.environment, agent)
        installation = self._documents.required(commit, files.INSTALLATION_PATH, Installation)
        intent = self._intent(commit, agent)
        state = self._documents.optional(
            commit, files.state_path(self.environment, agent), ReleaseState
        )
        metrics = self._documents.optional(commit, files.metrics_path(agent), Metrics) or Metrics(
            agent=agent
        )
        attempt = self._repository.last_change(commit, intent_path)
        before = self._repository.info(attempt).parent
        traffic = traffic_of(intent, state, attempt, self._version_at(before, intent_path))
        versions = self._versions(commit, agent, _versions_of(intent, state, traffic))
        policy = policy_of(self.environment, intent, metrics, installation.budgets)
        found = Release(
            environment=self.environment,
            agent=agent,
            commit=commit,
            attempt=attempt,
            previous=self._attempt_at(before, intent_path),
            intent=intent,
            state=state,
            traffic=traffic,
            policy=self._with_memory(policy, traffic, versions, commit),
            watched=_watched(metrics, intent),
            window_s=metrics.window_s,
            versions=versions,
            orders=self._orders(commit, agent, attempt),
            holdout=self._holdout(installation),
            layer=_layer(intent_path, intent, installation),
            segments=self.segments(commit),
        )
        _check_placing(intent_path, found)
        return found

    def flag(self, flag: str, commit: str) -> CompiledFlag:
        """A feature flag.

        Raises:
            InvalidManifest: its file, or a segment that it names, cannot be read.
        """
        path = flag_path(self.environment, flag)
        document = self._documents.required(commit, path, FeatureFlag)
        if document.flag != flag:
            raise InvalidManifest(path, f"flag is {document.flag!r}, but the file says {flag!r}")
        installation = self._documents.required(commit, files.INSTALLATION_PATH, Installation)
        holdout = self._holdout(installation)
        return compile_flag(path, document, self.segments(commit), holdout)

    def segments(self, commit: str) -> Segments:
        """Matchers of the segments that can be read; the others are missing to who names them."""
        return self._segments.at(commit).matchers

    def segment_problems(self, commit: str) -> dict[str, str]:
        """Why a segment cannot be read, by its path without the suffix."""
        return self._segments.at(commit).problems

    def deploy_of(self, release: Release) -> Deploy:
        """The commit that began a release's attempt, and the INTENT to go back to.

        That is what INTENT was before the commit. Only if it names the same version again, or
        cannot be read, is it the last one before that does neither: going back to the version that
        is given up would change nothing.

        Raises:
            InvalidManifest: there was no INTENT before; nothing to return to.
        """
        info = self._repository.info(release.attempt)
        path = files.intent_path(release.environment, release.agent)
        earlier = list(self._intents_before(release.attempt, path))
        if not earlier:
            raise InvalidManifest(
                path, f"{info.commit[:12]} created it; there is nothing to revert to"
            )
        ways = (content for content, named in earlier if self._leads_from(release, named))
        before = next(ways, earlier[0][0])
        return Deploy(commit=info.commit, subject=info.subject, intent_before=before)

    def is_superseded(self, release: Release, commit: str) -> bool:
        """Whether people have said since what they want, although not all can be read there."""
        path = files.intent_path(release.environment, release.agent)
        if self._named_at(commit, path) is None:
            return False
        return self._repository.last_change(commit, path) != release.attempt

    def _intents_before(
        self, attempt: str, path: str
    ) -> Iterator[tuple[bytes, frozenset[str] | None]]:
        """What INTENT was before an attempt, newest first, and the versions that it names."""
        parent = self._repository.info(attempt).parent
        while parent is not None:
            content = self._repository.read(parent, path)
            if content is not None:
                yield content, self._named_at(parent, path)
            try:
                changed = self._repository.last_change(parent, path)
            except UnknownCommit:
                return  # it was not there before
            parent = self._repository.info(changed).parent

    def _leads_from(self, release: Release, named: frozenset[str] | None) -> bool:
        """Whether an INTENT that names these versions, if it can be read, is a way back."""
        if named is None or release.intent.version in named:
            return False
        paths = (files.version_path(release.agent, each) for each in named)
        return all(self._repository.blob(release.commit, path) is not None for path in paths)

    def _named_at(self, commit: str, path: str) -> frozenset[str] | None:
        """The versions that INTENT names at a commit; None if it is not there, or unreadable."""
        try:
            found = self._documents.optional(commit, path, AgentRelease)
        except InvalidManifest:
            return None
        if found is None:
            return None
        plan = found.strategy.ab
        arms = () if plan is None else plan.arms.values()
        return frozenset((found.version, *(arm.version for arm in arms)))

    def _intent(self, commit: str, agent: str) -> AgentRelease:
        path = files.intent_path(self.environment, agent)
        intent = self._documents.required(commit, path, AgentRelease)
        if intent.agent != agent or not files.is_name(agent):
            raise InvalidManifest(
                path, f"agent is {intent.agent!r}, but the file's name says {agent!r}"
            )
        return intent

    def _orders(self, commit: str, agent: str, attempt: str) -> Orders:
        path = files.orders_path(self.environment, agent)
        found = self._documents.optional(commit, path, RolloutOrders)
        return (found or RolloutOrders(agent=agent, attempt="")).for_attempt(attempt)

    def _holdout(self, installation: Installation) -> Slice | None:
        holdout = installation.holdouts.get(self.environment)
        return None if holdout is None else holdout.slice(self.environment)

    def _with_memory(
        self,
        policy: Policy,
        traffic: Traffic,
        versions: dict[str, AgentVersion],
        commit: str,
    ) -> Policy:
        """The policy, knowing whether the candidate's memory can be taken back."""
        if traffic.candidate is None:
            return policy
        found = diff(
            versions[traffic.baseline],
            versions[traffic.candidate],
            lambda path: self._repository.read(commit, path),
        )
        return msgspec.structs.replace(policy, forward_only=is_forward_only(found))

    def _versions(
        self, commit: str, agent: str, names: Iterable[str | None]
    ) -> dict[str, AgentVersion]:
        return {
            name: self._documents.required(commit, files.version_path(agent, name), AgentVersion)
            for name in sorted({name for name in names if name is not None})
        }

    def _attempt_at(self, commit: str | None, path: str) -> str | None:
        """The attempt in force at a commit; None if there was no INTENT."""
        if commit is None or self._repository.blob(commit, path) is None:
            return None
        return self._repository.last_change(commit, path)

    def _version_at(self, commit: str | None, path: str) -> str | None:
        """The version that INTENT named at a commit; None if it cannot be known."""
        if commit is None:
            return None
        try:
            found = self._documents.optional(commit, path, AgentRelease)
        except InvalidManifest:
            return None
        return found.version if found is not None else None


def _versions_of(
    intent: AgentRelease, state: ReleaseState | None, traffic: Traffic
) -> Iterable[str | None]:
    """Every version that a unit may be served by this commit."""
    before = state.window[1:2] if state is not None else ()
    forced = (each.version for each in intent.forced)
    arms = (each.version for each in traffic.arms)
    return (traffic.baseline, traffic.candidate, *before, *forced, *arms)


def _layer(path: str, intent: AgentRelease, installation: Installation) -> Slice | None:
    plan = intent.strategy.ab
    if plan is None or plan.layer is None:
        return None
    return layer_slice(path, plan.layer, installation.layers)


def _check_placing(path: str, release: Release) -> None:
    """Units can be placed: segments are there, and salts differ; better to know before one asks.

    Raises:
        InvalidManifest: so it is not.
    """
    try:
        release.place("")
    except ValueError as error:
        raise InvalidManifest(path, str(error)) from error


def _watched(metrics: Metrics, intent: AgentRelease) -> tuple[str, ...]:
    """Names that are counted: what the agent's metrics name, and what an experiment is about."""
    plan = intent.strategy.ab
    if plan is None:
        return metrics.watched
    goal = (plan.goal.name, *((plan.goal.per,) if plan.goal.per is not None else ()))
    return tuple(dict.fromkeys((*metrics.watched, *goal)))
