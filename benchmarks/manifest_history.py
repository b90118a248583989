"""A manifest repository of many agents and many commits, made in seconds by `git fast-import`.

Its shape is the hard one: every agent's INTENT was last changed by the first commit, so that an
attempt lies as deep in the history as it can, and later commits write STATE and evidence.
"""

import subprocess
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path

import pygit2

from tidegate.adapters.git_manifest import create_bare
from tidegate.demo.sample_agent import sample_version
from tidegate.demo.sample_manifest import ENVIRONMENT, GUARDRAILS
from tidegate.domain import manifest_files as files
from tidegate.domain.canary import Canary, Step
from tidegate.domain.installation import Installation
from tidegate.domain.intent import AgentRelease, Strategy
from tidegate.domain.metrics import Metrics
from tidegate.domain.state import Phase, ReleaseState

STEPS = (Step(set_weight="25%", min_units=100_000), Step(set_weight="100%"))
"""A canary that waits for many units at its first step."""

BRANCH = "main"
Contents = Mapping[str, bytes]
_TEMPLATE = "agent-xxxx"
_BEGAN_AT = 1_767_225_600  # 2026-01-01, a second for each commit


def agent_names(count: int) -> list[str]:
    """Names of so many agents."""
    return [f"agent-{number:04}" for number in range(count)]


def intent_file(agent: str, version: str) -> bytes:
    """INTENT that releases a version in a canary."""
    strategy = Strategy(canary=Canary(steps=STEPS))
    return files.render(AgentRelease(agent=agent, version=version, strategy=strategy))


def build(remote: Path, *, agents: int, commits: int) -> str:
    """Make a bare repository in which version v1 of every agent is live; v2 is there too.

    Args:
        remote: the folder to make.
        agents: how many.
        commits: length of the history, 2 at least.

    Returns:
        The head.
    """
    create_bare(remote)
    names = agent_names(agents)
    first = _import(remote, [("Begin", _beginning(names))], parent=None)
    return _import(remote, _later(names, first, commits - 1), parent=first)


def commit(remote: Path, contents: Contents) -> str:
    """One more commit on the branch, as if it had been pushed; returns its id."""
    repository = pygit2.Repository(str(remote))
    reference = f"refs/heads/{BRANCH}"
    parent = repository.references[reference].target
    index = pygit2.Index()
    index.read_tree(repository[parent].tree)
    for path, content in contents.items():
        blob = repository.create_blob(content)
        index.add(pygit2.IndexEntry(path, blob, pygit2.enums.FileMode.BLOB))
    who = pygit2.Signature("Person", "person@example.invalid")
    tree = index.write_tree(repository)
    return str(repository.create_commit(reference, who, who, "Change", tree, [parent]))


def _beginning(names: list[str]) -> dict[str, bytes]:
    metrics = files.render(Metrics(agent=_TEMPLATE, guardrails=GUARDRAILS))
    template = {
        files.metrics_path(_TEMPLATE): metrics,
        files.intent_path(ENVIRONMENT, _TEMPLATE): intent_file(_TEMPLATE, "v1"),
    }
    for version in ("v1", "v2"):
        made, pinned = sample_version(_TEMPLATE, version)
        template |= pinned | {files.version_path(_TEMPLATE, version): files.render(made)}
    installation = files.render(Installation(environments=(ENVIRONMENT,)))
    contents = {files.INSTALLATION_PATH: installation}
    for name in names:
        contents |= _named(template, name)
    return contents


def _named(template: Contents, name: str) -> dict[str, bytes]:
    """The files of one agent; rendering each anew would take minutes."""
    return {
        path.replace(_TEMPLATE, name): content.replace(_TEMPLATE.encode(), name.encode())
        for path, content in template.items()
    }


def _later(names: list[str], attempt: str, count: int) -> Iterator[tuple[str, Contents]]:
    """First every agent's STATE, then that of one agent after the other, again and again."""
    state = ReleaseState(
        agent=_TEMPLATE, attempt=attempt, phase=Phase.HEALTHY, stable="v1", window=("v1",)
    )
    path = files.state_path(ENVIRONMENT, _TEMPLATE)
    template = {path: files.render(state)}
    everyone = [_named(template, name) for name in names]
    yield "Adopt all", {path: content for each in everyone for path, content in each.items()}
    for number in range(count - 1):
        name = names[number % len(names)]
        state_path, content = next(iter(everyone[number % len(names)].items()))
        evidence = files.evidence_path(ENVIRONMENT, name)
        noted = content + b"reason: note %d\n" % number
        yield f"Note {number}", {state_path: noted, evidence: b'{"note":%d}\n' % number}


def _import(remote: Path, commits: Iterable[tuple[str, Contents]], *, parent: str | None) -> str:
    stream = b"".join(_commits(commits, parent))
    command = ["git", "-C", str(remote), "fast-import", "--quiet"]
    subprocess.run(command, input=stream, check=True)
    head = ["git", "-C", str(remote), "rev-parse", BRANCH]
    return subprocess.run(head, capture_output=True, text=True, check=True).stdout.strip()


def _commits(commits: Iterable[tuple[str, Contents]], parent: str | None) -> Iterator[bytes]:
    for number, (message, contents) in enumerate(commits):
        yield f"commit refs/heads/{BRANCH}\n".encode()
        yield f"committer History <history@example.invalid> {_BEGAN_AT + number} +0000\n".encode()
        yield _data(message.encode())
        if number == 0 and parent is not None:
            yield f"from {parent}\n".encode()
        for path, content in contents.items():
            yield f"M 100644 inline {path}\n".encode() + _data(content)


def _data(content: bytes) -> bytes:
    return b"data %d\n%s\n" % (len(content), content)
