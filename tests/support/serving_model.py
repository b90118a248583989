"""The rules of the manifest in plain words of Python: what must be served, and what was wanted.

Nothing of the product is imported here. A history is a list of commits, the branch's first parents;
a commit is named by its place in the list.
"""

from dataclasses import dataclass, field, replace
from typing import NamedTuple

AGENTS = ("other", "support")
VERSIONS = ("v1", "v2", "v3", "v4", "v5")
MISSING = "v9"
"""A version that INTENT may name, but that nobody ever added."""

STEPS = (
    {"share": 100_000, "units": 20, "seconds": 0},
    {"share": 300_000, "units": 0, "seconds": 600},
    {"share": 600_000, "units": 20, "seconds": 0},
    {"share": 1_000_000, "units": 0, "seconds": 0},
)


class Intent(NamedTuple):
    """What people wrote; `text` tells two edits of the same wish apart."""

    version: str
    force: bool = False
    text: str = ""
    parses: bool = True


class State(NamedTuple):
    """What an engine wrote, about the attempt that began with a commit."""

    attempt: int
    phase: str
    stable: str
    candidate: str | None = None
    step: int = 0
    share: int = 0
    step_started: float = 0.0
    window: tuple[str, ...] = ()
    bad: frozenset[str] = frozenset()


class Orders(NamedTuple):
    """What a person wants of one attempt."""

    attempt: int = -1
    paused: bool = False
    steps: int = 0
    full: bool = False


class Served(NamedTuple):
    """Who gets what."""

    phase: str
    baseline: str
    candidate: str | None = None
    share: int = 0


@dataclass(frozen=True)
class Commit:
    """All files of one commit that matter here, by agent."""

    intents: dict[str, Intent]
    states: dict[str, State]
    orders: dict[str, Orders] = field(default_factory=dict)
    broken_metrics: frozenset[str] = frozenset()


class History:
    """The served branch.

    Args:
        first: the commit that everything begins with.
    """

    def __init__(self, first: Commit) -> None:
        self.commits = [first]

    @property
    def head(self) -> int:
        return len(self.commits) - 1

    def add(self, **changed: object) -> int:
        """One more commit, with some of its files changed."""
        self.commits.append(replace(self.commits[-1], **changed))
        return self.head

    def put_intents(self, intents: dict[str, Intent]) -> int:
        return self.add(intents=self.commits[-1].intents | intents)

    def put_state(self, agent: str, state: State) -> int:
        return self.add(states=self.commits[-1].states | {agent: state})

    def attempt(self, agent: str, at: int) -> int:
        """The last commit that changed INTENT."""
        while at > 0 and self.commits[at].intents[agent] == self.commits[at - 1].intents[agent]:
            at -= 1
        return at

    def is_readable(self, agent: str, at: int) -> bool:
        commit = self.commits[at]
        intent = commit.intents[agent]
        whole = intent.parses and intent.version != MISSING
        return whole and agent not in commit.broken_metrics

    def served(self, agent: str, at: int) -> Served:
        """What must be served where nothing else is known than this commit."""
        commit, attempt = self.commits[at], self.attempt(agent, at)
        return serving_rule(commit.intents[agent], commit.states[agent], attempt)

    def way_back(self, agent: str, attempt: int) -> Intent:
        """The INTENT that a rollback of an attempt goes back to: the last one that leads away."""
        given_up = self.commits[attempt].intents[agent].version
        before = [self.commits[at].intents[agent] for at in range(attempt - 1, -1, -1)]
        leads_away = (
            each for each in before if each.parses and each.version not in (given_up, MISSING)
        )
        return next(leads_away, before[0])


def serving_rule(intent: Intent, state: State, attempt: int) -> Served:
    """Serving is a pure function of one commit.

    If STATE is of another attempt it is void: a version of the rollback window that is not marked
    bad is then served to everyone at once; any other leaves everyone on the stable version, until
    an engine begins it, which it does not with a bad version unless it is forced.
    """
    if state.attempt == attempt:
        if state.phase in ("Progressing", "Paused"):
            return Served(state.phase, state.stable, state.candidate, state.share)
        return Served(state.phase, state.stable)
    is_bad = intent.version in state.bad
    if is_bad and not intent.force:
        return Served("Degraded", state.stable)
    if not is_bad and intent.version in (state.stable, *state.window):
        return Served("Healthy", intent.version)
    return Served("Pending", state.stable, intent.version)
