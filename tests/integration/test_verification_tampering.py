"""Whatever is changed in a decision, a check says what."""

import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tidegate.adapters.duckdb_events import DuckDBEvents
from tidegate.domain.events import Event, attribute
from tidegate.domain.record import digest_of, recorded_id
from tidegate.domain.verification import Verification
from tidegate.service.verifying import Verifier
from worlds import Person, World

INTENT = "envs/production/support.yaml"
STATE = "envs/production/state/support.yaml"
RECORD = "envs/production/evidence/support.json"
Change = Callable[[Any], None]


@pytest.fixture
def rolled_back(canary: World) -> World:
    """Harm was rolled back: the decision, and then the revert of the deploy."""
    canary.expose([f"u{number}" for number in range(300)])
    canary.harm()
    canary.turn()
    return canary


def _verify(world: World, commit: str) -> Verification:
    return Verifier(world.repository, world.events).verify(commit)


def _problems(world: World, commit: str) -> dict[str, str]:
    found = _verify(world, commit)
    assert not found.verified
    return {each.name: each.detail for each in found.checks if not each.ok}


def _rewritten(world: World, contents: dict[str, str], *, sealed: bool = True) -> str:
    """The decision before head with other files, as someone with the right to force would do it.

    With `sealed` they also make digest and id in its message, and in the revert's, fit the record.
    """
    forger = world.person("forger")
    forger.git("checkout", "--quiet", "--detach", "main~1")
    for path, content in contents.items():
        (forger.folder / path).write_text(content)
    forger.git("add", ".")
    _amend(forger, contents.get(RECORD) if sealed else None)
    made = forger.git("rev-parse", "HEAD").strip()
    forger.git("cherry-pick", "main")
    _amend(forger, contents.get(RECORD) if sealed else None)
    forger.git("push", "--quiet", "--force", "origin", "HEAD:main")
    world.repository.fetch()
    return made


def _amend(forger: Person, record: str | None) -> None:
    message = forger.git("log", "-1", "--format=%B")
    if record is not None:
        seals = {
            "Evidence": digest_of(record.encode()),
            "Decision": recorded_id(record.encode()),
            "Rule": json.loads(record)["decision"]["rule"],
        }
        for name, seal in seals.items():
            message = re.sub(f"Tidegate-{name}: .*", f"Tidegate-{name}: {seal}", message)
    forger.git("commit", "--quiet", "--amend", "-m", message)


def _record(world: World, change: Change) -> dict[str, str]:
    """The record of the decision before head, changed."""
    record = json.loads(world.git("show", f"main~1:{RECORD}"))
    change(record)
    return {RECORD: json.dumps(record, indent=2)}


def _one_more_incident(record: Any) -> None:
    record["evidence"]["stages"][0]["candidate"]["incidents"]["prompt_injection"] += 1


def test_a_changed_count_breaks_the_seal_and_is_named(rolled_back: World) -> None:
    forged = _rewritten(rolled_back, _record(rolled_back, _one_more_incident), sealed=False)
    problems = _problems(rolled_back, forged)
    assert {"digest", "id", "evidence"} <= set(problems)
    assert "one of them was changed" in problems["digest"]
    assert (
        "stages[0].candidate.incidents.prompt_injection: recorded 9, found 8"
        in problems["evidence"]
    )


def test_a_changed_count_under_a_seal_that_fits_is_found_in_the_event_log(
    rolled_back: World,
) -> None:
    forged = _rewritten(rolled_back, _record(rolled_back, _one_more_incident))
    problems = _problems(rolled_back, forged)
    assert "digest" not in problems
    assert "recorded 9, found 8" in problems["evidence"]
    assert "assessments[0].candidate.k: recorded 8, found 9" in problems["figures"]


def test_a_changed_digest_is_named(rolled_back: World) -> None:
    forger = rolled_back.person("forger")
    forger.git("checkout", "--quiet", "--detach", "main~1")
    message = forger.git("log", "-1", "--format=%B").replace("sha256:", "sha256:0")
    forger.git("commit", "--quiet", "--amend", "-m", message)
    forger.git("push", "--quiet", "--force", "origin", "HEAD:main")
    rolled_back.repository.fetch()
    problems = _problems(rolled_back, forger.git("rev-parse", "HEAD").strip())
    assert "the trailer Tidegate-Evidence says sha256:0" in problems["digest"]
    assert "no revert of the deploy follows it" in problems["revert"]


