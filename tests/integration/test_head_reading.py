"""Reading only what a commit touched says the same as reading everything anew."""

import random
import subprocess
from collections.abc import Iterator
from pathlib import Path

import msgspec
import pygit2
import pytest

from release_files import at_rest, canary, metrics_path, release_file, version_file
from tidegate.adapters.control_database import ControlDatabase
from tidegate.adapters.git_manifest import GitManifest, create_bare
from tidegate.domain import manifest_files as files
from tidegate.domain.errors import InvalidManifest
from tidegate.domain.release import Release
from tidegate.domain.sources import release_sources
from tidegate.domain.state import Phase, ReleaseState
from tidegate.service.head_reading import HeadReader
from tidegate.service.reading import ManifestReader
from tidegate.service.served_manifest import ServedManifest

WHO = pygit2.Signature("Person", "person@example.invalid")
AGENTS = ("one", "two", "three")
SCHEMA = "schemas/shared.json"
INSTALLATION = "kind: Tidegate\nenvironments: [production]\n"
FLAG = """\
kind: FeatureFlag
flag: f
type: boolean
variants: {on: true, off: false}
rules: [{when: {segment: s}, serve: on}]
default: off
"""
SEGMENT = "kind: Segment\nsegment: s\nusers: [%s]\n"
BROKEN = "version: ["
RAMP = canary("{setWeight: 50%}", "{setWeight: 100%}")
UNITS = [f"u{number}" for number in range(5)]


class Remote:
    """A bare repository, written to without a clone."""

    def __init__(self, folder: Path) -> None:
        create_bare(folder)
        self.folder = folder
        self._git = pygit2.Repository(str(folder))

    @property
    def head(self) -> str:
        return str(self._git.references["refs/heads/main"].target)

    def commit(self, contents: dict[str, str | None], *parents: str) -> str:
        """A commit of files with new text, and of files that go where the text is None."""
        on = parents or ((self.head,) if "refs/heads/main" in self._git.references else ())
        index = pygit2.Index()
        if on:
            index.read_tree(self._git[on[0]].tree)
        for path, text in contents.items():
            if text is not None:
                blob = self._git.create_blob(text.encode())
                index.add(pygit2.IndexEntry(path, blob, pygit2.enums.FileMode.BLOB))
            elif path in index:
                index.remove(path)
        made = self._git.create_commit(
            None, WHO, WHO, "Change", index.write_tree(self._git), list(on)
        )
        self._git.references.create("refs/heads/main", made, force=True)
        return str(made)


@pytest.fixture
def remote(tmp_path: Path) -> Remote:
    made = Remote(tmp_path / "remote.git")
    contents: dict[str, str | None] = {"tidegate.yaml": INSTALLATION, SCHEMA: "{}"}
    for agent in AGENTS:
        contents |= at_rest("v1", "v2", agent=agent)
    made.commit(
        contents | {"segments/s.yaml": SEGMENT % "u1", "envs/production/flags/f.yaml": FLAG}
    )
    return made


@pytest.fixture
def clone(tmp_path: Path, remote: Remote) -> GitManifest:
    return GitManifest(tmp_path / "clone.git", str(remote.folder))


@pytest.fixture
def manifest(tmp_path: Path, clone: GitManifest) -> Iterator[ServedManifest]:
    control = ControlDatabase(f"sqlite:///{tmp_path / 'control.db'}")
    clone.fetch()
    yield ServedManifest(clone, control, "production")
    control.close()


def _plain(release: Release) -> dict[str, object]:
    """All of a release that can be compared: of segments, which are functions, their answers."""
    fields = msgspec.structs.asdict(release)
    segments = fields.pop("segments")
    answers = {name: [matches(unit, {}) for unit in UNITS] for name, matches in segments.items()}
    return fields | {"segments": answers, "placed": [release.place(unit) for unit in UNITS]}


def _state(agent: str, attempt: str, rng: random.Random) -> str:
    state = ReleaseState(
        agent=agent,
        attempt=attempt,
        phase=rng.choice([Phase.PROGRESSING, Phase.HEALTHY, Phase.ROLLED_BACK]),
        stable="v1",
        candidate="v2",
        weight=rng.randrange(1_000_000),
        window=("v1",),
    )
    return files.render(state).decode()


def _tools(agent: str, version: str, digest: str) -> dict[str, str]:
    tools = f"components: {{tools: [{{name: t, schema: {SCHEMA}, sha256: {digest}}}]}}\n"
    return {path: text + tools for path, text in version_file(version, agent).items()}


