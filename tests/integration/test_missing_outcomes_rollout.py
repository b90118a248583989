"""A candidate that loses its outcomes is paused, not promoted; a person has the last word."""

import pytest

from release_files import canary, intent_path, release_file
from tidegate.domain.decision import Verdict
from tidegate.domain.state import Phase
from worlds import AGENT, World

STEPS = ("{setWeight: 5%, minUnits: 1000}", "{setWeight: 50%, minUnits: 1000}", "{setWeight: 100%}")
ORDERS = f"envs/production/orders/{AGENT}.yaml"


def _order(world: World, order: str) -> None:
    text = f"kind: RolloutOrders\nagent: {AGENT}\nattempt: {world.release.attempt}\n{order}\n"
    world.person(f"person-{order[:6]}").commit(ORDERS, text, f"Order {order}")


def _meet(world: World, prefix: str, count: int, *, silent: bool) -> None:
    """Units that all reach their goal; of the candidate's, half never say so."""
    units = [f"{prefix}{number}" for number in range(count)]
    world.expose(units)
    lost = {u for u in units if world.release.arm(u) == "candidate" and silent}
    lost = set(sorted(lost)[::2])
    world.report([unit for unit in units if unit not in lost], "outcome", "goal", 1.0)


@pytest.fixture
def begun(world: World) -> World:
    strategy = canary(*STEPS)
    (text,) = release_file("v2", strategy, more="salt: the same in every run\n").values()
    world.person().commit(intent_path(), text, "Deploy v2")
    world.turn()
    return world


@pytest.fixture
def paused(begun: World) -> World:
    """Half of the candidate's outcomes did not come in time."""
    _meet(begun, "ramp-", 900, silent=True)
    begun.clock.advance(minutes=11)
    begun.turn()
    return begun


def test_a_candidate_that_loses_its_outcomes_is_paused(paused: World) -> None:
    assert paused.subjects()[0] == "support: pause v2, outcomes missing"
    assert paused.release.traffic.phase is Phase.PAUSED
    assert paused.release.traffic.share_ppm == 50_000
    record = next(iter(paused.records().values()))
    assert "never reported one" in record.decision.reason
    assert record.recompute() == record.decision


def test_outcomes_that_are_only_awaited_pause_nothing(begun: World) -> None:
    _meet(begun, "ramp-", 900, silent=True)
    begun.clock.advance(minutes=9)
    begun.turn()
    assert begun.release.traffic.phase is Phase.PROGRESSING


def test_a_candidate_that_says_everything_goes_on(begun: World) -> None:
    _meet(begun, "ramp-", 1000, silent=False)
    begun.clock.advance(minutes=11)
    begun.turn()
    assert begun.release.traffic.share_ppm == 500_000


def test_while_it_is_paused_nothing_goes_on_but_harm_ends_it(paused: World) -> None:
    head = paused.head()
    _meet(paused, "more-", 1000, silent=False)
    paused.turn()
    assert paused.head() == head
    paused.harm()
    paused.turn()
    assert paused.subjects()[0] == 'Revert "Deploy v2"'


def test_a_person_who_resumes_has_waived_the_alarm(paused: World) -> None:
    _order(paused, "resumed: true")
    paused.turn()
    assert paused.subjects()[0] == "support: resume v2 at 5%"
    assert paused.release.traffic.phase is Phase.PROGRESSING
    _meet(paused, "more-", 1000, silent=False)
    paused.turn()
    assert paused.subjects()[0] == "support: advance v2 to 50% (step 2 of 3)"


def test_a_person_who_lets_one_step_go_on_is_asked_again_at_the_next(paused: World) -> None:
    _order(paused, "promotedSteps: 1")
    for _ in range(4):
        paused.turn()
    assert paused.subjects()[:3] == [
        "support: pause v2, outcomes missing",
        "support: advance v2 to 50% (step 2 of 3), ordered",
        "support: resume v2 at 5%",
    ]


def test_every_decision_of_the_course_can_be_taken_again(paused: World) -> None:
    _order(paused, "promotedSteps: 1")
    for _ in range(4):
        paused.turn()
    decided = [each for each in paused.records().values() if each.decision.rule not in NO_EVIDENCE]
    assert [each.decision.verdict for each in decided] == [
        Verdict.PAUSE,
        Verdict.ADVANCE,
        Verdict.RESUME,
        Verdict.PAUSE,
    ]
    for record in decided:
        assert record.recompute() == record.decision


NO_EVIDENCE = ("start", "adopted", "superseded")


def test_a_slow_candidate_is_neither_harmful_nor_paused(begun: World) -> None:
    """Its outcomes come minutes later than the baseline's, and in time."""
    units = [f"slow-{number}" for number in range(1000)]
    begun.expose(units)
    late = [unit for unit in units if begun.release.arm(unit) == "candidate"]
    begun.report([unit for unit in units if unit not in set(late)], "outcome", "goal", 1.0)
    begun.turn()
    assert begun.subjects()[0] == "support: advance v2 to 50% (step 2 of 3)"
    begun.clock.advance(minutes=8)
    begun.report(late, "outcome", "goal", 1.0)
    begun.clock.advance(minutes=4)
    begun.turn()
    assert begun.release.traffic.phase is Phase.PROGRESSING
    assert begun.subjects()[0] == "support: advance v2 to 50% (step 2 of 3)"
