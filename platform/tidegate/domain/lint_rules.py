"""What must hold between the files of a manifest repository: one function for each rule."""

from collections.abc import Iterator
from functools import cache
from typing import Any, Final

import msgspec

from tidegate.domain import manifest_files as files
from tidegate.domain.agent_version import AgentVersion
from tidegate.domain.audience import Condition
from tidegate.domain.document import Document
from tidegate.domain.edit_distance import edit_distance
from tidegate.domain.errors import InvalidManifest
from tidegate.domain.flag import FeatureFlag, compile_flag
from tidegate.domain.installation import Installation
from tidegate.domain.intent import AgentRelease
from tidegate.domain.layer import check_exclusion, layer_slice
from tidegate.domain.linting import Finding, Manifest
from tidegate.domain.metrics import SAFETY_KINDS, Metrics
from tidegate.domain.quantities import percent_meant, said_share
from tidegate.domain.segment import Segment, compile_segments, segment_path
from tidegate.domain.version_checks import digest_problems
from tidegate_sdk.allocation import Slice
from tidegate_sdk.rules import Segments

_OURS: Final = ("agents/", "envs/", "segments/")
_BESIDE: Final = ("README", "CODEOWNERS", "OWNERS", ".")
"""Files with such names may lie anywhere."""
_SLIPS: Final = 2
"""Letters by which a name may miss the one that was meant."""


def installation_is_there(manifest: Manifest) -> Iterator[Finding]:
    """Every manifest repository has its `tidegate.yaml`."""
    if files.INSTALLATION_PATH not in manifest.paths:
        message = "is missing; `tidegate init` writes one in a new repository"
        yield Finding(
            path=files.INSTALLATION_PATH, line=None, key="", severity="error", message=message
        )


def environments_are_known(manifest: Manifest) -> Iterator[Finding]:
    """Nobody serves an environment that `tidegate.yaml` does not name."""
    installation = manifest.get(files.INSTALLATION_PATH, Installation)
    known = installation.environments if installation is not None else ()
    for file in manifest.files.values():
        name = file.names.get("environment")
        if installation is not None and name is not None and name not in known:
            yield file.finding(
                "",
                f"the environment {name!r} is not in {files.INSTALLATION_PATH}, which has "
                f"{', '.join(known) or 'none'}",
                "warning",
            )


def versions_are_there(manifest: Manifest) -> Iterator[Finding]:
    """Every version that a release names has its file."""
    for file, intent in manifest.of(AgentRelease):
        for place, part in _parts(intent):
            version = _field(part, "version")
            path = files.version_path(intent.agent, str(version))
            if version is not None and path not in manifest.paths:
                yield file.finding(_key(place, "version"), _no_version(manifest, intent, version))


def _no_version(manifest: Manifest, intent: AgentRelease, version: str) -> str:
    known = sorted(
        file.names["version"]
        for file in manifest.files.values()
        if file.place.document is AgentVersion and file.names["agent"] == intent.agent
    )
    return (
        f"names {version!r}, but {files.version_path(intent.agent, version)} is not there; "
        f"versions of {intent.agent}: {', '.join(known) or 'none'}"
    )


def guardrails_are_defined(manifest: Manifest) -> Iterator[Finding]:
    """Every guardrail that a strategy names is among the agent's metrics."""
    for file, intent in manifest.of(AgentRelease):
        path = files.metrics_path(intent.agent)
        metrics = manifest.get(path, Metrics)
        if metrics is None and path in manifest.paths:
            continue  # it cannot be read, and its own finding says so
        known = [each.name for each in (metrics or Metrics(agent=intent.agent)).guardrails]
        for place, part in _parts(intent.strategy, "strategy"):
            for number, name in enumerate(_field(part, "guardrails") or ()):
                if name not in known:
                    yield file.finding(
                        f"{place}.guardrails[{number}]",
                        f"names {name!r}; {path} defines {', '.join(known)}",
                    )


def safety_kinds_are_spelled_right(manifest: Manifest) -> Iterator[Finding]:
    """A guardrail whose name is nearly a safety kind's would wait for events that nobody sends."""
    for file, metrics in manifest.of(Metrics):
        for number, guardrail in enumerate(metrics.guardrails):
            meant = _safety_kind_near(guardrail.name) if guardrail.kind == "incident" else None
            if meant is not None:
                yield file.finding(
                    f"guardrails[{number}].name",
                    f"is {guardrail.name!r}; did you mean {meant!r}?",
                    "warning",
                )


def _safety_kind_near(name: str) -> str | None:
    """The safety kind that a name is not, but nearly."""
    if name in SAFETY_KINDS:
        return None
    return next((each for each in SAFETY_KINDS if edit_distance(name, each) <= _SLIPS), None)


def watches_outlast_the_window(manifest: Manifest) -> Iterator[Finding]:
    """After a switch only units whose window has closed count, so a longer one hides harm."""
    for file, intent in manifest.of(AgentRelease):
        plan, path = intent.strategy.blue_green, files.metrics_path(intent.agent)
        metrics = manifest.get(path, Metrics) or Metrics(agent=intent.agent)
        if plan is not None and metrics.window_s > plan.post_promotion.duration_s:
            yield file.finding(
                "strategy.blueGreen.postPromotion.duration",
                f"is {plan.post_promotion.duration}, shorter than the window of {metrics.window} "
                f"({path}): the watch would be over before the first unit counts; make it longer, "
                "or the window shorter",
                "warning",
            )


