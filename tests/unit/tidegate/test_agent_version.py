"""What an agent version may say, and what each refusal names."""

import pytest

from tidegate.domain import manifest_files as files
from tidegate.domain.agent_version import AgentVersion, Components, Memory, Prompt, Tool
from tidegate.domain.errors import InvalidManifest

PATH = "agents/support/versions/v1.yaml"
VERSION = b"""
kind: AgentVersion
agent: support
version: v1
components:
  code:
    repo: https://git.example.invalid/support.git
    commit: 5f0c9b1e7d3a42868e61b0d4f7a95c23e81d6f04
    image: registry.example/support@sha256:%(digest)s
  prompts:
    - {name: system, path: prompts/system.md, sha256: %(digest)s}
    - {name: refusal, path: prompts/refusal.md, sha256: %(digest)s}
  model:
    provider: example
    model: answers-large
    endpoint: https://models.example.invalid/v1
    params: {temperature: 0.2, stop: [END], seed: null}
    pin: 2026-02
  tools:
    - {name: lookup, schema: tools/lookup.json, sha256: %(digest)s, sideEffects: read}
    - {name: refund, parameters: {type: object}, allowed: false}
  memory:
    schema: memory/notes.sql
    sha256: %(digest)s
    writes: "3"
    reads: ["2"]
    migrateDown: automatic
""" % {b"digest": b"a" * 64}


def _read(content: bytes) -> AgentVersion:
    return files.parse(PATH, content, AgentVersion)


def test_version_as_a_person_writes_it_is_read() -> None:
    parts = _read(VERSION).components
    assert parts.code is not None
    assert parts.model is not None
    assert parts.memory is not None
    assert parts.code.commit.startswith("5f0c9b1e")
    assert [prompt.name for prompt in parts.prompts] == ["system", "refusal"]
    assert parts.model.params == {"temperature": 0.2, "stop": ["END"], "seed": None}
    assert [(tool.side_effects, tool.allowed) for tool in parts.tools] == [
        ("read", True),
        ("write", False),
    ]
    assert parts.memory.readable == {"2", "3"}
    assert parts.memory.migrate_down == "automatic"


def test_version_rendered_is_read_back_the_same() -> None:
    version = _read(VERSION)
    assert _read(files.render(version)) == version


@pytest.mark.parametrize("part", ["code", "prompts", "model", "tools", "memory"])
def test_each_part_may_be_left_out(part: str) -> None:
    before, _, rest = VERSION.partition(b"  %s:\n" % part.encode())
    kept = rest.splitlines(keepends=True)
    while kept and kept[0].startswith(b"    "):
        del kept[0]
    version = _read(before + b"".join(kept))
    assert not getattr(version.components, part)
    assert [
        name for name in Components.__struct_fields__ if not getattr(version.components, name)
    ] == [part]