def _change(rng: random.Random, clone: GitManifest, head: str) -> dict[str, str | None]:
    """What a person or an engine may do to a repository, for good or ill."""
    agent = rng.choice(AGENTS)
    intent = files.intent_path("production", agent)
    attempt = clone.last_change(head, intent)
    release = release_file(rng.choice(["v1", "v2"]), RAMP, agent=agent)
    changes: list[dict[str, str | None]] = [
        {**release},
        {**release},
        {files.state_path("production", agent): _state(agent, attempt, rng)},
        {files.state_path("production", agent): _state(agent, attempt, rng)},
        {intent: None},
        {intent: BROKEN},
        {files.metrics_path(agent): rng.choice([BROKEN, None])},
        {metrics_path(agent): f"kind: Metrics\nagent: {agent}\nwindow: {rng.randrange(1, 9)}m\n"},
        {files.version_path(agent, "v2"): None},
        {**version_file("v2", agent)},
        {**_tools(agent, "v1", "a" * 64), **_tools(agent, "v2", "b" * 64)},
        {SCHEMA: f'{{"title": "{rng.random()}"}}'},
        {"segments/s.yaml": rng.choice([SEGMENT % "u2", SEGMENT % "u3", BROKEN, None])},
        {"tidegate.yaml": rng.choice([INSTALLATION, INSTALLATION, BROKEN])},
        {"envs/production/flags/f.yaml": rng.choice([FLAG, BROKEN, None])},
        {"notes.txt": f"{rng.random()}"},
    ]
    return rng.choice(changes)


@pytest.mark.parametrize("seed", range(3))
def test_whatever_is_committed_every_agent_is_as_if_all_were_read_anew(
    remote: Remote, clone: GitManifest, manifest: ServedManifest, seed: int
) -> None:
    rng = random.Random(seed)
    good: dict[str, str] = {}
    for _ in range(60):
        for _ in range(rng.choice([1, 1, 2, 3])):
            clone.fetch()
            remote.commit(_change(rng, clone, remote.head))
        clone.fetch()
        served = manifest.reload()
        anew = ManifestReader(clone, "production")
        there = anew.agents(remote.head)
        assert set(served.releases) <= set(there)
        good = {agent: commit for agent, commit in good.items() if agent in there}
        for agent in there:
            expected, problem = _read_anew(anew, agent, remote.head)
            assert served.problems.get(agent) == problem
            if expected is not None:
                good[agent] = remote.head
            elif agent in good:
                expected, _ = _read_anew(anew, agent, good[agent])
            found = served.releases.get(agent)
            assert (found is None) == (expected is None)
            if found is not None and expected is not None:
                assert _plain(found) == _plain(expected)


def _read_anew(
    reader: ManifestReader, agent: str, commit: str
) -> tuple[Release | None, str | None]:
    try:
        return reader.release(agent, commit), None
    except InvalidManifest as error:
        return None, str(error)


def test_only_what_a_commit_touched_is_read(
    remote: Remote, clone: GitManifest, monkeypatch: pytest.MonkeyPatch
) -> None:
    clone.fetch()
    heads = HeadReader(clone, ManifestReader(clone, "production"))
    before = heads.read(remote.head)
    read: list[str] = []
    release = ManifestReader.release

    def noting(self: ManifestReader, agent: str, commit: str) -> Release:
        read.append(agent)
        return release(self, agent, commit)

    monkeypatch.setattr(ManifestReader, "release", noting)
    remote.commit({metrics_path("two"): "kind: Metrics\nagent: two\nwindow: 3m\n"})
    clone.fetch()
    after = heads.read(remote.head)
    assert read == ["two"]
    assert {each.commit for each in after.releases.values()} == {remote.head}
    assert vars(after.releases["one"])["_enrolment"] is vars(before.releases["one"])["_enrolment"]
    assert after.releases["two"].window_s == 180


def test_an_intent_that_was_changed_and_changed_back_is_a_new_attempt(
    remote: Remote, clone: GitManifest, manifest: ServedManifest
) -> None:
    manifest.reload()
    intent = files.intent_path("production", "one")
    text = clone.read(remote.head, intent) or b""
    remote.commit({intent: "version: other\n"})
    back = remote.commit({intent: text.decode()})
    clone.fetch()
    assert manifest.reload().releases["one"].attempt == back


