"""Does an agent version still say what it said, and are its files the ones it pinned?"""

import hashlib
from collections.abc import Callable, Iterator
from typing import TypeAlias

import msgspec

from tidegate.domain import manifest_files as files
from tidegate.domain.agent_version import AgentVersion
from tidegate.domain.errors import InvalidManifest

Read: TypeAlias = Callable[[str], bytes | None]
"""A file's bytes by its path from the top of the manifest repository; None if it is not there."""


class DigestProblem(msgspec.Struct, frozen=True, kw_only=True):
    """A file that is not the one an agent version pinned.

    Attributes:
        path: the file.
        key: where the version pins it, such as `components.prompts[0].sha256`.
        expected: the digest that the version gives.
        found: the digest of what is there.
    """

    path: str
    key: str
    expected: str
    found: str

    def __str__(self) -> str:
        return (
            f"{self.key} is {self.expected[:12]}…, but {self.path} has {self.found[:12]}…; put the "
            "file back, or give the changed one another path and pin it in a new version"
        )


def digest_problems(version: AgentVersion, read: Read) -> list[DigestProblem]:
    """Every pinned file that is in the repository with other bytes than those pinned.

    A file that is not there is no problem: it lives elsewhere.
    """
    problems = []
    for key, path, expected in _pinned(version):
        content = read(path)
        found = expected if content is None else sha256(content)
        if found != expected:
            problems.append(DigestProblem(path=path, key=key, expected=expected, found=found))
    return problems


def immutability_problem(path: str, before: bytes | None, after: bytes | None) -> str | None:
    """Why a change of a committed version file must not be; None if it is none.

    Every change of the bytes counts, also one that means the same. Evidence, reverts and the
    rollback window name a version and rely on its file; whether an edit was harmless is a question
    that nobody should have to ask a year later.

    Args:
        path: the file.
        before: its bytes as committed; None if it is new.
        after: its bytes now; None if it was deleted.
    """
    if before is None or before == after:
        return None
    if after is None:
        return f"{path} was deleted; a rollback may need it: put it back"
    way_out = "put it back, and commit the change as a new version"
    try:
        is_formatting = _parsed(path, before) == _parsed(path, after)
    except InvalidManifest:
        return f"{path} was edited after it was committed; {way_out}"
    if is_formatting:
        return f"{path} was edited after it was committed, if only in its formatting; put it back"
    return f"{path} says something else than when it was committed; {way_out}"


def sha256(content: bytes) -> str:
    """The digest of a file's bytes, 64 hex digits."""
    return hashlib.sha256(content).hexdigest()


def _parsed(path: str, content: bytes) -> AgentVersion:
    return files.parse(path, content, AgentVersion)


def _pinned(version: AgentVersion) -> Iterator[tuple[str, str, str]]:
    """Key, path and digest of every file that a version pins."""
    parts = version.components
    for index, prompt in enumerate(parts.prompts):
        yield f"components.prompts[{index}].sha256", prompt.path, prompt.sha256
    for index, tool in enumerate(parts.tools):
        if tool.schema is not None and tool.sha256 is not None:
            yield f"components.tools[{index}].sha256", tool.schema, tool.sha256
    if parts.memory is not None and parts.memory.sha256 is not None:
        yield "components.memory.sha256", parts.memory.schema, parts.memory.sha256
