"""Does a recorded decision hold together, and follow from what the manifest said? Pure checks."""

from collections.abc import Callable

import msgspec

from tidegate.domain import manifest_files as files
from tidegate.domain.commits import CommitInfo
from tidegate.domain.decision import Decision
from tidegate.domain.discrepancies import discrepancies
from tidegate.domain.errors import TidegateError
from tidegate.domain.evidence import Clock
from tidegate.domain.next_state import next_state
from tidegate.domain.record import (
    AnyDecision,
    AnyEvidence,
    DecisionRecord,
    digest_of,
    recorded_id,
)
from tidegate.domain.recording import needs_settling, record_of, settle_of, start_of
from tidegate.domain.release import Release
from tidegate.domain.state import Phase, ReleaseState
from tidegate.domain.switch import SwitchEvidence
from tidegate.domain.verification import Check, compared

_BY_MANIFEST_ALONE = ("start", "adopted", "superseded")
_FIGURES = ("assessments", "arms", "reason")
_IDENTITY = ("environment", "agent", "attempt", "baseline", "candidate", "clock")


def digest_check(info: CommitInfo, content: bytes) -> Check:
    """Whether the record is the one that the commit's message seals."""
    found, promised = digest_of(content), info.trailer("Tidegate-Evidence") or ""
    if found == promised:
        return Check(name="digest", ok=True, detail=f"the record has the digest {found[:19]}…")
    detail = (
        f"the record has the digest {found}, but the trailer Tidegate-Evidence says {promised}: "
        "one of them was changed"
    )
    return Check(name="digest", ok=False, detail=detail)


def id_check(info: CommitInfo, content: bytes) -> Check:
    """Whether the decision's id is the hash of its grounds."""
    found, promised = recorded_id(content), info.trailer("Tidegate-Decision")
    if found == promised:
        return Check(name="id", ok=True, detail=f"the decision is {found}, the hash of its grounds")
    detail = f"its grounds have the hash {found}, but the trailer Tidegate-Decision says {promised}"
    return Check(name="id", ok=False, detail=detail)


def trailers_check(info: CommitInfo, record: DecisionRecord) -> Check:
    """Whether the commit's message says of the decision what the record says."""
    said = {
        "Tidegate-Release": f"{record.environment}/{record.agent}",
        "Tidegate-Attempt": record.attempt,
        "Tidegate-Rule": record.decision.rule,
        "Tidegate-Seq": str(record.evidence.seq),
    }
    written = {name: info.trailer(name) for name in said}
    return compared(
        "trailers",
        discrepancies(written, said),
        holds="the message says what the record says",
        fails="the message does not say what the record says",
    )


def rule_check(record: DecisionRecord, again: AnyDecision) -> Check:
    """Whether the rule, asked again, comes to the same verdict on the same grounds."""
    return compared(
        "rule",
        discrepancies(_verdict(record.decision), _verdict(again)),
        holds=f"policy, evidence and clock lead to {again.verdict.value} by the rule {again.rule}",
        fails="policy, evidence and clock lead to something else",
    )


def figures_check(record: DecisionRecord, again: AnyDecision) -> Check:
    """Whether every figure and the reason are the same; `rule_check` says if the verdict is."""
    return compared(
        "figures",
        discrepancies(_figures(record.decision), _figures(again)),
        holds="every figure and the reason come out the same",
        fails="figures come out otherwise",
    )


def policy_check(record: DecisionRecord, release: Release) -> Check:
    """Whether the recorded policy is what INTENT, metrics and tidegate.yaml said."""
    return compared(
        "policy",
        discrepancies(record.policy, release.experiment or release.policy),
        holds="the policy is what INTENT, metrics and tidegate.yaml said",
        fails="INTENT, metrics and tidegate.yaml said another policy",
    )


def release_check(record: DecisionRecord, release: Release) -> Check:
    """Whether the record is about the release as it stood: its attempt, versions and times."""
    clock = _clock(release.state, record)
    stood = record_of(release, record.decision, record.evidence, clock)
    return compared(
        "release",
        discrepancies(_of(record, _IDENTITY), _of(stood, _IDENTITY)),
        holds=f"it is about {release.rollout} as it stood, {stood.candidate} over {stood.baseline}",
        fails="the release stood otherwise",
    )


def state_check(record: DecisionRecord, release: Release, content: bytes | None) -> Check:
    """Whether STATE in the commit is what follows from the decision."""
    path = files.state_path(release.environment, release.agent)
    if content is None:
        return Check(name="state", ok=False, detail=f"{path} is missing")
    return compared(
        "state",
        discrepancies(files.parse(path, content, ReleaseState), next_state(release, record)),
        holds="STATE is what follows from the decision",
        fails=f"{path} is not what follows from the decision",
    )


def evidence_check(record: DecisionRecord, found: AnyEvidence, grounds: str) -> Check:
    """Whether the evidence, gathered anew, is what was recorded.

    Args:
        record: the decision.
        found: the evidence, gathered anew.
        grounds: from what, such as "the event log up to event 4000".
    """
    heard = isinstance(found, SwitchEvidence) and found.health is not None
    aside = "; what the health check answered then is taken from the record" if heard else ""
    return compared(
        "evidence",
        discrepancies(record.evidence, found),
        holds=f"{grounds} says the same{aside}",
        fails=f"{grounds} says otherwise",
    )


def by_manifest_alone(record: DecisionRecord, release: Release) -> DecisionRecord | None:
    """The record of a decision that needs no evidence, made anew; None if none was due."""
    now, seq = record.clock.now, record.evidence.seq
    if release.traffic.phase is Phase.PENDING:
        return start_of(release, now, seq)
    return settle_of(release, now, seq) if needs_settling(release) else None


def needs_no_evidence(record: DecisionRecord) -> bool:
    """Whether a decision follows from the manifest alone."""
    return record.decision.rule in _BY_MANIFEST_ALONE


def attempted(name: str, check: Callable[[], Check]) -> Check:
    """A check; what cannot be worked out at all, because a record makes no sense, is a problem."""
    try:
        return check()
    except (ArithmeticError, LookupError, TypeError, ValueError, TidegateError) as error:
        words = " ".join(str(error).split())
        return Check(name=name, ok=False, detail=f"cannot be worked out: {words}")


def _clock(state: ReleaseState | None, record: DecisionRecord) -> Clock:
    """The clock of a decision, from its instant and STATE."""
    now = record.clock.now
    if state is None or needs_no_evidence(record):
        return Clock(now=now, step_started=now)
    return Clock(now=now, step_started=state.step_started or now, rollout_started=state.started)


def _verdict(decision: Decision) -> dict[str, object]:
    fields = ("verdict", "rule", "guardrail", "arm", "next_share_ppm")
    return {name: getattr(decision, name) for name in fields}


def _figures(decision: Decision) -> dict[str, object]:
    return {name: getattr(decision, name) for name in _FIGURES if hasattr(decision, name)}


def _of(record: DecisionRecord, names: tuple[str, ...]) -> dict[str, object]:
    return {name: msgspec.to_builtins(getattr(record, name)) for name in names}
