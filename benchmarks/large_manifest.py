"""What a manifest repository of 1,000 agents costs a service process, beside one of a single agent.

Each is measured in a process of its own, so that its memory can be told:
`python benchmarks/large_manifest.py FOLDER AGENTS` prints one JSON object.
"""

import json
import random
import statistics
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import manifest_history
import pygit2
import yaml

from tidegate.adapters.control_database import ControlDatabase
from tidegate.adapters.duckdb_events import DuckDBEvents
from tidegate.adapters.git_manifest import GitManifest
from tidegate.adapters.health_probe import HttpProbe
from tidegate.adapters.system_clock import SystemClock
from tidegate.demo.sample_manifest import ENVIRONMENT
from tidegate.domain import manifest_files as files
from tidegate.service.assigning import Assigner
from tidegate.service.engine import Engine
from tidegate.service.served_manifest import ServedManifest

MANY = 1000
COMMITS = 2000
HIGHEST_LOOKUP_RATIO = 1.5
"""Target: an assignment among 1,000 agents takes at most this many times that of a single one."""

_ROUNDS = 10
_LOOKUPS = 20_000
_MIB = 2**20


def large_manifests(folder: Path) -> dict[str, float]:
    """Times and memory at 1,000 agents and at one, and their ratios."""
    many, one = (_measured_apart(folder, agents) for agents in (MANY, 1))
    found = {f"{name}_at_{MANY}_agents": value for name, value in many.items()}
    return found | {
        "assignment_us_at_1_agent": one["assignment_us"],
        f"assignment_at_{MANY}_agents_to_1": many["assignment_us"] / one["assignment_us"],
        f"rss_mib_for_{MANY}_agents_beyond_1": many["rss_mib"] - one["rss_mib"],
    }


def _measured_apart(folder: Path, agents: int) -> dict[str, float]:
    apart = folder / f"{agents}-agents"
    apart.mkdir()
    manifest_history.build(apart / "manifest.git", agents=agents, commits=COMMITS)
    command = [sys.executable, __file__, str(apart), str(agents)]
    completed = subprocess.run(command, check=True, stdout=subprocess.PIPE)
    found: dict[str, float] = json.loads(completed.stdout)
    return found


def measure(folder: Path, agents: int) -> dict[str, float]:
    """Times and memory of this process, which reads `manifest.git` in a folder."""
    remote, names = folder / "manifest.git", manifest_history.agent_names(agents)
    clone = GitManifest(folder / "clone.git", str(remote))
    control = ControlDatabase(f"sqlite:///{folder / 'control.db'}")
    manifest = ServedManifest(clone, control, ENVIRONMENT)
    events = DuckDBEvents(folder / "events.duckdb")
    engine = Engine(clone, manifest, events, control, SystemClock(), HttpProbe())
    clone.fetch()
    cold_s = _once(manifest.reload)
    found = {
        "manifest_cold_s": cold_s,
        "manifest_cold_to_bare_yaml": cold_s / _once(lambda: _bare(remote)),
        "manifest_unchanged_ms": 1000 * _median(manifest.reload),
        "manifest_one_agent_changed_ms": 1000 * _after_changes(remote, clone, manifest, names),
    }
    engine.refresh()
    found["engine_look_idle_ms"] = 1000 * _median(engine.look)
    assigner = Assigner(manifest, events, control, SystemClock())
    found["assignment_us"] = 1e6 * _lookup(assigner, names)
    found["rss_mib"] = _rss() / _MIB
    events.close()
    control.close()
    return found


def _bare(remote: Path) -> int:
    """The same documents read by pygit2 and parsed by libyaml, and nothing made of them."""
    tree = pygit2.Repository(str(remote)).revparse_single(manifest_history.BRANCH).tree
    loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
    parsed = 0
    for entry in tree[f"envs/{ENVIRONMENT}"]:
        if not isinstance(entry, pygit2.Blob):
            continue
        agent = str(entry.name).removesuffix(".yaml")
        named = (files.metrics_path(agent), files.version_path(agent, "v1"))
        for path in (*named, files.state_path(ENVIRONMENT, agent)):
            yaml.load(tree[path].data, Loader=loader)  # noqa: S506 - both are safe loaders
        yaml.load(entry.data, Loader=loader)  # noqa: S506 - the same
        parsed += 4
    return parsed


def _after_changes(
    remote: Path, clone: GitManifest, manifest: ServedManifest, names: list[str]
) -> float:
    """Median time to serve a commit, once it is fetched, that changes one agent's metrics."""
    times = []
    for number in range(_ROUNDS):
        agent = names[number % len(names)]
        path = files.metrics_path(agent)
        content = (clone.read(clone.head() or "", path) or b"") + b"# looked through\n"
        manifest_history.commit(remote, {path: content})
        clone.fetch()
        times.append(_once(manifest.reload))
    return statistics.median(times)


def _lookup(assigner: Assigner, names: list[str]) -> float:
    """Quickest time of an assignment over some rounds, each of agents in an order by chance."""
    asked = random.Random(1).choices(names, k=_LOOKUPS)  # noqa: S311 - no secret

    def ask() -> None:
        for number, agent in enumerate(asked):
            assigner.assign(agent, f"u{number}", {})

    return min(_once(ask) for _ in range(_ROUNDS)) / _LOOKUPS


def _median(action: Callable[[], object]) -> float:
    return statistics.median(_once(action) for _ in range(_ROUNDS))


def _once(action: Callable[[], object]) -> float:
    began = time.perf_counter()
    action()
    return time.perf_counter() - began


def _rss() -> int:
    """Resident memory of this process, in bytes."""
    status = Path("/proc/self/status").read_text()
    line = next(line for line in status.splitlines() if line.startswith("VmRSS:"))
    return 1024 * int(line.split()[1])


if __name__ == "__main__":
    sys.stdout.write(json.dumps(measure(Path(sys.argv[1]), int(sys.argv[2]))))