def _laxer(record: Any) -> None:
    record["policy"]["budgets"]["falseRollback"] = 0.5


def _spared(record: Any) -> None:
    record["decision"] |= {"verdict": "advance", "rule": "step_complete", "next_share_ppm": 50_000}


def _explained_away(record: Any) -> None:
    record["decision"]["reason"] = "the candidate was slow"


def _sooner(record: Any) -> None:
    record["clock"]["step_started"] = "2025-12-31T00:00:00Z"


def _another_version(record: Any) -> None:
    record["candidate"] = "v3"


def _another_attempt(record: Any) -> None:
    record["attempt"] = "0" * 40


def _impossible(record: Any) -> None:
    record["evidence"]["stages"][0]["candidate"]["incidents"]["prompt_injection"] = -5


def _an_arm(record: Any) -> None:
    record["decision"]["arm"] = "concise"


def _no_evidence_needed(record: Any) -> None:
    record["decision"]["rule"] = "superseded"


@pytest.mark.parametrize(
    ("change", "check", "words"),
    [
        pytest.param(
            _laxer, "policy", "budgets.falseRollback: recorded 0.5, found 0.05", id="policy"
        ),
        pytest.param(
            _spared, "rule", 'verdict: recorded "advance", found "roll_back"', id="verdict"
        ),
        pytest.param(_explained_away, "figures", "reason: recorded", id="reason"),
        pytest.param(_sooner, "release", "clock.step_started: recorded", id="clock"),
        pytest.param(
            _another_version, "release", 'candidate: recorded "v3", found "v2"', id="version"
        ),
        pytest.param(_another_attempt, "trailers", "Tidegate-Attempt", id="attempt"),
        pytest.param(_impossible, "rule", "it cannot be taken again", id="impossible count"),
        pytest.param(_an_arm, "rule", 'arm: recorded "concise", found null', id="arm"),
        pytest.param(
            _no_evidence_needed, "rule", "nothing was to be decided on", id="no evidence needed"
        ),
    ],
)
def test_a_changed_record_under_a_seal_that_fits_is_named(
    rolled_back: World, change: Change, check: str, words: str
) -> None:
    problems = _problems(rolled_back, _rewritten(rolled_back, _record(rolled_back, change)))
    assert "digest" not in problems
    assert words in problems[check]


def test_a_figure_that_differs_by_rounding_is_told_and_no_problem(rolled_back: World) -> None:
    """As after an upgrade of a library."""

    def round_otherwise(record: Any) -> None:
        record["decision"]["assessments"][0]["log_e_harm"] *= 1.0 + 1e-14

    found = _verify(rolled_back, _rewritten(rolled_back, _record(rolled_back, round_otherwise)))
    assert found.conclusion == "verified"
    checks = {each.name: each.detail for each in found.checks}
    assert checks["figures"].endswith("but for the last digits (1 figure differs by rounding)")
    assert checks["rule"] == "policy, evidence and clock lead to roll_back by the rule harm"


def test_an_edited_state_is_named(rolled_back: World) -> None:
    state = rolled_back.git("show", f"main~1:{STATE}")
    kept = state[: state.index("bad:")]
    problems = _problems(rolled_back, _rewritten(rolled_back, {STATE: kept}))
    assert list(problems) == ["state"]
    assert "bad[0]: recorded nothing, found" in problems["state"]


def test_a_decision_that_changes_intent_by_the_way_is_named(rolled_back: World) -> None:
    intent = rolled_back.git("show", f"main~1:{INTENT}") + "force: true\n"
    forger = rolled_back.person("forger")
    forger.git("checkout", "--quiet", "--detach", "main~1")
    (forger.folder / INTENT).write_text(intent)
    forger.git("commit", "--quiet", "--all", "--amend", "--no-edit")
    forger.git("push", "--quiet", "--force", "origin", "HEAD:main")
    rolled_back.repository.fetch()
    problems = _problems(rolled_back, forger.git("rev-parse", "HEAD").strip())
    assert f"it also changes {INTENT}" in problems["untouched"]


