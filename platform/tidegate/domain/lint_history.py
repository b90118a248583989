"""What must hold between what a manifest repository says now and what it said before."""

from collections.abc import Iterator
from datetime import date
from typing import Any, Final

import msgspec
import yaml

from tidegate.domain import manifest_files as files
from tidegate.domain.agent_version import AgentVersion
from tidegate.domain.flag import FeatureFlag
from tidegate.domain.intent import AgentRelease
from tidegate.domain.lint_rules import pinned_by
from tidegate.domain.linting import Finding, Manifest, ManifestFile
from tidegate.domain.state import Phase, ReleaseState
from tidegate.domain.traffic import traffic_of
from tidegate.domain.version_checks import immutability_problem
from tidegate.domain.version_diff import diff, is_forward_only
from tidegate_sdk.bucketing import HASH_VERSION

_RUNNING: Final = (Phase.PROGRESSING, Phase.PAUSED)
_UNCOMMITTED: Final = ""
"""An attempt that is no commit yet."""


class Past(msgspec.Struct, frozen=True, kw_only=True):
    """What is known of before.

    Attributes:
        before: the files as they were; None in a repository without commits.
        hand_edits: engine-owned files that a person changed, and who or which commit did.
        attempts: for each INTENT, the commit that last changed it; not there if its last change is
            no commit yet.
        today: flags that expire by it are over.
    """

    before: Manifest | None
    hand_edits: dict[str, str]
    attempts: dict[str, str]
    today: date


class _Release(msgspec.Struct, frozen=True, kw_only=True):
    """An INTENT with what surrounds it."""

    file: ManifestFile
    intent: AgentRelease
    state: ReleaseState | None
    attempt: str
    previous: str | None

    @property
    def is_new(self) -> bool:
        """Whether STATE says nothing about this INTENT yet."""
        return self.state is None or self.state.attempt != self.attempt

    @property
    def live(self) -> str | None:
        """The version that it would replace, as far as that is known."""
        return self.state.stable if self.state is not None else self.previous


def versions_stay_as_they_were(now: Manifest, past: Past) -> Iterator[Finding]:
    """A committed version file is never edited and never deleted."""
    for path, old in (past.before.files if past.before is not None else {}).items():
        if old.place.document is not AgentVersion:
            continue
        file = now.files.get(path)
        problem = immutability_problem(path, old.content, None if file is None else file.content)
        if problem is not None:
            message = problem.removeprefix(f"{path} ")
            yield Finding(
                path=path,
                line=None if file is None else 1,
                key="",
                severity="error",
                message=message,
            )


def releases_are_not_lost(now: Manifest, past: Past) -> Iterator[Finding]:
    """An INTENT that is gone is a release that is gone, for which nothing is served."""
    for path, old in (past.before.files if past.before is not None else {}).items():
        if old.place.document is AgentRelease and path not in now.paths:
            message = (
                f"was deleted: {old.names['agent']} is released no more: its units get no version"
            )
            yield Finding(path=path, line=None, key="", severity="warning", message=message)


def pinned_files_stay(now: Manifest, past: Past) -> Iterator[Finding]:
    """A file that was here and that a version pins is not taken away."""
    gone = (past.before.paths if past.before is not None else frozenset()) - now.paths
    for file, version in now.of(AgentVersion):
        for key, path in pinned_by(version):
            if path in gone:
                yield file.finding(key, f"pins {path}, which was deleted; put it back")


def engine_files_are_left_to_the_engine(_now: Manifest, past: Past) -> Iterator[Finding]:
    """People write no STATE and no evidence: what is served, and why, would no longer be true."""
    for path, whose in past.hand_edits.items():
        message = f"only the engine writes this file, but {whose} changed it; put it back"
        yield Finding(path=path, line=None, key="", severity="error", message=message)


