"""Small agent versions, and parts of them, as tests write them down."""

import hashlib
from typing import Any

from schemas import tool
from tidegate.domain.agent_version import (
    AgentVersion,
    Code,
    Components,
    Memory,
    Model,
    Prompt,
    Tool,
)
from tidegate.domain.version_diff import VersionDiff, diff

COMMIT = "c" * 40


def digest(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


def nowhere(_path: str) -> None:
    return None


def version(name: str = "v1", **parts: Any) -> AgentVersion:
    return AgentVersion(agent="support", version=name, components=Components(**parts))


def diff_of(before: dict[str, Any], after: dict[str, Any]) -> VersionDiff:
    return diff(version("v1", **before), version("v2", **after), nowhere)


def prompt(name: str = "system", digit: str = "a", path: str = "p.md") -> Prompt:
    return Prompt(name=name, path=path, sha256=digit * 64)


def inline(parameters: dict[str, Any] | None = None, **facts: Any) -> Tool:
    return Tool(name="refund", parameters=tool() if parameters is None else parameters, **facts)


def in_file(content: bytes, path: str, **facts: Any) -> Tool:
    return Tool(name="refund", schema=path, sha256=digest(content), **facts)


def memory(writes: str = "1", **facts: Any) -> Memory:
    return Memory(**({"schema": "notes", "writes": writes} | facts))


CODE = Code(repo="r", commit=COMMIT, image=f"sha256:{'a' * 64}")
MODEL = Model(provider="p", model="m", params={"temperature": 1})
OTHER_PARAMS = Model(provider="p", model="m", params={"temperature": True})
