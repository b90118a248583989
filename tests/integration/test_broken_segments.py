"""A broken segment takes nothing with it but what names it."""

import pytest

from tidegate.domain.errors import UnknownFlag
from worlds import World

FLAG = """\
apiVersion: tidegate/v1
kind: FeatureFlag
flag: {flag}
type: boolean
variants: {{on: true, off: false}}
rules: [{{when: {{segment: {segment}}}, serve: on}}]
default: off
"""
SEGMENT = "apiVersion: tidegate/v1\nkind: Segment\nsegment: {name}\n{rest}"


@pytest.fixture
def broken(world: World) -> World:
    """Segment `good` is well, `bad` is no segment, `lost` names one that is not there."""
    person = world.person()
    for name, rest in (
        ("good", "users: [u1]\n"),
        ("bad", "userz: [u1]\n"),
        ("lost", "rules: [{segment: nowhere}]\n"),
    ):
        text = SEGMENT.format(name=name, rest=rest)
        person.commit(f"segments/{name}.yaml", text, f"Segment {name}")
        flag = FLAG.format(flag=f"for-{name}", segment=name)
        person.commit(f"envs/production/flags/for-{name}.yaml", flag, f"Flag for {name}")
    world.turn()
    return world


def test_releases_and_other_flags_are_served_beside_a_broken_segment(broken: World) -> None:
    assert broken.release.commit == broken.head()
    assert broken.manifest.flag("for-good").evaluate("u1").value is True


def test_every_broken_segment_and_who_names_it_is_told(broken: World) -> None:
    problems = broken.manifest.current.problems
    assert set(problems) == {"segments/bad", "segments/lost", "flags/for-bad", "flags/for-lost"}
    assert "userz" in problems["segments/bad"]
    assert "nowhere" in problems["segments/lost"]
    with pytest.raises(UnknownFlag):
        broken.manifest.flag("for-bad")


def test_a_persons_revert_takes_effect_beside_a_broken_segment(broken: World) -> None:
    broken.engineer.deploy("v2")
    broken.turn()
    person = broken.person("reverter")
    person.revert(broken.release.attempt)
    broken.turn()
    assert broken.release.version("anyone") == "v1"
    assert broken.release.traffic.candidate is None


def test_killing_a_flag_takes_effect_although_its_segment_is_broken(broken: World) -> None:
    person = broken.person("killer")
    path = "envs/production/flags/for-bad.yaml"
    killed = FLAG.format(flag="for-bad", segment="bad") + "killed: true\nkillSwitch: off\n"
    person.commit(path, killed, "Kill it")
    broken.turn()
    assert broken.manifest.flag("for-bad").evaluate("u1").reason == "DISABLED"


def test_a_forced_version_that_was_rolled_back_is_not_served_to_its_testers(world: World) -> None:
    person = world.person("tester")
    path = "envs/production/support.yaml"
    text = (person.folder / path).read_text()
    forced = "forced: [{when: {users: [tester]}, version: v2}]\n"
    person.commit(path, text + forced, "The tester previews v2")
    world.turn()
    assert world.release.version("tester") == "v2"
    world.engineer.deploy("v2")
    world.turn()
    world.harm()
    world.turn()
    assert world.release.state is not None
    assert world.release.state.marks_bad("v2")
    assert world.release.version("tester") == "v1"