def hash_stays_while_a_rollout_runs(now: Manifest, past: Past) -> Iterator[Finding]:
    """Another hash would give every unit of a running rollout another arm."""
    file = now.files.get(files.INSTALLATION_PATH)
    old = None if past.before is None else past.before.files.get(files.INSTALLATION_PATH)
    if file is None or old is None:
        return
    said, before = _hash_version(file.content), _hash_version(old.content)
    running = [f.path for f, state in now.of(ReleaseState) if state.phase in _RUNNING]
    if said != before and running:
        yield file.finding(
            "hashVersion",
            f"was {before!r} and is {said!r}, but rollouts are running ({', '.join(running)}); "
            "their units would change arms: wait until they end",
        )


def releases_can_be_served(now: Manifest, past: Past) -> Iterator[Finding]:
    """A new INTENT must not be one that serving refuses, such as a version known to be bad."""
    for each in _releases(now, past):
        if not each.is_new:
            continue
        traffic = traffic_of(each.intent, each.state, each.attempt, each.previous)
        if traffic.phase is Phase.DEGRADED:
            yield each.file.finding("version", traffic.reason + _grounds(each))


def _grounds(release: _Release) -> str:
    bad = release.state.bad if release.state is not None else ()
    reasons = [each.reason for each in bad if each.version == release.intent.version]
    return f" (it was: {reasons[-1]})" if reasons else ""


def force_is_not_left_behind(now: Manifest, past: Past) -> Iterator[Finding]:
    """`force: true` is for one deploy; left in place it lets any bad version through."""
    for each in _releases(now, past):
        state = each.state
        needed = state is not None and state.marks_bad(each.intent.version)
        in_use = each.is_new or (state is not None and state.phase in _RUNNING)
        if each.intent.force and not (needed and in_use):
            message = (
                "is left over: the next version would be released even if it had been rolled back "
                "before; `tidegate deploy` of that version takes it out"
            )
            yield each.file.finding("force", message, "warning")


def memory_can_go_back(now: Manifest, past: Past) -> Iterator[Finding]:
    """Where a rollback would corrupt memory, people should know before they deploy."""
    for each in _releases(now, past):
        wanted, live = each.intent.version, each.live
        if live is not None and live != wanted and _corrupts(now, each.intent.agent, live, wanted):
            message = (
                f"{live} cannot read the memory that {wanted} writes: on harm nobody new gets "
                f"{wanted}, but units that met it stay on it, for a rollback would corrupt "
                "their memory"
            )
            yield each.file.finding("version", message, "warning")


def _corrupts(now: Manifest, agent: str, live: str, wanted: str) -> bool:
    before, after = (
        now.get(files.version_path(agent, name), AgentVersion) for name in (live, wanted)
    )
    if before is None or after is None:
        return False
    return is_forward_only(diff(before, after, now.read))


def flags_are_taken_out_in_time(now: Manifest, past: Past) -> Iterator[Finding]:
    """A flag that has expired asks to be removed."""
    for file, flag in now.of(FeatureFlag):
        if flag.expires is not None and flag.expires <= past.today:
            message = f"was {flag.expires}; take the flag out of the code, and then here"
            yield file.finding("expires", message, "warning")


def _releases(now: Manifest, past: Past) -> Iterator[_Release]:
    for file, intent in now.of(AgentRelease):
        environment, agent = file.names["environment"], file.names["agent"]
        before = None if past.before is None else past.before.get(file.path, AgentRelease)
        yield _Release(
            file=file,
            intent=intent,
            state=now.get(files.state_path(environment, agent), ReleaseState),
            attempt=past.attempts.get(file.path, _UNCOMMITTED),
            previous=None if before is None else before.version,
        )


def _hash_version(content: bytes) -> Any:
    """What a `tidegate.yaml` says of the hash, whether or not it can be read as a whole."""
    try:
        raw = yaml.safe_load(content)
    except (yaml.YAMLError, ValueError, RecursionError):
        return HASH_VERSION
    return raw.get("hashVersion", HASH_VERSION) if isinstance(raw, dict) else HASH_VERSION
