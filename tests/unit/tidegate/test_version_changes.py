"""Every change between two agent versions is one entry with its class, and no more than that."""

import json
from typing import Any

import pytest

from agent_versions import (
    CODE,
    COMMIT,
    MODEL,
    OTHER_PARAMS,
    diff_of,
    in_file,
    inline,
    memory,
    prompt,
)
from schemas import INTEGER, NUMBER, STRING, tool
from tidegate.domain.agent_version import Code, Model
from tidegate.domain.version_change import Risk
from tidegate.domain.version_diff import VersionDiff


@pytest.mark.parametrize(
    ("before", "after", "risk", "name", "shown"),
    [
        pytest.param(
            {"prompts": (prompt(digit="a"),)},
            {"prompts": (prompt(digit="b"),)},
            "prompt-only",
            "system",
            ("a" * 64, "b" * 64),
            id="another text",
        ),
        pytest.param(
            {},
            {"prompts": (prompt(),)},
            "prompt-only",
            "system",
            (None, "a" * 64),
            id="a new prompt",
        ),
        pytest.param(
            {"prompts": (prompt(),)},
            {},
            "prompt-only",
            "system",
            ("a" * 64, None),
            id="a prompt is gone",
        ),
        pytest.param(
            {"model": MODEL},
            {"model": Model(provider="p", model="n", params=MODEL.params)},
            "model",
            "model",
            ("m", "n"),
            id="another model",
        ),
        pytest.param(
            {"model": MODEL},
            {"model": Model(provider="q", model="m", params=MODEL.params)},
            "model",
            "provider",
            ("p", "q"),
            id="another provider",
        ),
        pytest.param(
            {"model": Model(provider="p", model="m")},
            {"model": Model(provider="p", model="m", endpoint="e")},
            "model",
            "endpoint",
            (None, "e"),
            id="another endpoint",
        ),
        pytest.param(
            {"model": Model(provider="p", model="m", pin="1")},
            {"model": Model(provider="p", model="m")},
            "model",
            "pin",
            ("1", None),
            id="a model set loose",
        ),
        pytest.param(
            {"model": MODEL},
            {"model": OTHER_PARAMS},
            "model",
            "params.temperature",
            ("1", "true"),
            id="a setting that only Python takes for the same",
        ),
        pytest.param(
            {"model": Model(provider="p", model="m")},
            {"model": Model(provider="p", model="m", params={"seed": None})},
            "model",
            "params.seed",
            (None, "null"),
            id="a setting of null",
        ),
        pytest.param(
            {"code": CODE},
            {"code": Code(repo="r", commit="d" * 40, image=CODE.image)},
            "code",
            "commit",
            (COMMIT, "d" * 40),
            id="another commit",
        ),
        pytest.param(
            {"code": CODE},
            {"code": Code(repo="s", commit=COMMIT, image=CODE.image)},
            "code",
            "repo",
            ("r", "s"),
            id="another repository",
        ),
        pytest.param(
            {"code": CODE},
            {"code": Code(repo="r", commit=COMMIT)},
            "code",
            "image",
            (CODE.image, None),
            id="no image",
        ),
        pytest.param(
            {},
            {"tools": (inline(),)},
            "tool-compatible",
            "refund",
            (None, "write, allowed"),
            id="a new tool",
        ),
        pytest.param(
            {},
            {"tools": (inline(allowed=False),)},
            "tool-compatible",
            "refund",
            (None, "write, not allowed"),
            id="a new tool that may not be called",
        ),
        pytest.param(
            {"tools": (inline(),)},
            {},
            "tool-breaking",
            "refund",
            ("write, allowed", None),
            id="a tool is gone",
        ),
        pytest.param(
            {"tools": (inline(allowed=False),)},
            {},
            "tool-compatible",
            "refund",
            ("write, not allowed", None),
            id="a tool is gone that could not be called",
        ),
        pytest.param(
            {"tools": (inline(),)},
            {"tools": (inline(allowed=False),)},
            "tool-breaking",
            "refund",
            ("allowed", "not allowed"),
            id="a tool is forbidden",
        ),
        pytest.param(
            {"tools": (inline(allowed=False),)},
            {"tools": (inline(),)},
            "tool-compatible",
            "refund",
            ("not allowed", "allowed"),
            id="a tool is allowed",
        ),
        pytest.param(
            {"tools": (inline(side_effects="read"),)},
            {"tools": (inline(),)},
            "tool-breaking",
            "refund",
            ("read", "write"),
            id="a tool that read writes",
        ),
        pytest.param(
            {"tools": (inline(),)},
            {"tools": (inline(side_effects="read"),)},
            "tool-compatible",
            "refund",
            ("write", "read"),
            id="a tool that wrote reads",
        ),
        pytest.param(
            {"tools": (inline(tool(a=NUMBER)),)},
            {"tools": (inline(tool(a=INTEGER)),)},
            "tool-breaking",
            "refund",
            ("number", "integer"),
            id="a narrower argument",
        ),
        pytest.param(
            {"tools": (inline(tool()),)},
            {"tools": (inline(tool(("a",), a=STRING)),)},
            "tool-breaking",
            "refund",
            ("optional", "required"),
            id="a required argument",
        ),
        pytest.param(
            {"tools": (inline(tool(a=INTEGER)),)},
            {"tools": (inline(tool(a=NUMBER)),)},
            "tool-compatible",
            "refund",
            (
                json.dumps(tool(a=INTEGER), separators=(",", ":")),
                json.dumps(tool(a=NUMBER), separators=(",", ":")),
            ),
            id="a wider argument",
        ),
        pytest.param(
            {"tools": (inline(tool(a=NUMBER), allowed=False),)},
            {"tools": (inline(tool(a=INTEGER), allowed=False),)},
            "tool-compatible",
            "refund",
            (
                json.dumps(tool(a=NUMBER), separators=(",", ":")),
                json.dumps(tool(a=INTEGER), separators=(",", ":")),
            ),
            id="a narrower argument of a tool that could not be called",
        ),
        pytest.param(
            {},
            {"memory": memory()},
            "memory-compatible",
            "notes",
            (None, "writes 1, reads 1, migrateDown none"),
            id="a first memory",
        ),
        pytest.param(
            {"memory": memory()},
            {},
            "memory-breaking",
            "notes",
            ("writes 1, reads 1, migrateDown none", None),
            id="no memory any more",
        ),
        pytest.param(
            {"memory": memory("1", reads=("2",))},
            {"memory": memory("2", reads=("1",))},
            "memory-compatible",
            "notes",
            ("writes 1, reads 1, 2, migrateDown none", "writes 2, reads 1, 2, migrateDown none"),
            id="both read both",
        ),
        pytest.param(
            {"memory": memory("1")},
            {"memory": memory("2", reads=("1",), migrate_down="automatic")},
            "memory-compatible",
            "notes",
            ("writes 1, reads 1, migrateDown none", "writes 2, reads 1, 2, migrateDown automatic"),
            id="migrated back",
        ),
        pytest.param(
            {"memory": memory("1")},
            {"memory": memory("2", reads=("1",))},
            "memory-forward-only",
            "notes",
            ("writes 1, reads 1, migrateDown none", "writes 2, reads 1, 2, migrateDown none"),
            id="the earlier cannot read the later",
        ),
        pytest.param(
            {"memory": memory("1")},
            {"memory": memory("2")},
            "memory-forward-only",
            "notes",
            ("writes 1, reads 1, migrateDown none", "writes 2, reads 2, migrateDown none"),
            id="neither reads the other",
        ),
        pytest.param(
            {"memory": memory("1", reads=("2",))},
            {"memory": memory("2")},
            "memory-breaking",
            "notes",
            ("writes 1, reads 1, 2, migrateDown none", "writes 2, reads 2, migrateDown none"),
            id="the later cannot read the earlier",
        ),
        pytest.param(
            {"memory": memory("1")},
            {"memory": memory("2", migrate_down="automatic")},
            "memory-breaking",
            "notes",
            ("writes 1, reads 1, migrateDown none", "writes 2, reads 2, migrateDown automatic"),
            id="migrated back, but lost on the way there",
        ),
        pytest.param(
            {"memory": memory(sha256="a" * 64)},
            {"memory": memory(sha256="b" * 64)},
            "memory-forward-only",
            "notes",
            ("writes 1, reads 1, migrateDown none", "writes 1, reads 1, migrateDown none"),
            id="another structure under one name",
        ),
        pytest.param(
            {"memory": memory(sha256="a" * 64)},
            {"memory": memory(sha256="b" * 64, migrate_down="automatic")},
            "memory-compatible",
            "notes",
            ("writes 1, reads 1, migrateDown none", "writes 1, reads 1, migrateDown automatic"),
            id="another structure under one name, migrated back",
        ),
    ],
)
def test_one_change_is_one_entry_with_its_class(
    before: dict[str, Any],
    after: dict[str, Any],
    risk: Risk,
    name: str,
    shown: tuple[str | None, str | None],
) -> None:
    found = diff_of(before, after)
    (change,) = found.changes
    assert (change.risk, change.name, (change.before, change.after)) == (risk, name, shown)
    assert change.why
    assert found.risk == risk


