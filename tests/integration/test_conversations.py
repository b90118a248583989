"""A conversation ends on the version it began on, unless that version was rolled back for harm."""

import pytest

from worlds import World

INTENT = "envs/production/support.yaml"


@pytest.fixture
def pinned(world: World) -> World:
    """INTENT pins conversations; the canary of v2 has begun, at 1 %."""
    person = world.person()
    text = (person.folder / INTENT).read_text()
    person.commit(INTENT, text.replace("version: v1", "version: v2") + "pin: conversation\n", "v2")
    world.turn()
    return world


def _order(world: World, name: str, **orders: int) -> None:
    lines = "".join(f"{key}: {value}\n" for key, value in orders.items())
    text = (
        "apiVersion: tidegate/v1\nkind: RolloutOrders\nagent: support\n"
        f"attempt: {world.release.attempt}\n{lines}"
    )
    world.person(name).commit("envs/production/orders/support.yaml", text, "Go on")
    world.turn()


def _between(world: World, share_ppm: int) -> str:
    """A unit that is on the baseline now, and on the candidate at a larger share."""
    from tidegate_sdk.bucketing import in_share

    salt = world.release.state.salt if world.release.state else ""
    now = world.release.traffic.share_ppm
    return next(
        unit
        for unit in map("u{}".format, range(100_000))
        if in_share(salt, unit, share_ppm) and not in_share(salt, unit, now)
    )


def test_a_conversation_stays_on_the_version_it_began_on_while_the_share_grows(
    pinned: World,
) -> None:
    unit = _between(pinned, 50_000)
    assert pinned.assigned(unit, conversation="c1").version == "v1"
    _order(pinned, "promoter", promotedSteps=1)
    assert pinned.release.traffic.share_ppm == 50_000
    again = pinned.assigned(unit, conversation="c1")
    assert (again.version, again.grounds, again.arm) == ("v1", "pinned", None)
    assert pinned.assigned(unit, conversation="c2").version == "v2"
    assert pinned.assigned(unit).version == "v2"


def test_a_pin_survives_a_restart(pinned: World) -> None:
    unit = _between(pinned, 50_000)
    pinned.assigned(unit, conversation="c1")
    _order(pinned, "promoter", promotedSteps=1)
    pinned.restart()
    assert pinned.assigned(unit, conversation="c1").version == "v1"


def test_a_rollback_for_harm_recalls_conversations(pinned: World) -> None:
    (unit,) = pinned.units("candidate", 1)
    assert pinned.assigned(unit, conversation="c1").version == "v2"
    pinned.harm()
    pinned.turn()
    assert pinned.assigned(unit, conversation="c1").version == "v1"


def test_a_rollback_recalls_conversations_before_git_knows_of_it(pinned: World) -> None:
    (unit,) = pinned.units("candidate", 1)
    pinned.assigned(unit, conversation="c1")
    pinned.harm()
    hidden = pinned.remote.rename(pinned.remote.with_suffix(".away"))
    pinned.turn()
    assert pinned.assigned(unit, conversation="c1").version == "v1"
    hidden.rename(pinned.remote)


def test_a_persons_revert_lets_conversations_end_where_they_are(pinned: World) -> None:
    (unit,) = pinned.units("candidate", 1)
    pinned.assigned(unit, conversation="c1")
    person = pinned.person("reverter")
    person.revert(pinned.release.attempt)
    pinned.turn()
    assert pinned.assigned(unit).version == "v1"


def test_without_a_pin_in_intent_a_conversation_follows_its_unit(canary: World) -> None:
    unit = _between(canary, 50_000)
    assert canary.assigned(unit, conversation="c1").version == "v1"
    _order(canary, "promoter", promotedSteps=1)
    assert canary.assigned(unit, conversation="c1").version == "v2"
