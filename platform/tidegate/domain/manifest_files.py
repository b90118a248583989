"""Where the files of a manifest repository lie, and how their text becomes values and back."""

import re
from typing import Any, TypeVar

import msgspec
import yaml

from tidegate.domain.errors import InvalidManifest
from tidegate.domain.manifest import Document

D = TypeVar("D", bound=Document)

INSTALLATION_PATH = "tidegate.yaml"
# libyaml's parser where it was built in, ten times faster; both read the same plain values.
_Loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
_NAME = re.compile(r"^[A-Za-z0-9][A-Za-z0-9._-]{0,99}$")


def intent_path(environment: str, agent: str) -> str:
    """Path of an agent's INTENT."""
    return f"envs/{environment}/{agent}.yaml"


def state_path(environment: str, agent: str) -> str:
    """Path of an agent's STATE."""
    return f"envs/{environment}/state/{agent}.yaml"


def evidence_path(environment: str, agent: str) -> str:
    """Path of the record of the latest decision; older ones are in the history of this path."""
    return f"envs/{environment}/evidence/{agent}.json"


def metrics_path(agent: str) -> str:
    """Path of an agent's metrics."""
    return f"agents/{agent}/metrics.yaml"


def version_path(agent: str, version: str) -> str:
    """Path of one agent version."""
    return f"agents/{agent}/versions/{version}.yaml"


def is_name(text: str) -> bool:
    """Whether a text can name an agent or a version: it becomes part of a path."""
    return _NAME.match(text) is not None


def parse(path: str, content: bytes, kind: type[D]) -> D:
    """The value that a YAML file holds.

    Raises:
        InvalidManifest: the file is no YAML, or not what `kind` must be; names path, place and key.
    """
    try:
        raw: Any = yaml.load(content, Loader=_Loader)  # noqa: S506 - both are safe loaders
    except yaml.YAMLError as error:
        raise InvalidManifest(path, f"no valid YAML: {_one_line(error)}") from error
    except UnicodeDecodeError as error:
        raise InvalidManifest(path, "no valid YAML: not UTF-8") from error
    if not isinstance(raw, dict):
        raise InvalidManifest(path, f"must be a mapping with kind: {kind.__name__}")
    try:
        return msgspec.convert(raw, kind)
    except msgspec.ValidationError as error:
        raise InvalidManifest(path, _one_line(error)) from error


def render(document: Document) -> bytes:
    """A document as YAML, keys in the order of their declaration; `parse` reads it back."""
    said = _without_silence(msgspec.to_builtins(document))
    return yaml.safe_dump(said, sort_keys=False, allow_unicode=True, width=100).encode()


def _without_silence(value: Any) -> Any:
    """The same without keys that hold nothing: people write what they mean, and read it."""
    if isinstance(value, dict):
        kept = ((key, _without_silence(each)) for key, each in value.items())
        return {key: each for key, each in kept if each not in (None, (), [], {}, "")}
    if isinstance(value, list | tuple):
        return [_without_silence(each) for each in value]
    return value


def _one_line(error: Exception) -> str:
    return " ".join(str(error).split())
