"""What a decision changes in the manifest repository: planned commits, no git."""

import subprocess
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec
import pytest

from tidegate.domain import manifest_files as files
from tidegate.domain.decision import Verdict
from tidegate.domain.evidence import Clock, Evidence
from tidegate.domain.next_state import next_state
from tidegate.domain.record import digest_of, from_json
from tidegate.domain.recording import needs_settling, settle_of, start_of
from tidegate.domain.state import BadVersion, Phase, ReleaseState
from tidegate.domain.write_back import Deploy, commits_of

Make = Callable[..., Any]
NOW = datetime(2026, 3, 1, 13, 0, tzinfo=UTC)
LATER = "e" * 40
BEFORE = b"kind: AgentRelease   # as a person wrote it\r\nversion: v1\n\xc3\xa9\n\n"
STATE_PATH, INTENT_PATH = "envs/production/state/support.yaml", "envs/production/support.yaml"
EVIDENCE_PATH = "envs/production/evidence/support.json"


def test_start_begins_at_the_first_step_with_a_salt_of_its_own(make_release: Make) -> None:
    waiting = make_release(attempt=LATER)
    record = start_of(waiting, NOW, seq=3)
    state = next_state(waiting, record)
    assert (record.decision.verdict, record.decision.rule) == (Verdict.ADVANCE, "start")
    assert (state.phase, state.step, state.weight) == (Phase.PROGRESSING, 0, 10_000)
    assert (state.attempt, state.stable, state.candidate) == (LATER, "v1", "v2")
    assert (state.salt, state.step_started) == ("support:eeeeeeeeeeee", NOW)
    assert state.window == ("v1", "v0")


def test_advance_goes_one_step_further_and_restarts_its_clock(
    make_release: Make, make_record: Make
) -> None:
    state = next_state(make_release(), make_record(Verdict.ADVANCE, "step_complete"))
    assert (state.phase, state.step, state.weight) == (Phase.PROGRESSING, 1, 100_000)
    assert (state.stable, state.candidate, state.step_started) == ("v1", "v2", NOW)


def test_advance_keeps_the_salt_so_that_the_ramp_is_monotone(
    make_release: Make, make_record: Make
) -> None:
    release = make_release()
    state = next_state(release, make_record(Verdict.ADVANCE, "step_complete"))
    assert state.salt == release.state.salt == "support:dddddddddddd"


def test_pause_keeps_the_step_and_its_beginning(make_release: Make, make_record: Make) -> None:
    release = make_release(step=1, weight=100_000)
    record = make_record(Verdict.PAUSE, "sample_ratio_mismatch", step=1)
    state = next_state(release, record)
    assert (state.phase, state.step, state.weight) == (Phase.PAUSED, 1, 100_000)
    assert state.step_started == release.state.step_started
    assert state.candidate == "v2"


def test_promotion_makes_the_candidate_stable_and_remembers_the_baseline(
    make_release: Make, make_record: Make
) -> None:
    state = next_state(make_release(), make_record(Verdict.PROMOTE, "all_steps_complete", step=1))
    assert (state.phase, state.stable, state.candidate) == (Phase.COMPLETED, "v2", None)
    assert state.window == ("v2", "v1", "v0")
    assert (state.weight, state.step, state.salt) == (0, 0, "")


def test_rollback_keeps_the_baseline_and_marks_the_candidate_bad(
    make_release: Make, make_record: Make
) -> None:
    earlier = BadVersion(version="v-1", attempt="a" * 40, reason="harm, long ago")
    state = next_state(make_release(bad=(earlier,)), make_record(Verdict.ROLL_BACK, "harm"))
    assert (state.phase, state.stable, state.candidate) == (Phase.ROLLED_BACK, "v1", None)
    assert state.bad == (
        earlier,
        BadVersion(version="v2", attempt="d" * 40, reason="because of the numbers"),
    )
    assert state.window == ("v1", "v0")


@pytest.mark.parametrize("verdict", list(Verdict))
def test_state_after_any_verdict_names_its_attempt_and_reason(
    make_release: Make, make_record: Make, verdict: Verdict
) -> None:
    state = next_state(make_release(), make_record(verdict, "some_rule"))
    assert (state.agent, state.attempt) == ("support", "d" * 40)
    assert state.reason == "because of the numbers"


