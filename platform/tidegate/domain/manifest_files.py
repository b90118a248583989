"""Where the files of a manifest repository lie, and how their text becomes values and back."""

import re
from collections.abc import Iterable
from typing import Any, TypeVar

import msgspec
import yaml

from tidegate.domain.document import Document
from tidegate.domain.errors import InvalidManifest

D = TypeVar("D", bound=Document)

INSTALLATION_PATH = "tidegate.yaml"
# libyaml's parser where it was built in, ten times faster; both read the same plain values.
_Base: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
_BOOLEAN = re.compile(r"^(?:true|True|TRUE|false|False|FALSE)$")


class _Loader(_Base):  # type: ignore[misc] # which of the two it is, is known only here
    """Reads on, off, yes, no and NO as the words they are: a country, a variant's name."""


_Loader.yaml_implicit_resolvers = {
    first: [(tag, pattern) for tag, pattern in resolvers if tag != "tag:yaml.org,2002:bool"]
    for first, resolvers in _Base.yaml_implicit_resolvers.items()
}
_Loader.add_implicit_resolver("tag:yaml.org,2002:bool", _BOOLEAN, list("tTfF"))
_NAME = re.compile(r"^[A-Za-z0-9][A-Za-z0-9._-]{0,99}$")


def intent_path(environment: str, agent: str) -> str:
    """Path of an agent's INTENT."""
    return f"envs/{environment}/{agent}.yaml"


def state_path(environment: str, agent: str) -> str:
    """Path of an agent's STATE."""
    return f"envs/{environment}/state/{agent}.yaml"


def orders_path(environment: str, agent: str) -> str:
    """Path of the orders for an agent's rollout."""
    return f"envs/{environment}/orders/{agent}.yaml"


def evidence_path(environment: str, agent: str) -> str:
    """Path of the record of the latest decision; older ones are in the history of this path."""
    return f"envs/{environment}/evidence/{agent}.json"


def metrics_path(agent: str) -> str:
    """Path of an agent's metrics."""
    return f"agents/{agent}/metrics.yaml"


def version_path(agent: str, version: str) -> str:
    """Path of one agent version."""
    return f"agents/{agent}/versions/{version}.yaml"


def versions_among(paths: Iterable[str], agent: str) -> list[str]:
    """The versions of an agent whose files are among some paths, sorted."""
    before, after = version_path(agent, "\0").split("\0")
    found = (each for each in paths if each.startswith(before) and each.endswith(after))
    return sorted(each.removeprefix(before).removesuffix(after) for each in found)


def no_version(agent: str, version: str, paths: Iterable[str]) -> str:
    """What to say of a version that is not there: those that are."""
    known = ", ".join(versions_among(paths, agent)) or "none"
    path = version_path(agent, version)
    return f"{agent} has no version {version!r}: {path} is not there; its versions are {known}"


def is_name(text: str) -> bool:
    """Whether a text can name an agent or a version: it becomes part of a path."""
    return _NAME.fullmatch(text) is not None


def parse(path: str, content: bytes, kind: type[D]) -> D:
    """The value that a YAML file holds.

    Raises:
        InvalidManifest: the file is no YAML, or not what `kind` must be; names path, place and key.
    """
    try:
        raw: Any = yaml.load(content, Loader=_Loader)  # noqa: S506 - both are safe loaders
    except UnicodeDecodeError as error:
        raise InvalidManifest(path, "no valid YAML: not UTF-8") from error
    except (yaml.YAMLError, ValueError, RecursionError) as error:
        # Besides its own errors the parser lets through those of impossible dates and numbers.
        raise InvalidManifest(path, f"no valid YAML: {_one_line(error)}") from error
    if not isinstance(raw, dict):
        raise InvalidManifest(path, f"must be a mapping with kind: {kind.__name__}")
    try:
        return msgspec.convert(raw, kind)
    except msgspec.ValidationError as error:
        raise InvalidManifest(path, _one_line(error)) from error


def render(document: Document) -> bytes:
    """A document as YAML, keys in the order of their declaration; `parse` reads it back."""
    return yaml.safe_dump(_said(document), sort_keys=False, width=100).encode()


def _said(value: Any) -> Any:
    """Plain values without the keys that are at their default: people write what they mean."""
    if isinstance(value, Document):
        tag = value.__struct_config__.tag
        kind = {} if tag is None else {"kind": tag}
        return kind | {
            field.encode_name: _said(getattr(value, field.name))
            for field in msgspec.structs.fields(value)
            if not _is_silent(field, getattr(value, field.name))
        }
    if isinstance(value, dict):
        return {key: _said(each) for key, each in value.items()}
    if isinstance(value, tuple):
        return [_said(each) for each in value]
    return msgspec.to_builtins(value)


def _is_silent(field: msgspec.structs.FieldInfo, value: Any) -> bool:
    """Whether a key says what its absence says; the version of the form is always said."""
    if field.required or field.name == "api_version":
        return False
    if field.default_factory is not msgspec.NODEFAULT:
        return bool(value == field.default_factory())
    return bool(value == field.default)


def _one_line(error: Exception) -> str:
    return " ".join(str(error).split())
