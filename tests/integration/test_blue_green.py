"""Blue-green on real git and DuckDB: preview, switch, watch, and the way back."""

import pytest

from tidegate.domain.decision import Verdict
from tidegate.domain.state import Phase
from tidegate.domain.switch import Health
from worlds import World

INTENT = "envs/production/support.yaml"
HEALTH = "http://127.0.0.1:9/green/healthz"


def _intent(active: str, *, extra: str = "") -> str:
    version = {"blue": "v1", "green": "v2"}[active]
    return f"""\
apiVersion: tidegate/v1
kind: AgentRelease
agent: support
version: {version}
strategy:
  blueGreen:
    active: {active}
    blue: {{version: v1, endpoint: "http://blue.example"}}
    green: {{version: v2, endpoint: "http://green.example", health: "{HEALTH}"}}
    preview: {{users: [tester]}}
{extra}"""


@pytest.fixture
def switched(world: World) -> World:
    """The switch to green is committed; green is well."""
    world.person().commit(INTENT, _intent("blue"), "Two environments for support")
    world.turn()
    world.probe.answers[HEALTH] = Health(well=True, version="v2")
    world.person("another").commit(INTENT, _intent("green"), "Switch support to green")
    return world


def test_a_new_blue_green_release_of_the_live_version_changes_nothing(world: World) -> None:
    world.person().commit(INTENT, _intent("blue"), "Two environments for support")
    world.turn()
    assert world.release.traffic.phase is Phase.HEALTHY
    assert world.release.version("anyone") == "v1"


def test_the_switch_waits_for_an_engine_and_then_everyone_has_the_new_colour(
    switched: World,
) -> None:
    switched.engine.refresh()
    assert switched.release.version("anyone") == "v1"
    switched.turn()
    assert switched.subjects()[0] == "support: preview v2 on green"
    assert switched.release.version("tester") == "v2"
    assert switched.release.version("anyone") == "v1"
    switched.turn()
    assert switched.subjects()[0] == "support: promote v2 to 100%"
    assert switched.release.version("anyone") == "v2"
    assert switched.release.traffic.phase is Phase.COMPLETED


@pytest.mark.parametrize(
    ("health", "words"),
    [
        pytest.param(Health(well=False, detail="answered 503"), "answered 503", id="unwell"),
        pytest.param(Health(well=True, version="v9"), "runs v9", id="another version"),
        pytest.param(Health(well=True), "does not say which version", id="says no version"),
    ],
)
def test_the_switch_is_refused_while_the_idle_colour_is_unfit(
    switched: World, health: Health, words: str
) -> None:
    switched.probe.answers[HEALTH] = health
    for _ in range(3):
        switched.turn()
        switched.clock.advance(minutes=5)
    assert switched.release.version("anyone") == "v1"
    look = switched.control.looks(switched.release.rollout)[-1]
    assert words in look.reason
    switched.probe.answers[HEALTH] = Health(well=True, version="v2")
    switched.turn()
    assert switched.release.version("anyone") == "v2"


def test_preview_units_and_time_are_waited_for(world: World) -> None:
    world.person().commit(INTENT, _intent("blue"), "Two environments for support")
    world.turn()
    world.probe.answers[HEALTH] = Health(well=True, version="v2")
    extra = "    prePromotion: {minUnits: 1, duration: 5m}\n"
    world.person("another").commit(INTENT, _intent("green", extra=extra), "Switch to green")
    world.turn()
    world.turn()
    assert world.release.version("anyone") == "v1"
    world.expose(["tester"])
    world.clock.advance(minutes=4)
    world.turn()
    assert world.release.version("anyone") == "v1"
    world.clock.advance(minutes=2)
    world.turn()
    assert world.release.version("anyone") == "v2"


def test_an_incident_in_preview_holds_the_switch_until_a_person_lets_it_go(world: World) -> None:
    world.person().commit(INTENT, _intent("blue"), "Two environments for support")
    world.turn()
    world.probe.answers[HEALTH] = Health(well=True, version="v2")
    extra = "    prePromotion: {minUnits: 1}\n"
    world.person("another").commit(INTENT, _intent("green", extra=extra), "Switch to green")
    world.turn()
    world.expose(["tester"])
    world.report(["tester"], "safety", "error")
    world.clock.advance(minutes=1)
    world.turn()
    assert world.release.version("anyone") == "v1"
    orders = (
        "apiVersion: tidegate/v1\nkind: RolloutOrders\nagent: support\n"
        f"attempt: {world.release.attempt}\npromotedSteps: 1\n"
    )
    world.person("third").commit("envs/production/orders/support.yaml", orders, "Let it go on")
    world.clock.advance(minutes=1)
    world.turn()
    assert world.release.version("anyone") == "v2"


def _traffic(world: World, prefix: str, units: int, errors: int) -> None:
    names = [f"{prefix}{number}" for number in range(units)]
    world.expose(names)
    world.report(names[:: max(1, units // errors)][:errors], "safety", "error")
    world.clock.advance(minutes=11)  # every window closes


def test_an_alarm_after_the_switch_goes_back_by_a_revert_of_it(switched: World) -> None:
    switch = switched.git("rev-parse", "main").strip()
    _traffic(switched, "before", 600, errors=3)
    switched.turn()
    _traffic(switched, "preview", 300, errors=2)
    switched.turn()
    assert switched.release.version("anyone") == "v2"
    _traffic(switched, "after", 300, errors=60)
    switched.turn()
    assert switched.release.version("anyone") == "v1"
    assert switched.subjects()[:2] == [
        'Revert "Switch support to green"',
        "support: v2 is harmful (error), back to v1",
    ]
    assert switched.git("show", f"main:{INTENT}") == switched.git("show", f"{switch}^:{INTENT}")
    assert switched.release.state is not None
    assert switched.release.state.marks_bad("v2")


def test_the_same_rate_after_the_switch_is_no_alarm_and_the_watch_ends(switched: World) -> None:
    _traffic(switched, "before", 600, errors=6)
    switched.turn()
    _traffic(switched, "preview", 300, errors=3)
    switched.turn()
    _traffic(switched, "after", 600, errors=6)
    switched.turn()
    assert switched.release.version("anyone") == "v2"
    switched.clock.advance(hours=2)
    _traffic(switched, "later", 300, errors=200)
    switched.turn()
    assert switched.release.version("anyone") == "v2"


def test_a_persons_revert_of_the_switch_needs_no_engine(switched: World) -> None:
    switched.turn()
    switched.turn()
    switched.clock.advance(minutes=1)
    assert switched.release.version("anyone") == "v2"
    person = switched.person("reverter")
    switch = person.git("log", "--format=%H", "--grep=Switch support").split()[0]
    person.revert(switch)
    switched.engine.refresh()
    assert switched.release.version("anyone") == "v1"
    assert switched.release.traffic.phase is Phase.HEALTHY


def test_every_blue_green_decision_can_be_taken_again_from_its_record(switched: World) -> None:
    _traffic(switched, "before", 600, errors=3)
    switched.turn()
    switched.turn()
    _traffic(switched, "after", 300, errors=60)
    switched.turn()
    records = switched.records()
    verdicts = {record.decision.verdict for record in records.values()}
    assert {Verdict.PROMOTE, Verdict.ROLL_BACK} <= verdicts
    for record in records.values():
        if record.decision.rule not in ("start", "adopted", "superseded"):
            assert record.recompute() == record.decision
