"""Whether a world of a random history is as the model says, and where it is not."""

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import yaml

from rivals import naming
from serving_model import AGENTS, Intent, Served, State
from tidegate.domain.release import Release, rollout_id
from tidegate.domain.traffic import Traffic

if TYPE_CHECKING:
    from playing import Play

UNITS = tuple(f"asks-{number}" for number in range(40))


PLAN = """\
strategy:
  canary:
    steps:
      - {setWeight: 10%, minUnits: 20}
      - {setWeight: 30%, pause: {duration: 10m}}
      - {setWeight: 60%, minUnits: 20}
      - {setWeight: 100%}
"""


class Mismatch(AssertionError):
    """The world is not as the model says."""


def intent_text(agent: str, intent: Intent) -> str:
    """INTENT as people write it."""
    if not intent.parses:
        return f"version: [ # {intent.text}\n"
    head = f"apiVersion: tidegate/v1\nkind: AgentRelease\nagent: {agent}\nversion: v1\n{PLAN}"
    edit = f"# {intent.text}\n" if intent.text else ""
    return naming(head, intent.version, force=intent.force) + edit


def compare(play: "Play") -> None:
    """Compare all that is served, written, stopped and indexed.

    Raises:
        Mismatch: something is not as it must be.
    """
    found = [*_of_the_branch(play), *_of_the_engines(play)]
    if found:
        raise Mismatch("; ".join(found))


def _of_the_branch(play: "Play") -> Iterator[str]:
    """The remote's head: as many commits, people's last word or the revert of it, and STATE."""
    history = play.history
    if len(play.names) != len(history.commits):
        yield f"{len(play.names) - 1} commits were made, not {history.head}"
        return
    for agent in AGENTS:
        wanted = intent_text(agent, history.commits[-1].intents[agent])
        written = play.content(f"envs/production/{agent}.yaml")
        if written != wanted:
            yield f"INTENT of {agent} at head is {written!r}, not {wanted!r}"
        state = history.commits[-1].states[agent]
        stands = yaml.safe_load(play.content(f"envs/production/state/{agent}.yaml"))
        must = _state(state, play.name(agent, state.attempt))
        is_now = {key: stands.get(key, usual) for key, usual in _USUAL.items()}
        is_now["bad"] = sorted({each["version"] for each in is_now["bad"]})
        if is_now != must:
            yield f"STATE of {agent} at head is {is_now}, not {must}"


_USUAL: dict[str, Any] = {
    "attempt": "",
    "phase": "",
    "stable": "",
    "candidate": None,
    "step": 0,
    "weight": 0,
    "window": [],
    "bad": [],
}


def _state(state: State, attempt: str) -> dict[str, Any]:
    return {
        "attempt": attempt,
        "phase": state.phase,
        "stable": state.stable,
        "candidate": state.candidate,
        "step": state.step,
        "weight": state.share,
        "window": list(state.window),
        "bad": sorted(state.bad),
    }


def _of_the_engines(play: "Play") -> Iterator[str]:
    for name, world in play.engines.items():
        model = play.models[name]
        if world.manifest.current.served != play.names[model.seen]:
            yield f"the {name} serves another commit than {model.seen}"
        for agent in AGENTS:
            release, must = world.manifest.release(agent), model.served(agent)
            if _served(release.traffic) != must:
                yield f"the {name} serves {agent} as {_served(release.traffic)}, not {must}"
            if release.attempt != play.name(agent, model.attempt(agent)):
                yield f"the {name} serves another attempt of {agent} than {model.attempt(agent)}"
            yield from _of_units(play, release, must, model.attempt(agent))
        stopped = {rollout_id(agent, play.name(agent, each)) for agent, each in model.overrides}
        if world.control.open_overrides().keys() != stopped:
            yield f"the {name} has stopped {list(world.control.open_overrides())}, not {stopped}"
        known = {each.commit for each in world.control.decisions()} & set(play.names[1:])
        must_know = {each for each in play.names[: model.seen + 1] if each in play.decided}
        if known != must_know:
            yield f"the {name} has {len(known)} decisions in its index, not {len(must_know)}"


def _served(traffic: Traffic) -> Served:
    return Served(traffic.phase.value, traffic.baseline, traffic.candidate, traffic.share_ppm)


def _of_units(play: "Play", release: Release, must: Served, attempt: int) -> Iterator[str]:
    """Units meet no third version; one that met the candidate stays on it as its share grows."""
    served = {unit: release.version(unit) for unit in UNITS}
    allowed = {must.baseline, must.candidate if must.share else must.baseline}
    if not set(served.values()) <= allowed:
        yield f"units of {release.agent} meet {sorted(set(served.values()))}, not {allowed}"
    if must.share:
        met = frozenset(unit for unit, version in served.items() if version == must.candidate)
        at_shares = play.met.setdefault((release.agent, attempt), {})
        if any(not units <= met for share, units in at_shares.items() if share <= must.share):
            yield f"units of {release.agent} left the candidate as its share grew"
        at_shares[must.share] = met