def test_a_revert_that_is_not_byte_for_byte_is_named(rolled_back: World) -> None:
    forger = rolled_back.person("forger")
    intent = forger.folder / INTENT
    intent.write_text(intent.read_text() + "# nearly\n")
    forger.git("commit", "--quiet", "--all", "--amend", "--no-edit")
    forger.git("push", "--quiet", "--force")
    rolled_back.repository.fetch()
    problems = _problems(rolled_back, rolled_back.head())
    assert list(problems) == ["revert"]
    assert f"does not put {INTENT} back as it was before" in problems["revert"]


def test_a_decision_that_was_taken_out_of_the_branch_is_named(rolled_back: World) -> None:
    decision = rolled_back.git("rev-parse", "main~1").strip()
    forger = rolled_back.person("forger")
    forger.git("push", "--quiet", "--force", "origin", "HEAD~2:main")
    rolled_back.repository.fetch()
    problems = _problems(rolled_back, decision)
    assert problems["history"] == "it is not on the branch that is served"


def test_a_record_that_is_none_is_named(rolled_back: World) -> None:
    forged = _rewritten(rolled_back, {RECORD: '{"evidence": 1}'}, sealed=False)
    problems = _problems(rolled_back, forged)
    assert f"{RECORD} is no record of a decision" in problems["decision"]


def test_a_persons_commit_is_no_decision(rolled_back: World) -> None:
    deploy = rolled_back.git("log", "--format=%H", "--grep=Deploy support v2").split()[-1]
    problems = _problems(rolled_back, deploy)
    assert problems == {
        "decision": "it is no decision: its message has none of the trailers of one"
    }


def test_the_event_log_of_another_service_is_told_from_this_one(
    rolled_back: World, tmp_path: Path
) -> None:
    other = DuckDBEvents(tmp_path / "other.duckdb")
    decision = rolled_back.git("rev-parse", "main~1").strip()
    found = Verifier(rolled_back.repository, other).verify(decision)
    (check,) = [each for each in found.checks if not each.ok]
    assert check.name == "evidence"
    assert check.detail == (
        "it was taken on event 316, but the event log ends at 0: events are missing, or this is "
        "the log of another service"
    )
    other.close()


def test_a_log_that_is_as_long_but_of_other_units_is_told_from_this_one(
    rolled_back: World, tmp_path: Path
) -> None:
    other = DuckDBEvents(tmp_path / "other.duckdb")
    release = rolled_back.release
    events = [
        Event(event_id=f"e{n}", unit=f"u{n}", agent="support", kind="exposure") for n in range(400)
    ]
    other.append([[attribute(event, release) for event in events]], rolled_back.clock.now())
    decision = rolled_back.git("rev-parse", "main~1").strip()
    found = Verifier(rolled_back.repository, other).verify(decision)
    assert found.conclusion == (
        f"not verified: evidence: the event log knows no unit of {found.rollout}: it is another "
        "service's"
    )
    other.close()


def test_a_log_that_was_too_short_still_counts_what_comes_later(
    rolled_back: World, tmp_path: Path
) -> None:
    """Asking a store for more events than it has must not make it pass over those to come."""
    rolled_back.close()
    path = rolled_back.folder / "events.duckdb"
    path.rename(tmp_path / "kept.duckdb")
    rolled_back.open()
    rolled_back.engine.refresh()
    decision = rolled_back.git("rev-parse", "main~1").strip()
    assert "evidence" in _problems(rolled_back, decision)
    rolled_back.engineer.add_version("v3")
    rolled_back.engineer.deploy("v3")
    rolled_back.turn()
    rolled_back.expose([f"u{number}" for number in range(100)])
    stages = rolled_back.events.stages(
        rolled_back.release.rollout, rolled_back.events.last_seq(), rolled_back.clock.now(), 600
    )
    assert sum(stage.units for stage in stages) == 100
