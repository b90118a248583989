"""Where an agent's release stands, as one commit of the manifest repository has it."""

import msgspec

from tidegate.domain import manifest_files as files
from tidegate.domain.errors import InvalidManifest, UnknownAgent
from tidegate.domain.intent import AgentRelease
from tidegate.domain.linting import read_file
from tidegate.domain.orders import RolloutOrders
from tidegate.domain.person_commits import AuthoredCommit
from tidegate.domain.state import Phase, ReleaseState
from tidegate.domain.traffic import Traffic, traffic_of
from tidegate.service.checkout_port import History, Tree


class Standing(msgspec.Struct, frozen=True, kw_only=True):
    """Where a release stands.

    Attributes:
        commit: what this was read from.
        content: the INTENT's bytes.
        orders: what people want of the present attempt, if they said anything.
        deploy: the commit that last changed INTENT: the present attempt.
        before: INTENT as it was before that commit, if it was there and can be read.
        traffic: who gets what.
    """

    environment: str
    agent: str
    commit: str
    intent: AgentRelease
    content: bytes
    state: ReleaseState | None
    orders: RolloutOrders | None
    deploy: AuthoredCommit
    before: AgentRelease | None
    traffic: Traffic

    @property
    def intent_path(self) -> str:
        """Path of INTENT."""
        return files.intent_path(self.environment, self.agent)

    @property
    def attempt(self) -> str:
        """The commit that last changed INTENT."""
        return self.deploy.commit

    @property
    def is_running(self) -> bool:
        """Whether an engine is at it: units are being compared, or wait to be."""
        return self.traffic.phase in (Phase.PROGRESSING, Phase.PAUSED)

    @property
    def is_unfinished(self) -> bool:
        """Whether INTENT wants something that not everybody has: what `abort` ends."""
        is_void = self.state is None or self.state.attempt != self.attempt
        refused = self.traffic.phase is Phase.DEGRADED and (is_void or self.traffic.frozen)
        return self.is_running or self.traffic.phase is Phase.PENDING or refused

    @property
    def wanted(self) -> str:
        """What the attempt releases, in words."""
        experiment = self.intent.strategy.ab
        if experiment is None:
            return self.intent.version
        return "the experiment with " + ", ".join(a.version for a in experiment.arms.values())


def agents_at(tree: Tree, environment: str) -> list[str]:
    """Every agent that has a release in an environment."""
    found = (_agent_of(path, environment) for path in tree.paths)
    return sorted(agent for agent in found if agent is not None)


def _agent_of(path: str, environment: str) -> str | None:
    agent = path.removeprefix(f"envs/{environment}/").removesuffix(".yaml")
    return agent if path == files.intent_path(environment, agent) and "/" not in agent else None


def standing_of(history: History, commit: str, environment: str, agent: str) -> Standing:
    """Where a release stands.

    Raises:
        UnknownAgent: it has no release in this environment.
        InvalidManifest: a file of it cannot be read; names line and key.
    """
    tree = history.tree(commit)
    path = files.intent_path(environment, agent)
    content = tree.read(path)
    if content is None or not files.is_name(agent):
        raise UnknownAgent(agent, environment, agents_at(tree, environment))
    intent = _read_as(path, content, AgentRelease)
    state = parsed(tree, files.state_path(environment, agent), ReleaseState)
    deploy = history.info(history.changes(commit, path, limit=1)[0])
    before = _before(history, deploy, path)
    previous = None if before is None else before.version
    orders = parsed(tree, files.orders_path(environment, agent), RolloutOrders)
    return Standing(
        environment=environment,
        agent=agent,
        commit=commit,
        intent=intent,
        content=content,
        state=state,
        orders=orders if orders is not None and orders.attempt == deploy.commit else None,
        deploy=deploy,
        before=before,
        traffic=traffic_of(intent, state, deploy.commit, previous),
    )


def parsed(tree: Tree, path: str, kind: type[files.D]) -> files.D | None:
    """What a file holds; None if it is not there.

    Raises:
        InvalidManifest: it cannot be read; names line and key.
    """
    content = tree.read(path)
    return None if content is None else _read_as(path, content, kind)


def _read_as(path: str, content: bytes, kind: type[files.D]) -> files.D:
    file = read_file(path, content)
    if file is not None and isinstance(file.document, kind):
        return file.document
    for found in () if file is None else file.findings:
        key = f"{found.key}: " if found.key else ""
        raise InvalidManifest(f"{path}:{found.line}", f"{key}{found.message}")
    raise InvalidManifest(path, f"is no {kind.__name__}")


def _before(history: History, deploy: AuthoredCommit, path: str) -> AgentRelease | None:
    if deploy.parent is None:
        return None
    content = history.read_at([deploy.parent], path).get(deploy.parent)
    try:
        return None if content is None else _read_as(path, content, AgentRelease)
    except InvalidManifest:
        return None
