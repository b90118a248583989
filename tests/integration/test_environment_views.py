"""Which environment is active, and what must keep running: before, in and after switches."""

from datetime import timedelta

import pytest

from release_files import release_file
from tidegate.domain.blue_green import ColourName
from tidegate.domain.switch import Health
from tidegate.service.environments import EnvironmentsView, environments_of
from worlds import World

HEALTH = "http://127.0.0.1:9/{}/healthz"
WATCH = "postPromotion: {duration: 2h, action: rollback}"


def _intent(active: str, blue: str = "v1", green: str = "v2") -> str:
    colours = "".join(
        f"    {colour}: {{version: {version}, endpoint: 'http://{colour}.example', "
        f"health: '{HEALTH.format(colour)}'}}\n"
        for colour, version in (("blue", blue), ("green", green))
    )
    version = {"blue": blue, "green": green}[active]
    plan = f"blueGreen:\n    active: {active}\n{colours}    keepWarm: 30m\n    {WATCH}"
    (text,) = release_file(version, plan).values()
    return text


def _committed(world: World, text: str, name: str) -> None:
    world.person(name).commit("envs/production/support.yaml", text, f"Ask, as {name}")
    world.turn()


def _seen(world: World) -> EnvironmentsView:
    found = environments_of(world.release, world.control)
    assert found is not None
    return found


def _colours(found: EnvironmentsView) -> tuple[ColourName | None, ColourName]:
    return None if found.active is None else found.active.colour, found.idle.colour


@pytest.fixture
def at_rest(world: World) -> World:
    """Two environments, blue is active; green is well but has never been."""
    _committed(world, _intent("blue"), "founder")
    world.probe.answers[HEALTH.format("green")] = Health(well=True, version="v2")
    return world


@pytest.fixture
def switched(at_rest: World) -> World:
    """Green has taken over just now."""
    _committed(at_rest, _intent("green"), "switcher")
    at_rest.turn()
    return at_rest


def test_a_canary_has_no_environments(world: World) -> None:
    assert environments_of(world.release, world.control) is None


def test_before_the_first_switch_nothing_is_kept_warm(at_rest: World) -> None:
    found = _seen(at_rest)
    assert _colours(found) == ("blue", "green")
    assert (found.switched_at, found.keep_warm_until, found.waiting_for) == (None, None, None)


def test_a_version_that_runs_in_neither_environment_leaves_none_active(world: World) -> None:
    world.engineer.add_version("v3")
    _committed(world, _intent("green", blue="v3"), "founder")
    found = _seen(world)
    assert _colours(found) == (None, "green")
    assert found.wanted == "green"


def test_a_preview_says_what_the_switch_waits_for(at_rest: World) -> None:
    at_rest.probe.answers[HEALTH.format("green")] = Health(well=False, detail="answered 503")
    _committed(at_rest, _intent("green"), "switcher")
    at_rest.turn()
    found = _seen(at_rest)
    assert _colours(found) == ("blue", "green")
    assert found.wanted == "green"
    assert found.waiting_for == "green fails its health check: answered 503"
    assert found.switched_at is None


def test_a_preview_that_a_person_ends_was_no_switch(at_rest: World) -> None:
    at_rest.probe.answers.clear()
    _committed(at_rest, _intent("green"), "switcher")
    at_rest.person("reverter").revert(at_rest.release.attempt)
    at_rest.turn()
    assert _colours(_seen(at_rest)) == ("blue", "green")
    assert _seen(at_rest).switched_at is None


def test_the_old_colour_is_kept_as_long_as_the_watch_may_switch_back(switched: World) -> None:
    found, now = _seen(switched), switched.clock.now()
    assert _colours(found) == ("green", "blue")
    assert found.switched_at == now
    assert found.keep_warm_until == now + timedelta(hours=2)


def _go_wrong(world: World) -> None:
    """An hour of incidents after the switch."""
    world.clock.advance(hours=1)
    units = [f"after{number}" for number in range(400)]
    world.expose(units)
    world.report(units[::3], "safety", "error")
    world.clock.advance(minutes=11)


def test_after_an_alarm_the_other_colour_is_kept_as_the_plan_says(at_rest: World) -> None:
    before = [f"before{number}" for number in range(600)]
    at_rest.expose(before)
    at_rest.clock.advance(minutes=11)
    _committed(at_rest, _intent("green"), "switcher")
    at_rest.turn()
    _go_wrong(at_rest)
    hidden = at_rest.remote.rename(at_rest.remote.with_suffix(".away"))
    at_rest.turn()
    by_override = _seen(at_rest)
    hidden.rename(at_rest.remote)
    for found in (by_override, _after_a_turn(at_rest)):
        assert _colours(found) == ("blue", "green")
        assert found.switched_at == by_override.switched_at
        assert found.keep_warm_until == at_rest.clock.now() + timedelta(minutes=30)


def _after_a_turn(world: World) -> EnvironmentsView:
    """What there is to see once git has the rollback."""
    world.engine._publish_after = 0.0  # not to wait for the pause after a failed push
    world.turn()
    assert world.control.open_overrides() == {}
    return _seen(world)


def test_a_third_version_in_the_idle_colour_is_a_new_story(switched: World) -> None:
    switched.engineer.add_version("v3")
    switched.probe.answers[HEALTH.format("blue")] = Health(well=False, detail="starting")
    _committed(switched, _intent("blue", blue="v3"), "next")
    found = _seen(switched)
    assert _colours(found) == ("green", "blue")
    assert found.idle.version == "v3"
    assert found.switched_at is None
