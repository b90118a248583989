"""What changed between two agent versions, and what each change may do: typed diffs.

Where something cannot be known, the answer is the riskier one, and says so.
"""

from collections.abc import Iterable, Iterator
from itertools import chain
from typing import Any, TypeVar

import msgspec

from tidegate.domain.agent_version import AgentVersion, Code, Components, Model, Prompt, Tool
from tidegate.domain.json_values import canonical
from tidegate.domain.memory_diff import memory_changes
from tidegate.domain.tool_diff import tool_changes
from tidegate.domain.version_change import BREAKING, RISKS, Change, Part, Risk
from tidegate.domain.version_checks import Read

Named = TypeVar("Named", Prompt, Tool)


class VersionDiff(msgspec.Struct, frozen=True, kw_only=True):
    """All changes from one agent version to another.

    Attributes:
        before: the earlier version's name.
        after: the later version's name.
        changes: by part of the agent, in the order of the manifest.
    """

    before: str
    after: str
    changes: tuple[Change, ...]

    @property
    def risk(self) -> Risk | None:
        """The worst class among the changes; None if nothing changed."""
        return max((change.risk for change in self.changes), key=RISKS.index, default=None)


def diff(before: AgentVersion, after: AgentVersion, read: Read) -> VersionDiff:
    """The changes from one version to another.

    Args:
        before: the version that is left.
        after: the version that is gone to; the other way round may be of other classes.
        read: reads files of the manifest repository, for the schemas of tools.

    Returns:
        One entry for each change. A file that moved, or a schema laid out otherwise, is none.
    """
    old, new = before.components, after.components
    changes = chain(
        _settings("code", _code(old.code), _code(new.code)),
        _prompts(old, new),
        _settings("model", _model(old.model), _model(new.model)),
        *(tool_changes(a, b, read) for _name, a, b in _pairs(old.tools, new.tools)),
        memory_changes(old.memory, new.memory),
    )
    return VersionDiff(before=before.version, after=after.version, changes=tuple(changes))


def is_breaking(found: VersionDiff) -> bool:
    """Whether a change breaks calls, loses memory, or cannot be taken back."""
    return any(change.risk in BREAKING for change in found.changes)


def is_forward_only(found: VersionDiff) -> bool:
    """Whether a rollback would corrupt the memory of units that met the later version."""
    return any(change.risk == "memory-forward-only" for change in found.changes)


def _pairs(
    before: Iterable[Named], after: Iterable[Named]
) -> Iterator[tuple[str, Named | None, Named | None]]:
    """Each name with what has it on both sides, in the order of the names."""
    old = {each.name: each for each in before}
    new = {each.name: each for each in after}
    for name in sorted(old.keys() | new.keys()):
        yield name, old.get(name), new.get(name)


def _prompts(before: Components, after: Components) -> Iterator[Change]:
    for name, old, new in _pairs(before.prompts, after.prompts):
        digests = [None if each is None else each.sha256 for each in (old, new)]
        if digests[0] == digests[1]:
            continue
        what = "is new" if old is None else "is gone" if new is None else "says something else"
        yield Change(
            component="prompts",
            name=name,
            before=digests[0],
            after=digests[1],
            risk="prompt-only",
            why=f"its text {what}; calls and memory are as before",
        )


_WHY: dict[Part, tuple[Risk, str]] = {
    "code": ("code", "the program is another; what it does is not seen from here"),
    "model": ("model", "answers come from another model, or by other settings"),
}


def _settings(part: Part, before: dict[str, Any], after: dict[str, Any]) -> Iterator[Change]:
    """One change for each setting that is not the same."""
    risk, why = _WHY[part]
    for name in before | after:
        old, new = before.get(name), after.get(name)
        if canonical(old) != canonical(new) or (name in before) != (name in after):
            yield Change(
                component=part,
                name=name,
                before=_shown(before, name),
                after=_shown(after, name),
                risk=risk,
                why=why,
            )


def _code(code: Code | None) -> dict[str, Any]:
    return {} if code is None else _given(repo=code.repo, commit=code.commit, image=code.image)


def _model(model: Model | None) -> dict[str, Any]:
    if model is None:
        return {}
    params = {f"params.{name}": value for name, value in model.params.items()}
    named = _given(
        provider=model.provider, model=model.model, pin=model.pin, endpoint=model.endpoint
    )
    return named | params


def _given(**settings: str | None) -> dict[str, Any]:
    return {name: value for name, value in settings.items() if value is not None}


def _shown(settings: dict[str, Any], name: str) -> str | None:
    if name not in settings:
        return None
    value = settings[name]
    return value if isinstance(value, str) else msgspec.json.encode(value).decode()
