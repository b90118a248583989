"""A memory change that cannot be taken back freezes enrolment instead of rolling units back."""

import pytest

from tidegate.domain.state import Phase
from worlds import World

VERSION = """\
apiVersion: tidegate/v1
kind: AgentVersion
agent: support
version: {version}
components:
  memory:
    schema: memory/{schema}.json
    sha256: "{digest}"
    reads: [{reads}]
    writes: {writes}
    migrateDown: none
"""


@pytest.fixture
def forward_only(world: World) -> World:
    """v4 writes memory that v3, which is live, cannot read."""
    person = world.person()
    old = VERSION.format(version="v3", schema="m1", digest="a" * 64, reads="m1", writes="m1")
    new = VERSION.format(version="v4", schema="m2", digest="b" * 64, reads="m1, m2", writes="m2")
    person.commit("agents/support/versions/v3.yaml", old, "Add v3")
    person.commit("agents/support/versions/v4.yaml", new, "Add v4")
    intent = (person.folder / "envs/production/support.yaml").read_text()
    person.commit("envs/production/support.yaml", intent.replace("version: v1", "version: v3"), "3")
    world.turn()
    orders = (
        "apiVersion: tidegate/v1\nkind: RolloutOrders\nagent: support\n"
        f"attempt: {world.release.attempt}\nfull: true\n"
    )
    person.pull()
    person.commit("envs/production/orders/support.yaml", orders, "Take v3 to everyone")
    world.turn()
    assert world.release.version("anyone") == "v3"
    person.pull()
    intent = (person.folder / "envs/production/support.yaml").read_text()
    person.commit(
        "envs/production/support.yaml", intent.replace("version: v3", "version: v4"), "Deploy v4"
    )
    world.turn()
    return world


def test_harm_freezes_enrolment_and_keeps_who_met_the_version(forward_only: World) -> None:
    world = forward_only
    met = world.units("candidate", 40, prefix="met")
    world.expose(met)
    world.report(met[:12], "safety", "prompt_injection")
    new = world.units("candidate", 40, prefix="new")
    world.turn()
    release = world.release
    assert release.traffic.phase is Phase.DEGRADED
    assert "enrolment is frozen" in world.subjects()[0]
    served = {unit: world.assigned(unit) for unit in (*met, *new)}
    assert {served[unit].version for unit in met} == {"v4"}
    assert {served[unit].grounds for unit in met} == {"frozen"}
    assert {served[unit].version for unit in new} == {"v3"}


def test_a_freeze_leaves_intent_alone_and_happens_once(forward_only: World) -> None:
    world = forward_only
    before = world.git("show", "main:envs/production/support.yaml")
    world.harm(count=12)
    world.turn()
    head = world.head()
    assert world.git("show", "main:envs/production/support.yaml") == before
    for _ in range(3):
        world.clock.advance(minutes=1)
        world.turn()
    assert world.head() == head


def test_the_freeze_holds_before_git_knows_of_it(forward_only: World) -> None:
    world = forward_only
    met = world.units("candidate", 12, prefix="met")
    world.expose(met)
    world.report(met, "safety", "prompt_injection")
    hidden = world.remote.rename(world.remote.with_suffix(".away"))
    world.turn()
    new = [f"new{number}" for number in range(300)]
    assert {world.assigned(unit).version for unit in new} == {"v3"}
    assert {world.assigned(unit).version for unit in met} == {"v4"}
    hidden.rename(world.remote)


def test_the_next_version_ends_the_freeze(forward_only: World) -> None:
    world = forward_only
    world.harm(count=12)
    world.turn()
    person = world.person("mender")
    mended = VERSION.format(version="v5", schema="m2", digest="b" * 64, reads="m1, m2", writes="m2")
    person.commit("agents/support/versions/v5.yaml", mended, "Add v5")
    intent = (person.folder / "envs/production/support.yaml").read_text()
    person.commit(
        "envs/production/support.yaml", intent.replace("version: v4", "version: v5"), "Deploy v5"
    )
    world.turn()
    assert world.release.traffic.candidate == "v5"
    assert not world.release.traffic.frozen