def test_rollback_window_is_bounded_newest_first_and_without_repeats(
    make_release: Make, make_record: Make
) -> None:
    release = make_release(window=("v1", "v2", "v0", "v-1", "v-2"))
    state = next_state(release, make_record(Verdict.PROMOTE, "all_steps_complete", step=1))
    assert state.window == ("v2", "v1", "v0", "v-1", "v-2")
    release = make_release(window=("v1", "a", "b", "c", "d"))
    state = next_state(release, make_record(Verdict.PROMOTE, "all_steps_complete", step=1))
    assert state.window == ("v2", "v1", "a", "b", "c")


def test_settling_a_new_agent_adopts_its_first_version(make_release: Make) -> None:
    release = make_release(state=None, previous=None)
    record = settle_of(release, NOW, seq=0)
    state = next_state(release, record)
    assert (record.decision.verdict, record.decision.rule) == (Verdict.HOLD, "adopted")
    assert (state.phase, state.stable, state.window) == (Phase.HEALTHY, "v2", ("v2",))


def test_settling_a_persons_revert_ends_the_attempt_and_says_who_won(
    make_release: Make, intent: Any
) -> None:
    back = msgspec.structs.replace(intent, version="v0")
    release = make_release(intent=back, attempt=LATER)
    record = settle_of(release, NOW, seq=9)
    state = next_state(release, record)
    assert record.decision.rule == "superseded"
    assert record.decision.reason == (
        "superseded by eeeeeeeeeeee: a person chose v0, the attempt at v2 ends"
    )
    assert (state.phase, state.stable, state.candidate) == (Phase.HEALTHY, "v0", None)
    assert (state.attempt, state.window) == (LATER, ("v0", "v1"))


LIVE_CASES = {
    "new agent": ("v2", {"state": None, "previous": None}),
    "reverted in a rollout": ("v1", {"attempt": LATER}),
    "reverted while paused": ("v1", {"attempt": LATER, "phase": Phase.PAUSED}),
    "older version chosen": (
        "v0",
        {"attempt": LATER, "phase": Phase.COMPLETED, "stable": "v2", "candidate": None},
    ),
}
QUIET_CASES = {
    "after our own rollback": (
        "v1",
        {"attempt": LATER, "phase": Phase.ROLLED_BACK, "candidate": None},
    ),
    "plan edited, same version": (
        "v1",
        {"attempt": LATER, "phase": Phase.HEALTHY, "candidate": None},
    ),
    "rollout": ("v2", {}),
    "waiting": ("v2", {"attempt": LATER}),
    "settled": ("v2", {"phase": Phase.HEALTHY, "candidate": None}),
    "completed": ("v2", {"phase": Phase.COMPLETED, "stable": "v2", "candidate": None}),
}


@pytest.mark.parametrize(("version", "changes"), LIVE_CASES.values(), ids=LIVE_CASES)
def test_settling_is_needed_where_people_changed_what_is_live(
    make_release: Make, intent: Any, version: str, changes: dict[str, Any]
) -> None:
    wanted = msgspec.structs.replace(intent, version=version)
    assert needs_settling(make_release(intent=wanted, **changes))


@pytest.mark.parametrize(("version", "changes"), QUIET_CASES.values(), ids=QUIET_CASES)
def test_settling_is_not_needed_where_git_already_says_what_is_live(
    make_release: Make, intent: Any, version: str, changes: dict[str, Any]
) -> None:
    wanted = msgspec.structs.replace(intent, version=version)
    assert not needs_settling(make_release(intent=wanted, **changes))


@pytest.mark.parametrize(("version", "changes"), LIVE_CASES.values(), ids=LIVE_CASES)
def test_settled_release_needs_no_second_settling(
    make_release: Make, intent: Any, version: str, changes: dict[str, Any]
) -> None:
    wanted = msgspec.structs.replace(intent, version=version)
    release = make_release(intent=wanted, **changes)
    state = next_state(release, settle_of(release, NOW, seq=0))
    again = make_release(intent=wanted, attempt=release.attempt, state=state)
    assert not needs_settling(again)
    assert again.traffic.baseline == release.traffic.baseline == version