@pytest.mark.parametrize(
    ("old", "new", "named"),
    [
        pytest.param(b"commit: 5f0c", b"commit: zz0c", "commit is 'zz0c", id="no hex commit"),
        pytest.param(b"6f04\n", b"6f\n", "40 lowercase hex digits", id="a short commit"),
        pytest.param(b"@sha256:", b":v1", "image is 'registry", id="an image by its tag"),
        pytest.param(
            b"repo: https://git.example.invalid/support.git",
            b"repo: ''",
            "repo is empty",
            id="no repository",
        ),
        pytest.param(b"md, sha256: aa", b"md, sha256: AA", "sha256 is 'AA", id="upper case digest"),
        pytest.param(b"md, sha256: aa", b"md, sha256: a", "64 lowercase hex", id="a short digest"),
        pytest.param(
            b"path: prompts/system.md",
            b"path: /etc/passwd",
            "path is '/etc/passwd'",
            id="an absolute path",
        ),
        pytest.param(
            b"path: prompts/system.md", b"path: ../x.md", "path is '../x.md'", id="a way out"
        ),
        pytest.param(
            b"path: prompts/system.md", b"path: prompts/../x", "path is", id="a way round"
        ),
        pytest.param(b"path: prompts/system.md", b"path: ./x.md", "path is", id="a dot"),
        pytest.param(
            b"path: prompts/system.md", b"path: a//b", "path is", id="a part without a name"
        ),
        pytest.param(b"path: prompts/system.md", b"path: a\\b", "path is", id="a backslash"),
        pytest.param(b"path: prompts/system.md", b"path: 'C:x'", "path is", id="a drive"),
        pytest.param(b"path: prompts/system.md", b'path: "a\\0b"', "path is", id="a zero byte"),
        pytest.param(
            b"schema: tools/lookup.json", b"schema: /x", "schema is '/x'", id="a tool's path"
        ),
        pytest.param(
            b"schema: memory/notes.sql", b"schema: ../x", "schema is '../x'", id="the memory's path"
        ),
        pytest.param(
            b"name: refusal",
            b"name: system",
            "prompts has 'system' more than once",
            id="a prompt twice",
        ),
        pytest.param(
            b"name: refund", b"name: lookup", "tools has 'lookup' more than once", id="a tool twice"
        ),
        pytest.param(
            b'["2"]', b'["2", "2"]', "reads has '2' more than once", id="a structure twice"
        ),
        pytest.param(b"provider: example", b"provider: ' '", "provider is empty", id="no provider"),
        pytest.param(b"model: answers-large", b"model: ''", "model is empty", id="no model"),
        pytest.param(b"name: refund", b"name: ''", "name is empty", id="a tool without a name"),
        pytest.param(b'writes: "3"', b'writes: ""', "writes is empty", id="no structure"),
        pytest.param(
            b'writes: "3"', b"writes: 3", "$.components.memory.writes", id="a bare number"
        ),
        pytest.param(b"sideEffects: read", b"sideEffects: some", "sideEffects", id="other effects"),
        pytest.param(b"automatic", b"sometimes", "migrateDown", id="another migration"),
        pytest.param(b"parameters: {type: object}, ", b"", "schema or parameters", id="no schema"),
        pytest.param(
            b"parameters: {type: object}",
            b"parameters: {}, schema: a.json",
            "only one of them",
            id="two schemas",
        ),
        pytest.param(
            b"parameters: {type: object}",
            b"schema: a.json",
            "sha256 of tool 'refund'",
            id="a path without a digest",
        ),
        pytest.param(
            b"parameters: {type: object}",
            b"parameters: {}, sha256: " + b"a" * 64,
            "sha256 of tool 'refund'",
            id="a digest without a path",
        ),
        pytest.param(
            b"seed: null", b"since: 2026-03-01", "a date; quote it", id="a date as parameter"
        ),
        pytest.param(b"seed: null", b"seed: .nan", "no JSON number", id="no number"),
        pytest.param(
            b"seed: null", b"seed: {1: x}", "key 1, which is no text", id="a number as key"
        ),
        pytest.param(b"seed: null", b"seed: &a [*a]", "nested deeper", id="a list in itself"),
        pytest.param(
            b"seed: null",
            b"a: &a [x,x,x,x,x,x,x,x,x,x], b: &b [*a,*a,*a,*a,*a,*a,*a,*a], "
            b"c: &c [*b,*b,*b,*b,*b,*b,*b,*b], d: &d [*c,*c,*c,*c,*c,*c,*c,*c], "
            b"e: [*d,*d,*d,*d,*d,*d,*d,*d]",
            "more than 10000 values",
            id="a text that grows",
        ),
        pytest.param(
            b"{type: object}", b"&a {x: *a}", "parameters is nested", id="a schema in itself"
        ),
        pytest.param(
            b"allowed:", b"allow:", "unknown field `allow`", id="an unknown key of a tool"
        ),
        pytest.param(b"  model:\n", b"  brain:\n", "unknown field `brain`", id="an unknown part"),
        pytest.param(
            b"    pin:", b"    pinned:", "`$.components.model`", id="an unknown key of the model"
        ),
    ],
)
def test_wrong_version_is_refused_by_path_and_key(old: bytes, new: bytes, named: str) -> None:
    assert old in VERSION
    with pytest.raises(InvalidManifest) as refused:
        _read(VERSION.replace(old, new, 1))
    assert refused.value.path == PATH
    assert named in refused.value.problem


def test_version_of_the_first_form_is_refused() -> None:
    """Its parts had no kinds; taking them silently would leave a version without pins."""
    with pytest.raises(InvalidManifest, match="unknown field `name`"):
        _read(b"kind: AgentVersion\nagent: a\nversion: v\ncomponents: {model: {name: x}}\n")


def test_declared_tools_are_those_that_may_be_called() -> None:
    assert _read(VERSION).declared_tools == {"lookup"}
    assert AgentVersion(agent="support", version="v1").declared_tools == frozenset()


def test_checks_hold_for_values_made_in_code_too() -> None:
    with pytest.raises(ValueError, match="sha256 is 'x'"):
        Prompt(name="system", path="a.md", sha256="x")
    with pytest.raises(ValueError, match="schema or parameters"):
        Tool(name="refund")
    with pytest.raises(ValueError, match="schema is ''"):
        Memory(schema="", writes="1")
