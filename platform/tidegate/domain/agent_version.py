"""`agents/<agent>/versions/<version>.yaml`: an agent version with all its parts.

Everything that can change how an agent behaves is one unit: code, prompts, model, tools, memory.
Each part is pinned, by a digest or a commit, so that the name of a version never means two things.
"""

import re
from collections import Counter
from collections.abc import Iterable
from typing import Any, Literal, TypeAlias

import msgspec

from tidegate.domain.document import API_VERSION, ApiVersion, Document
from tidegate.domain.json_values import check_json

SideEffects: TypeAlias = Literal["read", "write"]
MigrateDown: TypeAlias = Literal["none", "automatic"]
_SHA256 = re.compile(r"[0-9a-f]{64}")
_COMMIT = re.compile(r"[0-9a-f]{40}")
_IMAGE = re.compile(r"(?:\S+@)?sha256:[0-9a-f]{64}")
_UNFIT_IN_PATH = re.compile(r"[\x00-\x1f\x7f\\]|^[A-Za-z]:")


class Code(Document, frozen=True, kw_only=True):
    """The program.

    Attributes:
        repo: where its source is.
        commit: the commit it was built from, 40 hex digits.
        image: what runs, `name@sha256:…` or `sha256:…`; a tag alone can be moved and pins nothing.
    """

    repo: str
    commit: str
    image: str | None = None

    def __post_init__(self) -> None:
        _check_filled("repo", self.repo)
        if not _COMMIT.fullmatch(self.commit):
            raise ValueError(
                f"commit is {self.commit!r}, must be 40 lowercase hex digits: git rev-parse HEAD"
            )
        if self.image is not None and not _IMAGE.fullmatch(self.image):
            raise ValueError(
                f"image is {self.image!r}, must end with sha256: and 64 hex digits, such as "
                "registry.example/agent@sha256:…"
            )


class Prompt(Document, frozen=True, kw_only=True):
    """One prompt.

    Attributes:
        name: what the agent calls it.
        path: where its text is, from the top of the manifest repository.
        sha256: digest of the text's bytes, 64 hex digits.
    """

    name: str
    path: str
    sha256: str

    def __post_init__(self) -> None:
        _check_filled("name", self.name)
        _check_path("path", self.path)
        _check_sha256(self.sha256)


class Model(Document, frozen=True, kw_only=True):
    """The model that answers.

    Attributes:
        provider: who serves it.
        model: its name at the provider.
        endpoint: where it is called, if not at the provider's usual address.
        params: what is sent with each call, such as the temperature.
        pin: the snapshot or revision behind the name, if the name alone can move.
    """

    provider: str
    model: str
    endpoint: str | None = None
    params: dict[str, Any] = msgspec.field(default_factory=dict)
    pin: str | None = None

    def __post_init__(self) -> None:
        _check_filled("provider", self.provider)
        _check_filled("model", self.model)
        check_json("params", self.params)


class Tool(Document, frozen=True, kw_only=True):
    """One tool that the agent knows.

    Attributes:
        name: as the agent calls it, and as its calls are reported.
        schema: path of the JSON Schema of its arguments; goes with `sha256`.
        sha256: digest of the schema's bytes, 64 hex digits.
        parameters: the JSON Schema itself, instead of a path.
        side_effects: "read" if a call changes nothing; "write" unless said otherwise.
        allowed: whether the agent may call it.
    """

    name: str
    schema: str | None = None
    sha256: str | None = None
    parameters: dict[str, Any] | None = None
    side_effects: SideEffects = "write"
    allowed: bool = True

    def __post_init__(self) -> None:
        _check_filled("name", self.name)
        if (self.schema is None) == (self.parameters is None):
            raise ValueError(
                f"schema or parameters must be given for tool {self.name!r}, and only one of them: "
                "a path with its sha256, or the JSON Schema itself"
            )
        if (self.schema is None) != (self.sha256 is None):
            raise ValueError(f"sha256 of tool {self.name!r} goes with schema: give both or neither")
        if self.schema is not None and self.sha256 is not None:
            _check_path("schema", self.schema)
            _check_sha256(self.sha256)
        check_json("parameters", self.parameters)


class Memory(Document, frozen=True, kw_only=True):
    """What the agent keeps between conversations.

    Attributes:
        schema: name of its structure, or the path of a file that describes it.
        sha256: digest of that file's bytes, 64 hex digits.
        writes: the structure's version that this agent version writes.
        reads: versions that it can read besides the one it writes.
        migrate_down: "automatic" if a rollback brings memory back to what the version before can
            read; "none" unless said otherwise.
    """

    schema: str
    sha256: str | None = None
    writes: str
    reads: tuple[str, ...] = ()
    migrate_down: MigrateDown = "none"

    def __post_init__(self) -> None:
        _check_path("schema", self.schema)
        if self.sha256 is not None:
            _check_sha256(self.sha256)
        _check_filled("writes", self.writes)
        _check_unique("reads", self.reads)

    @property
    def readable(self) -> frozenset[str]:
        """Every version of the structure that can be read."""
        return frozenset((self.writes, *self.reads))


class Components(Document, frozen=True, kw_only=True):
    """The parts of an agent version; each may be left out, and then nothing is known of it."""

    code: Code | None = None
    prompts: tuple[Prompt, ...] = ()
    model: Model | None = None
    tools: tuple[Tool, ...] = ()
    memory: Memory | None = None

    def __post_init__(self) -> None:
        _check_unique("prompts", (prompt.name for prompt in self.prompts))
        _check_unique("tools", (tool.name for tool in self.tools))


class AgentVersion(Document, frozen=True, kw_only=True, tag_field="kind", tag="AgentVersion"):
    """`agents/<agent>/versions/<version>.yaml`: everything that can change behaviour, pinned.

    Immutable once committed.
    """

    api_version: ApiVersion = API_VERSION
    agent: str
    version: str
    components: Components = msgspec.field(default_factory=Components)

    @property
    def declared_tools(self) -> frozenset[str]:
        """Names of the tools that the agent may call; a call of any other is unexpected."""
        return frozenset(tool.name for tool in self.components.tools if tool.allowed)


def _check_filled(key: str, value: str) -> None:
    if not value.strip():
        raise ValueError(f"{key} is empty; name it")


def _check_sha256(value: str) -> None:
    if not _SHA256.fullmatch(value):
        raise ValueError(
            f"sha256 is {value!r}, must be 64 lowercase hex digits: sha256sum of the file"
        )


def _check_path(key: str, value: str) -> None:
    """A path must stay in the repository, and have one spelling only."""
    if _UNFIT_IN_PATH.search(value) or {"", ".", ".."} & set(value.split("/")):
        raise ValueError(
            f"{key} is {value!r}, must be a path from the top of the repository, with / between "
            "names, and no part of it empty, . or .."
        )


def _check_unique(key: str, names: Iterable[str]) -> None:
    twice = sorted(name for name, times in Counter(names).items() if times > 1)
    if twice:
        raise ValueError(f"{key} has {twice[0]!r} more than once; each must have its own name")