def test_a_merge_that_turned_the_line_around_is_read_anew(
    remote: Remote, clone: GitManifest, manifest: ServedManifest
) -> None:
    """What was served is the second parent of the merge: its commits are on the line no more."""
    manifest.reload()
    fork = remote.head
    deploy = release_file("v2", RAMP, agent="one")
    served = remote.commit({**deploy})
    clone.fetch()
    assert manifest.reload().releases["one"].attempt == served
    side = remote.commit({"notes.txt": "side"}, fork)
    merge = remote.commit({**deploy}, side, served)
    clone.fetch()
    assert clone.changed(merge, served) is None
    release = manifest.reload().releases["one"]
    assert (release.commit, release.attempt) == (merge, merge)


def test_a_release_is_read_from_the_files_that_it_names_and_no_others(
    remote: Remote, clone: GitManifest, monkeypatch: pytest.MonkeyPatch
) -> None:
    remote.commit({**_tools("one", "v1", "a" * 64), **_tools("one", "v2", "b" * 64)})
    deploy = remote.commit({**release_file("v2", RAMP, agent="one")})
    state = ReleaseState(
        agent="one", attempt=deploy, phase=Phase.PROGRESSING, stable="v1", candidate="v2"
    )
    head = remote.commit({files.state_path("production", "one"): files.render(state).decode()})
    clone.fetch()
    asked: set[str] = set()
    for name in ("read", "blob"):
        monkeypatch.setattr(clone, name, _noting(getattr(clone, name), head, asked))
    release = ManifestReader(clone, "production").release("one", head)
    everyones = {path for path in asked if path == "tidegate.yaml" or path.startswith("segments/")}
    assert asked - everyones == release_sources(release)
    assert SCHEMA in asked


def _noting(ask, head, asked):  # noqa: ANN001, ANN202 - stands in for two methods
    def noting(commit, path):  # noqa: ANN001, ANN202
        if commit == head:
            asked.add(path)
        return ask(commit, path)

    return noting


def test_a_reload_without_news_writes_no_reference_and_one_with_news_writes_one(
    remote: Remote, clone: GitManifest, manifest: ServedManifest, monkeypatch: pytest.MonkeyPatch
) -> None:
    manifest.reload()
    written: list[str] = []
    remember = clone.remember

    def noting(name: str, commit: str) -> None:
        written.append(name)
        remember(name, commit)

    monkeypatch.setattr(clone, "remember", noting)
    manifest.reload()
    assert written == []
    remote.commit({"notes.txt": "news"})
    clone.fetch()
    manifest.reload()
    assert written == ["served/production"]


def test_exposures_at_an_older_commit_find_the_release_of_then(
    remote: Remote, clone: GitManifest, manifest: ServedManifest
) -> None:
    first = manifest.reload().releases["one"]
    remote.commit({**release_file("v2", RAMP, agent="one")})
    clone.fetch()
    manifest.reload()
    assert manifest.release_at("one", first.commit) is first
    shortened = ServedManifest(clone, manifest._control, "production")
    shortened.reload()
    assert shortened.release_at("one", first.commit[:12]).commit == first.commit


@pytest.mark.parametrize("seed", range(3))
def test_the_last_change_is_what_git_says_on_a_history_of_merges_and_forks(
    remote: Remote, clone: GitManifest, seed: int
) -> None:
    rng = random.Random(seed)
    commits, paths = [remote.head], ["a", "b/c", "b/d/e"]
    for _ in range(25):
        parents = rng.sample(commits, k=min(len(commits), rng.choice([1, 1, 2])))
        text = rng.choice([None, "x", "y"])
        commits.append(remote.commit({rng.choice(paths): text}, *parents))
    for commit in commits:
        subprocess.run(
            ["git", "-C", str(remote.folder), "update-ref", f"refs/heads/c{commit}", commit],
            check=True,
        )
    remote_heads = ["git", "-C", str(clone._folder), "fetch", "-q", "origin", "+refs/*:refs/x/*"]
    subprocess.run(remote_heads, check=True)
    for _ in range(60):
        commit, path = rng.choice(commits), rng.choice(paths)
        log = ["log", "-1", "--first-parent", "--format=%H", commit, "--", path]
        expected = subprocess.run(
            ["git", "-C", str(remote.folder), *log], capture_output=True, text=True, check=True
        ).stdout.strip()
        if expected:
            assert clone.last_change(commit, path) == expected