@pytest.mark.parametrize(
    ("before", "after"),
    [
        pytest.param(
            {"prompts": (prompt(path="a.md"),)},
            {"prompts": (prompt(path="b.md"),)},
            id="a prompt moved",
        ),
        pytest.param(
            {"prompts": (prompt("x"), prompt("y"))},
            {"prompts": (prompt("y"), prompt("x"))},
            id="prompts in another order",
        ),
        pytest.param(
            {"tools": (in_file(b"{}", "a.json"),)},
            {"tools": (in_file(b"{}", "b.json"),)},
            id="a tool's schema moved",
        ),
        pytest.param(
            {"tools": (inline({"minimum": 1}),)},
            {"tools": (inline({"minimum": 1.0}),)},
            id="a number written otherwise",
        ),
        pytest.param(
            {"model": MODEL},
            {"model": Model(provider="p", model="m", params={"temperature": 1.0})},
            id="a setting written otherwise",
        ),
        pytest.param(
            {"memory": memory(sha256="a" * 64)},
            {"memory": memory(schema="moved.sql", sha256="a" * 64)},
            id="memory's file moved",
        ),
        pytest.param(
            {"memory": memory(reads=("2", "3"))},
            {"memory": memory(reads=("3", "2", "1"))},
            id="what can be read, in another order",
        ),
    ],
)
def test_what_means_the_same_is_no_change(before: dict[str, Any], after: dict[str, Any]) -> None:
    found = diff_of(before, after)
    assert found == VersionDiff(before="v1", after="v2", changes=())
    assert found.risk is None
