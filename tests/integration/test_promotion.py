"""How a healthy version goes from 1 % to 100 %, one commit a step."""

from tidegate.domain.decision import Verdict
from tidegate.domain.state import Phase
from worlds import World


def _healthy(world: World, count: int, prefix: str) -> None:
    """Units that all reach their goal, with no incident."""
    units = [f"{prefix}{number}" for number in range(count)]
    world.expose(units)
    world.report(units, "outcome", "goal", 1.0)


def test_a_deploy_begins_at_the_first_step_with_a_commit_of_the_engine(canary: World) -> None:
    assert canary.subjects()[:2] == [
        "support: start canary of v2 at 1%",
        "Deploy support v2",
    ]
    assert canary.release.traffic.share_ppm == 10_000


def test_nothing_is_served_to_the_candidate_before_an_engine_watches(world: World) -> None:
    world.engineer.deploy("v2")
    world.engine.refresh()
    assert world.release.traffic.phase is Phase.PENDING
    assert {world.release.version(f"u{number}") for number in range(5000)} == {"v1"}


def test_a_step_is_left_once_its_units_have_been_seen(canary: World) -> None:
    _healthy(canary, 1999, "a")
    canary.turn()
    assert canary.release.traffic.share_ppm == 10_000
    _healthy(canary, 1, "b")
    canary.turn()
    assert canary.release.traffic.share_ppm == 50_000
    assert canary.subjects()[0] == "support: advance v2 to 5% (step 2 of 5)"


def test_a_healthy_version_is_promoted_step_by_step(canary: World) -> None:
    rollout = canary.release.rollout
    for step in range(4):
        _healthy(canary, 2000, f"s{step}-")
        canary.turn()
    assert canary.subjects()[:5] == [
        "support: promote v2 to 100%",
        "support: advance v2 to 50% (step 4 of 5)",
        "support: advance v2 to 25% (step 3 of 5)",
        "support: advance v2 to 5% (step 2 of 5)",
        "support: start canary of v2 at 1%",
    ]
    assert {canary.release.version(f"u{number}") for number in range(500)} == {"v2"}
    assert canary.views.one(rollout).rollout.phase == "Completed"


def test_after_a_promotion_a_persons_revert_is_served_at_once_and_recorded(canary: World) -> None:
    deploy = canary.release.attempt
    for step in range(4):
        _healthy(canary, 2000, f"s{step}-")
        canary.turn()
    person = canary.person()
    person.revert(deploy)
    canary.engine.refresh()
    assert canary.release.version("anyone") == "v1"
    canary.engine.look()
    assert canary.subjects()[0] == "support: v1 is live (superseded)"


def test_every_decision_commit_can_be_taken_again_from_its_record(canary: World) -> None:
    for step in range(4):
        _healthy(canary, 2000, f"s{step}-")
        canary.turn()
    decided = [
        record
        for record in canary.records().values()
        if record.decision.rule in ("step_complete", "all_steps_complete", "harm")
    ]
    assert [record.decision.verdict for record in decided] == [
        Verdict.PROMOTE,
        Verdict.ADVANCE,
        Verdict.ADVANCE,
        Verdict.ADVANCE,
    ]
    for record in decided:
        assert record.recompute() == record.decision


def test_a_decision_can_be_taken_again_from_the_event_log_up_to_its_seq(canary: World) -> None:
    for step in range(4):
        _healthy(canary, 2000, f"s{step}-")
        canary.turn()
    for record in canary.records().values():
        if record.decision.rule == "step_complete":
            stages = canary.events.stages(
                record.rollout, record.evidence.seq, record.clock.now, canary.release.window_s
            )
            assert stages == record.evidence.stages


def test_a_split_that_is_not_the_manifests_pauses_the_rollout(canary: World) -> None:
    units = canary.units("candidate", 60, prefix="srm-")
    canary.expose(units)
    canary.turn()
    assert canary.release.traffic.phase is Phase.PAUSED
    assert canary.subjects()[0] == "support: pause v2, sample ratio mismatch"
    canary.report(units[:10], "safety", "error")
    canary.turn()
    assert canary.subjects()[0] == 'Revert "Deploy support v2"'