@pytest.mark.parametrize(
    ("verdict", "rule", "subject"),
    [
        (Verdict.ADVANCE, "start", "support: start canary of v2 at 1%"),
        (Verdict.ADVANCE, "step_complete", "support: advance v2 to 10% (step 2 of 3)"),
        (Verdict.PROMOTE, "all_steps_complete", "support: promote v2 to 100%"),
        (Verdict.ROLL_BACK, "harm", "support: v2 is harmful (error), back to v1"),
        (Verdict.PAUSE, "sample_ratio_mismatch", "support: pause v2, sample ratio mismatch"),
        (Verdict.HOLD, "superseded", "support: v1 is live (superseded)"),
    ],
)
def test_decision_without_a_revert_is_one_commit_of_state_with_its_record(
    make_release: Make, make_record: Make, verdict: Verdict, rule: str, subject: str
) -> None:  # fmt: skip
    release, record = make_release(), make_record(verdict, rule)
    (planned,) = commits_of(release, record)
    assert planned.message.split("\n\n")[:2] == [subject, "because of the numbers"]
    assert list(planned.contents) == [STATE_PATH, EVIDENCE_PATH]
    state = files.parse(STATE_PATH, planned.contents[STATE_PATH], ReleaseState)
    assert state == next_state(release, record)
    assert from_json(planned.contents[EVIDENCE_PATH]) == record


def test_rollback_is_a_commit_of_state_and_then_the_revert_of_the_deploy(
    make_release: Make, make_record: Make
) -> None:
    record = make_record(Verdict.ROLL_BACK, "harm")
    deploy = Deploy(commit="d" * 40, subject='Deploy "v2"', intent_before=BEFORE)
    written, revert = commits_of(make_release(), record, deploy)
    assert written.message.startswith("support: v2 is harmful")
    assert list(written.contents) == [STATE_PATH, EVIDENCE_PATH]
    assert revert.contents == {INTENT_PATH: BEFORE}
    assert revert.message.startswith(
        f'Revert "Deploy "v2""\n\nThis reverts commit {"d" * 40}.\n\nbecause of the numbers\n\n'
    )


def test_every_planned_commit_has_the_trailers_that_git_itself_can_read(
    make_release: Make, make_record: Make
) -> None:
    record = make_record(Verdict.ROLL_BACK, "harm")
    deploy = Deploy(commit="d" * 40, subject="Deploy v2", intent_before=BEFORE)
    planned = commits_of(make_release(), record, deploy)
    content = planned[0].contents[EVIDENCE_PATH]
    for commit in planned:
        assert _trailers(commit.message) == {
            "Tidegate-Decision": record.decision_id,
            "Tidegate-Release": "production/support",
            "Tidegate-Attempt": "d" * 40,
            "Tidegate-Rule": "harm",
            "Tidegate-Evidence": digest_of(content),
            "Tidegate-Seq": "42",
        }


def _trailers(message: str) -> dict[str, str]:
    ran = subprocess.run(
        ["git", "interpret-trailers", "--parse"],
        input=message + "\n",
        capture_output=True,
        text=True,
        check=True,
    )
    return dict(line.split(": ", 1) for line in ran.stdout.splitlines())


def test_decision_id_of_the_same_grounds_at_another_time_is_the_same(make_record: Make) -> None:
    record = make_record(Verdict.ROLL_BACK, "harm")
    clock = Clock(now=NOW + timedelta(days=1), step_started=NOW)
    assert msgspec.structs.replace(record, clock=clock).decision_id == record.decision_id


@pytest.mark.parametrize(
    "changes",
    [
        pytest.param({"attempt": LATER}, id="another attempt"),
        pytest.param({"evidence": Evidence(step=1, paused=False, seq=42)}, id="another step"),
        pytest.param({"evidence": Evidence(step=0, paused=False, seq=43)}, id="other evidence"),
        pytest.param({"agent": "billing"}, id="another agent deployed by the same commit"),
        pytest.param({"environment": "staging"}, id="another environment of the same commit"),
    ],
)
def test_decision_id_on_other_grounds_is_another(
    make_record: Make, changes: dict[str, Any]
) -> None:
    record = make_record(Verdict.ROLL_BACK, "harm")
    assert msgspec.structs.replace(record, **changes).decision_id != record.decision_id


def test_a_forced_version_that_is_promoted_is_bad_no_more(
    make_release: Make, make_record: Make
) -> None:
    bad = (
        BadVersion(version="v2", attempt="a" * 40, reason="it was harmful"),
        BadVersion(version="v0", attempt="b" * 40, reason="so was it"),
    )
    state = next_state(
        make_release(bad=bad), make_record(Verdict.PROMOTE, "all_steps_complete", step=1)
    )
    assert [each.version for each in state.bad] == ["v0"]
