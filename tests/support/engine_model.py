"""What an engine must do with a history, in plain words; nothing of the product is used."""

from collections import defaultdict
from collections.abc import Callable, Iterator
from typing import NamedTuple

from serving_model import AGENTS, STEPS, History, Orders, Served, State

_WINDOW = 5
_TRIES = 5
Attempt = tuple[str, int]


class Override(NamedTuple):
    """An attempt that is stopped, and what is served instead."""

    version: str
    baseline: str


class EngineModel:
    """One engine: what it has fetched, what it has seen happen, and what it has stopped.

    Args:
        history: the branch, as the remote has it.
        now: the time.
    """

    def __init__(self, history: History, now: Callable[[], float]) -> None:
        self._history = history
        self._now = now
        self.reachable = True
        self.seen = history.head
        self.good = dict.fromkeys(AGENTS, history.head)
        self.overrides: dict[Attempt, Override] = {}
        self.units: dict[tuple[str, int, int], int] = defaultdict(int)
        self.harmed: set[Attempt] = set()
        self.recorded: dict[Attempt, int] = {}
        """With which commit git has a rollback, of any engine; shared by all."""

    def served(self, agent: str) -> Served:
        """What this engine must serve."""
        stopped = self._stopped(agent)
        if stopped is None:
            return self._history.served(agent, self.good[agent])
        state = self._state(agent)
        if state.phase == "Completed" and len(state.window) > 1:
            return Served("RolledBack", state.window[1])
        return Served("RolledBack", self._history.served(agent, self.good[agent]).baseline)

    def attempt(self, agent: str) -> int:
        """The attempt that is served."""
        return self._history.attempt(agent, self.good[agent])

    def fetch(self) -> None:
        """See what is new, if the remote answers; forget overrides that git has caught up with."""
        if self.reachable:
            self.seen = self._history.head
        self._read()

    def turning(self) -> Iterator[None]:
        """Fetch, then decide once about every agent; stops before the first push.

        If others have pushed meanwhile, it goes on by deciding again.
        """
        self.fetch()
        is_first = True
        for agent in AGENTS:
            for _ in range(_TRIES):
                write = self._due(agent)
                if write is None or not self.reachable:
                    break
                if is_first:
                    is_first = False
                    yield
                    if self._history.head != self.seen:
                        self.fetch()
                        continue
                write()
                self.fetch()
                break

    def _read(self) -> None:
        for agent in AGENTS:
            if self._history.is_readable(agent, self.seen):
                self.good[agent] = self.seen
        for stopped in list(self.overrides):
            agent = stopped[0]
            holds = self._stopped(agent) == stopped
            if not holds or (self._reads_head(agent) and self._knows(stopped)):
                del self.overrides[stopped]

    def _reads_head(self, agent: str) -> bool:
        return self.good[agent] == self.seen

    def _knows(self, stopped: Attempt) -> bool:
        """Whether the engine has seen a rollback in git."""
        return stopped in self.recorded and self.recorded[stopped] <= self.seen

    def _state(self, agent: str) -> State:
        return self._history.commits[self.good[agent]].states[agent]

    def _stopped(self, agent: str) -> Attempt | None:
        """The override that is about what is served: the attempt, or its version begun again."""
        attempt = self.attempt(agent)
        if (agent, attempt) in self.overrides:
            return (agent, attempt)
        intent = self._history.commits[self.good[agent]].intents[agent]
        state = self._state(agent)
        older = (agent, state.attempt)
        if older not in self.overrides or intent.force or intent.version in state.bad:
            return None
        was = state.stable if state.phase == "Completed" else state.candidate
        return older if intent.version == was else None

    def _due(self, agent: str) -> Callable[[], None] | None:
        """What to write now, if anything; harm is stopped here."""
        stopped = self._stopped(agent) or self._harm(agent)
        if stopped is not None:
            if self._knows(stopped) or self._is_superseded(agent):
                return None
            return lambda: self._roll_back(stopped)
        if not self._reads_head(agent):
            return None
        return self._progress(agent)

    def _harm(self, agent: str) -> Attempt | None:
        """Stop an attempt that does harm while units are being compared."""
        attempt = (agent, self.attempt(agent))
        served = self._history.served(agent, self.good[agent])
        if served.phase != "Progressing" or attempt not in self.harmed:
            return None
        assert served.candidate is not None
        self.overrides[attempt] = Override(served.candidate, served.baseline)
        return attempt

    def _is_superseded(self, agent: str) -> bool:
        """People want something else by now, though not all of it can be read."""
        if self._reads_head(agent):
            return False
        wanted = self._history.commits[self.seen].intents[agent]
        return wanted.parses and self._history.attempt(agent, self.seen) != self.attempt(agent)

    def _roll_back(self, stopped: Attempt) -> None:
        agent, attempt = stopped
        override, present = self.overrides[stopped], self.attempt(agent)
        state = self._state(agent)
        self._history.put_state(
            agent,
            State(
                attempt,
                "RolledBack",
                override.baseline,
                window=state.window,
                bad=state.bad | {override.version},
            ),
        )
        if attempt == present:
            self._history.put_intents({agent: self._history.way_back(agent, attempt)})
        self.recorded[stopped] = self._history.head

    def _progress(self, agent: str) -> Callable[[], None] | None:
        attempt, state = self.attempt(agent), self._state(agent)
        served = self._history.served(agent, self.seen)
        if served.phase == "Healthy" and state.attempt != attempt:
            unfinished = state.phase in ("Progressing", "Paused")
            if unfinished or state.stable != served.baseline:
                return lambda: self._settle(agent, attempt, served.baseline)
        if served.phase == "Pending":
            return lambda: self._begin(agent, attempt, served)
        if served.phase == "Progressing" and self._goes_on(agent, attempt, state):
            return lambda: self._advance(agent, attempt, state)
        return None

    def _goes_on(self, agent: str, attempt: int, state: State) -> bool:
        orders, step = self._orders(agent, attempt), STEPS[state.step]
        if orders.paused:
            return False
        if orders.full or orders.steps > state.step:
            return True
        enough = self.units[agent, attempt, state.step] >= step["units"]
        return enough and self._now() - state.step_started >= step["seconds"]

    def _orders(self, agent: str, attempt: int) -> Orders:
        orders = self._history.commits[self.seen].orders.get(agent, Orders())
        return orders if orders.attempt == attempt else Orders()

    def _begin(self, agent: str, attempt: int, served: Served) -> None:
        state = self._state(agent)
        share, now = STEPS[0]["share"], self._now()
        self._history.put_state(
            agent,
            State(
                attempt,
                "Progressing",
                served.baseline,
                served.candidate,
                0,
                share,
                now,
                state.window,
                state.bad,
            ),
        )

    def _advance(self, agent: str, attempt: int, state: State) -> None:
        step = state.step + 1
        share = STEPS[step]["share"]
        if self._orders(agent, attempt).full or share == STEPS[-1]["share"]:
            version = state.candidate
            assert version is not None
            window = _newest_first(version, state.stable, *state.window)
            bad = state.bad - {version}
            done = State(attempt, "Completed", version, window=window, bad=bad)
            self._history.put_state(agent, done)
        else:
            further = state._replace(step=step, share=share, step_started=self._now())
            self._history.put_state(agent, further)

    def _settle(self, agent: str, attempt: int, version: str) -> None:
        state = self._state(agent)
        window = _newest_first(version, *state.window)
        done = State(attempt, "Healthy", version, window=window, bad=state.bad)
        self._history.put_state(agent, done)


def _newest_first(*versions: str) -> tuple[str, ...]:
    return tuple(dict.fromkeys(versions))[:_WINDOW]
