"""A ramp that follows a budget of risk, from its first share to everyone, on real git and a log."""

import msgspec
import pytest

from release_files import intent_path, release_file
from tidegate.domain import manifest_files as files
from tidegate.domain.decision import Verdict
from tidegate.domain.evidence import Evidence
from tidegate.domain.policy import Policy
from tidegate.domain.quantities import percent
from tidegate.domain.record import DecisionRecord
from tidegate.domain.state import Phase, ReleaseState
from worlds import AGENT, World

STATE = f"envs/production/state/{AGENT}.yaml"
PLAN = (
    "canary: {mode: riskBudget, riskBudget: {excess: 5, lookUnits: 500, certifyAt: 40%}, "
    "guardrails: [error]}"
)
FIRST_PPM, CERTIFY_AT = 10_000, 400_000


@pytest.fixture
def ramp(world: World) -> World:
    """The ramp of v2 has begun."""
    (text,) = release_file("v2", PLAN, more="salt: the same in every run\n").values()
    world.person().commit(intent_path(), text, "Deploy v2")
    world.turn()
    return world


def _meet(world: World, prefix: str, count: int = 500, one_in: int = 250) -> None:
    units = [f"{prefix}{number}" for number in range(count)]
    world.expose(units)
    world.report(units, "outcome", "goal", 1.0)
    world.report(units[::one_in], "safety", "error")


def _to_the_end(world: World) -> None:
    for number in range(40):
        _meet(world, f"batch-{number}-")
        world.turn()
        if not world.release.in_rollout:
            return
    raise AssertionError(world.release.traffic)


def _decided(world: World) -> list[DecisionRecord]:
    """Records of the decisions taken on evidence, oldest first."""
    rules = ("step_complete", "all_steps_complete")
    return [each for each in world.records().values() if each.decision.rule in rules][::-1]


def _state(world: World, commit: str = "main") -> ReleaseState:
    return files.parse(STATE, world.git("show", f"{commit}:{STATE}").encode(), ReleaseState)


def test_the_ramp_begins_at_the_share_at_which_everyone_might_be_harmed(ramp: World) -> None:
    assert ramp.subjects()[0] == "support: start canary of v2 at 1%"
    assert _state(ramp).reason == "a new attempt begins at stage 1, 1%"
    assert ramp.release.traffic.share_ppm == FIRST_PPM


def test_a_stage_waits_for_the_units_of_a_look(ramp: World) -> None:
    _meet(ramp, "early-", count=499)
    ramp.turn()
    assert ramp.release.traffic.share_ppm == FIRST_PPM
    _meet(ramp, "one-more-", count=1)
    ramp.turn()
    assert ramp.release.traffic.share_ppm > FIRST_PPM


def test_a_healthy_version_is_taken_to_everyone_stage_by_stage(ramp: World) -> None:
    _to_the_end(ramp)
    decided = _decided(ramp)
    shares = [each.decision.next_share_ppm or 0 for each in decided]
    assert len(shares) >= 4
    *raised, certified, everyone = shares
    assert (certified, everyone) == (CERTIFY_AT, 1_000_000)
    before = FIRST_PPM
    for share in raised:
        assert share >= 1.25 * before
        before = share
    subjects = [subject for subject in ramp.subjects() if "support: " in subject][::-1]
    expected = [
        f"support: advance v2 to {percent(share)} (stage {number})"
        for number, share in enumerate(shares[:-1], start=2)
    ]
    assert subjects[-len(shares) :] == [*expected, "support: promote v2 to 100%"]


def test_the_share_in_git_is_the_decisions_and_each_stage_is_a_stratum(ramp: World) -> None:
    _to_the_end(ramp)
    commits = [c for c, each in ramp.records().items() if each.decision.rule == "step_complete"]
    for commit in commits:
        record, state = ramp.records()[commit], _state(ramp, commit)
        assert isinstance(record.evidence, Evidence)
        assert (state.weight, state.step) == (
            record.decision.next_share_ppm,
            record.evidence.step + 1,
        )
    last = _decided(ramp)[-1].evidence
    assert isinstance(last, Evidence)
    shares = [stage.share_ppm for stage in last.stages]
    assert [stage.step for stage in last.stages] == list(range(len(shares)))
    assert shares == sorted(set(shares))
    assert shares[-1] == last.share_ppm == CERTIFY_AT


def test_every_stage_can_be_decided_again(ramp: World) -> None:
    _to_the_end(ramp)
    for record in _decided(ramp):
        assert record.recompute() == record.decision
        assert isinstance(record.policy, Policy)
        assert record.policy.risk_budget is not None


def test_a_unit_that_met_the_candidate_stays_with_it_as_the_share_rises(ramp: World) -> None:
    units = [f"loyal-{number}" for number in range(3000)]
    met: set[str] = set()
    for number in range(4):
        on_candidate = {unit for unit in units if ramp.release.arm(unit) == "candidate"}
        assert met <= on_candidate
        met = on_candidate
        _meet(ramp, f"batch-{number}-")
        ramp.turn()
    assert ramp.release.traffic.share_ppm > FIRST_PPM


def test_no_share_is_raised_while_the_worst_case_is_beyond_the_budget(ramp: World) -> None:
    """A few incidents on the candidate, too few to be harm."""
    _meet(ramp, "batch-", one_in=50)
    units = ramp.units("candidate", 2, prefix="unlucky-")
    ramp.expose(units)
    ramp.report(units, "safety", "error")
    ramp.turn()
    assert ramp.release.traffic.share_ppm == FIRST_PPM
    look = ramp.control.looks(ramp.release.rollout)[-1]
    assert (look.verdict, look.rule) == ("hold", "risk_budget")


def test_a_person_may_take_it_to_everyone_at_once(ramp: World) -> None:
    orders = f"kind: RolloutOrders\nagent: {AGENT}\nattempt: {ramp.release.attempt}\nfull: true\n"
    person = ramp.person("approver")
    person.commit(f"envs/production/orders/{AGENT}.yaml", orders, "Promote v2 fully")
    ramp.turn()
    assert ramp.subjects()[0] == "support: promote v2 to 100%, ordered"
    assert ramp.release.traffic.phase is Phase.COMPLETED


def test_orders_of_another_attempt_are_void(ramp: World) -> None:
    orders = f"kind: RolloutOrders\nagent: {AGENT}\nattempt: {'0' * 40}\nfull: true\n"
    person = ramp.person("approver")
    person.commit(f"envs/production/orders/{AGENT}.yaml", orders, "Promote what is not there")
    ramp.turn()
    assert ramp.release.traffic.share_ppm == FIRST_PPM


def test_harm_ends_the_ramp_and_reverts_the_deploy(ramp: World) -> None:
    _meet(ramp, "batch-")
    ramp.turn()
    ramp.harm("error")
    ramp.turn()
    assert ramp.subjects()[:2] == [
        'Revert "Deploy v2"',
        "support: v2 is harmful (error), back to v1",
    ]
    last = next(iter(ramp.records().values()))
    assert last.decision.verdict is Verdict.ROLL_BACK
    assert last.recompute() == last.decision
    assert msgspec.json.encode(ramp.views.one(last.rollout))