def shares_are_no_forgotten_percents(manifest: Manifest) -> Iterator[Finding]:
    """An integer counts parts per million; up to 100 it is likely a percent sign forgotten."""
    for file, intent in manifest.of(AgentRelease):
        canary = intent.strategy.canary
        for number, step in enumerate(canary.steps if canary is not None else ()):
            if isinstance(step.set_weight, int) and percent_meant(step.set_weight):
                yield file.finding(
                    f"strategy.canary.steps[{number}].setWeight",
                    f"is {said_share(step.set_weight)}{percent_meant(step.set_weight)}",
                    "warning",
                )


def digests_match(manifest: Manifest) -> Iterator[Finding]:
    """Files that a version pins are the ones it pinned, where they are in the repository."""
    for file, version in manifest.of(AgentVersion):
        for problem in digest_problems(version, manifest.read):
            yield file.finding(problem.key, str(problem))


def segments_are_there(manifest: Manifest) -> Iterator[Finding]:
    """Every segment that a condition names is there, and none is part of itself."""
    missing = False
    for file in manifest.files.values():
        for place, part in _parts(file.document):
            name = part.segment if isinstance(part, Condition) else None
            if name is not None and segment_path(name) not in manifest.paths:
                missing = True
                known = ", ".join(_segments(manifest)) or "none"
                yield file.finding(
                    _key(place, "segment"),
                    f"names {name!r}, but {segment_path(name)} is not there; segments: {known}",
                )
    if not missing:
        yield from _compiled(manifest)[1]


def flags_can_answer(manifest: Manifest) -> Iterator[Finding]:
    """Every flag compiles; what is said of segments is said where they are named."""
    matchers, problems = _compiled(manifest)
    if problems or list(segments_are_there(manifest)):
        return
    for file, flag in manifest.of(FeatureFlag):
        try:
            holdout = _holdout(manifest, file.names["environment"])
            compile_flag(file.path, flag, matchers, holdout)
        except InvalidManifest as error:
            yield file.finding("", error.problem)


def layers_are_shared_without_overlap(manifest: Manifest) -> Iterator[Finding]:
    """Experiments of one layer share no unit."""
    installation = manifest.get(files.INSTALLATION_PATH, Installation)
    slices: dict[str, dict[str, Slice]] = {}
    for file, intent in manifest.of(AgentRelease):
        slot = intent.strategy.ab.layer if intent.strategy.ab is not None else None
        if slot is None or installation is None:
            continue
        try:
            part = layer_slice(file.path, slot, installation.layers)
        except InvalidManifest as error:
            yield file.finding("strategy.ab.layer.name", error.problem)
        else:
            slices.setdefault(file.names["environment"], {})[file.path] = part
    for of_environment in slices.values():
        try:
            check_exclusion(of_environment)
        except InvalidManifest as error:
            yield manifest.files[error.path].finding("strategy.ab.layer.range", error.problem)


def nothing_else_lies_there(manifest: Manifest) -> Iterator[Finding]:
    """What lies among our files and is none of them may be a slip of the name."""
    pinned = {path for _, version in manifest.of(AgentVersion) for _, path in pinned_by(version)}
    for path in sorted(manifest.paths - manifest.files.keys() - pinned):
        name = path.rpartition("/")[2]
        if path.startswith(_OURS) and not name.startswith(_BESIDE):
            yield Finding(path=path, line=None, key="", severity="warning", message=_unknown(path))


def pinned_by(version: AgentVersion) -> Iterator[tuple[str, str]]:
    """Every file that a version leads to: the key that names it, and its path."""
    parts = version.components
    for number, prompt in enumerate(parts.prompts):
        yield f"components.prompts[{number}].path", prompt.path
    for number, tool in enumerate(parts.tools):
        if tool.schema is not None:
            yield f"components.tools[{number}].schema", tool.schema
    if parts.memory is not None:
        yield "components.memory.schema", parts.memory.schema


def _unknown(path: str) -> str:
    if path.endswith(".yml"):
        return "is not read: names end with .yaml, not .yml"
    if path.endswith((".yaml", ".json")) and not path.startswith("agents/"):
        return "is not read: no kind of file has such a path (see `tidegate schema --help`)"
    return "is not read, and no version pins it"


def _segments(manifest: Manifest) -> dict[str, Segment]:
    return {file.names["segment"]: segment for file, segment in manifest.of(Segment)}


def _compiled(manifest: Manifest) -> tuple[Segments, list[Finding]]:
    """The segments ready to answer, or why they are not."""
    try:
        return compile_segments(_segments(manifest)), []
    except InvalidManifest as error:
        file = manifest.files.get(error.path)
        return {}, [] if file is None else [file.finding("", error.problem)]


def _holdout(manifest: Manifest, environment: str) -> Slice | None:
    installation = manifest.get(files.INSTALLATION_PATH, Installation)
    found = installation.holdouts.get(environment) if installation is not None else None
    return None if found is None else found.slice(environment)


def _parts(value: Any, place: str = "") -> Iterator[tuple[str, Document]]:
    """Every document in a value, itself included, and the key where it stands."""
    if isinstance(value, Document):
        yield place, value
        for name, key in _keys(type(value)):
            yield from _parts(getattr(value, name), _key(place, key))
    elif isinstance(value, dict):
        for name, each in value.items():
            yield from _parts(each, _key(place, str(name)))
    elif isinstance(value, tuple):
        for number, each in enumerate(value):
            yield from _parts(each, f"{place}[{number}]")


@cache
def _keys(kind: type[Document]) -> tuple[tuple[str, str], ...]:
    """A document's fields: their names in Python, and their keys in the file."""
    return tuple((field.name, field.encode_name) for field in msgspec.structs.fields(kind))


def _field(part: Document, name: str) -> Any:
    """A field that a document has of its own; None if it has none of this name."""
    return getattr(part, name) if name in part.__struct_fields__ else None


def _key(place: str, name: str) -> str:
    return f"{place}.{name}" if place else name
