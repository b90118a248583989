"""Files that are not those which were pinned, and version files that were edited."""

import hashlib
from pathlib import Path

import pytest

from tidegate.domain.agent_version import AgentVersion, Components, Memory, Prompt, Tool
from tidegate.domain.version_checks import DigestProblem, digest_problems, immutability_problem

PATH = "agents/support/versions/v1.yaml"
TEXT = b"kind: AgentVersion\nagent: support\nversion: v1\n"


def _digest(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


FILES = {"p.md": b"prompt", "t.json": b"{}", "m.sql": b"create"}
VERSION = AgentVersion(
    agent="support",
    version="v1",
    components=Components(
        prompts=(
            Prompt(name="elsewhere", path="not/here.md", sha256="0" * 64),
            Prompt(name="system", path="p.md", sha256=_digest(b"prompt")),
        ),
        tools=(
            Tool(name="inline", parameters={}),
            Tool(name="lookup", schema="t.json", sha256=_digest(b"{}")),
        ),
        memory=Memory(schema="m.sql", sha256=_digest(b"create"), writes="1"),
    ),
)


def test_files_as_pinned_or_elsewhere_are_no_problem() -> None:
    assert digest_problems(VERSION, FILES.get) == []
    assert digest_problems(VERSION, lambda _path: None) == []


@pytest.mark.parametrize(
    ("path", "key"),
    [
        ("p.md", "components.prompts[1].sha256"),
        ("t.json", "components.tools[1].sha256"),
        ("m.sql", "components.memory.sha256"),
    ],
)
def test_file_with_other_bytes_is_found_by_path_and_key(path: str, key: str) -> None:
    problems = digest_problems(VERSION, (FILES | {path: b"edited"}).get)
    assert problems == [
        DigestProblem(path=path, key=key, expected=_digest(FILES[path]), found=_digest(b"edited"))
    ]
    assert str(problems[0]).startswith(f"{key} is {_digest(FILES[path])[:12]}…, but {path} has ")


def test_one_more_byte_at_the_end_is_another_file() -> None:
    assert len(digest_problems(VERSION, (FILES | {"p.md": b"prompt\n"}).get)) == 1


def test_memory_that_is_only_named_is_not_looked_for() -> None:
    version = AgentVersion(
        agent="a", version="v", components=Components(memory=Memory(schema="m.sql", writes="1"))
    )

    def read(path: str) -> bytes:
        pytest.fail(f"{path} was read")

    assert digest_problems(version, read) == []


@pytest.mark.parametrize(
    ("before", "after", "problem"),
    [
        pytest.param(None, TEXT, None, id="a new file"),
        pytest.param(TEXT, TEXT, None, id="no change"),
        pytest.param(None, None, None, id="no file"),
        pytest.param(TEXT, TEXT + b"# note\n", "if only in its formatting", id="a comment"),
        pytest.param(TEXT, TEXT.replace(b"v1", b'"v1"'), "if only in its formatting", id="quotes"),
        pytest.param(TEXT, TEXT + b"components: {}\n", "if only in", id="a default written out"),
        pytest.param(TEXT, TEXT.replace(b"v1", b"v2"), "says something else", id="another value"),
        pytest.param(TEXT, b"agent: [", "was edited", id="broken by the edit"),
        pytest.param(b"agent: [", TEXT, "was edited", id="mended by the edit"),
        pytest.param(TEXT, None, "was deleted; a rollback may need it", id="deleted"),
    ],
)
def test_edit_of_a_committed_version_is_a_problem_that_says_what_it_is(
    before: bytes | None, after: bytes | None, problem: str | None
) -> None:
    found = immutability_problem(PATH, before, after)
    if problem is None:
        assert found is None
    else:
        assert found is not None
        assert found.startswith(f"{PATH} ")
        assert problem in found
        assert "put it back" in found


def test_checks_work_on_a_real_folder(tmp_path: Path) -> None:
    (tmp_path / "p.md").write_bytes(b"edited")

    def read(path: str) -> bytes | None:
        found = tmp_path / path
        return found.read_bytes() if found.is_file() else None

    assert [each.path for each in digest_problems(VERSION, read)] == ["p.md"]
