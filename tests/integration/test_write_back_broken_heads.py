"""Heads that cannot be read, in part or at all: each agent keeps what could be read last."""

import hashlib

import pytest

from rivals import (
    INTENT,
    METRICS,
    add_agent,
    deploy,
    harm,
    intent_of,
    order,
    served_versions,
)
from tidegate.domain.state import Phase
from worlds import World

BROKEN = "version: [\n"


def test_an_agent_whose_intent_is_broken_holds_up_no_other_agent(world: World) -> None:
    person = world.person()
    add_agent(person, "other")
    world.turn()
    deploy(person, "v2")
    world.turn()
    candidates = world.units("candidate", 10)
    person.pull()
    person.commit(INTENT, BROKEN, "Break the manifest")
    deploy(person, "v2", agent="other")
    world.turn()
    assert {world.release.version(unit) for unit in candidates} == {"v2"}
    assert world.release.commit != world.head()
    other = world.manifest.release("other")
    assert (other.commit, other.traffic.phase) == (world.head(), Phase.PROGRESSING)
    assert list(world.manifest.current.problems) == ["support"]


def test_harm_is_rolled_back_also_where_intent_itself_is_broken(canary: World) -> None:
    deployed = canary.release.attempt
    canary.person().commit(INTENT, BROKEN, "Break the manifest")
    canary.turn()
    canary.restart()
    canary.harm()
    canary.turn()
    assert canary.git("show", f"main:{INTENT}") == canary.git("show", f"{deployed}^:{INTENT}")
    assert canary.manifest.current.problems == {}
    assert canary.control.open_overrides() == {}
    assert canary.release.traffic.phase is Phase.HEALTHY
    assert served_versions(canary) == {"v1"}


def test_a_rollback_leaves_alone_what_people_want_by_now_though_not_all_can_be_read(
    canary: World,
) -> None:
    """v3 is wanted at head, where the metrics are broken; v2 is still served, and does harm."""
    canary.engineer.add_version("v3")
    person = canary.person()
    metrics = (person.folder / METRICS).read_text()
    person.commit(METRICS, "guardrails: [\n", "Break the metrics")
    wanted = deploy(person, "v3")
    canary.turn()
    assert canary.release.traffic.candidate == "v2"
    canary.harm()
    for _ in range(3):
        canary.turn()
    assert canary.head() == wanted
    assert served_versions(canary) == {"v1"}
    person.commit(METRICS, metrics, "Mend the metrics")
    canary.turn()
    assert canary.subjects()[0] == "support: start canary of v3 at 1%"
    assert canary.control.open_overrides() == {}


def test_an_agent_without_a_readable_version_is_not_served_and_is_named(world: World) -> None:
    deploy(world.person(), "v9")
    world.turn()
    assert "versions/v9.yaml" in world.manifest.current.problems["support"]
    assert served_versions(world) == {"v1"}


@pytest.mark.parametrize(
    ("name", "problems"),
    [
        pytest.param("README.md", [], id="a file that is no YAML"),
        pytest.param(".gitkeep", [], id="a file for git alone"),
        pytest.param("My Agent.yaml", ["My Agent"], id="a name that cannot be one"),
        pytest.param("-.yaml", ["-"], id="a name that looks like an option"),
    ],
)
def test_a_file_that_is_no_agents_stops_nothing(
    canary: World, name: str, problems: list[str]
) -> None:
    text = intent_of(canary.person("reader")).replace("agent: support", "agent: My Agent")
    canary.person().commit(f"envs/production/{name}", text, "Add a file")
    canary.turn()
    assert canary.release.commit == canary.head()
    assert list(canary.manifest.current.problems) == problems


@pytest.mark.parametrize("name", ["a..b", "a.lock", "a."])
def test_an_agent_may_have_a_name_that_no_reference_of_git_can_have(
    world: World, name: str
) -> None:
    person = world.person()
    add_agent(person, name)
    world.turn()
    deploy(person, "v2", agent=name)
    world.turn()
    assert world.manifest.current.problems == {}
    assert world.manifest.release(name).traffic.phase is Phase.PROGRESSING
    harm(world, name)
    world.turn()
    assert world.manifest.release(name).traffic.phase is Phase.HEALTHY
    person.pull()
    person.commit(f"envs/production/{name}.yaml", BROKEN, "Break the manifest")
    world.turn()
    world.restart()
    assert world.manifest.release(name).version("anyone") == "v1"


def test_a_message_in_another_encoding_stops_nothing(canary: World) -> None:
    person = canary.person()
    (person.folder / "notes.txt").write_text("unrelated\n")
    (person.folder / "message").write_bytes("Größe geändert\n".encode("latin-1"))
    person.git("add", "notes.txt")
    person.git("commit", "--quiet", "-F", "message")
    person.push()
    canary.turn()
    assert canary.release.commit == canary.head()
    canary.harm()
    canary.turn()
    assert canary.subjects()[0] == 'Revert "Deploy support v2"'


def test_a_record_of_another_form_stops_nothing(canary: World) -> None:
    """As left by an earlier or a later version of the service: sealed, and not to be read."""
    person = canary.person()
    evidence, content = "envs/production/evidence/support.json", '{"of": "yore"}\n'
    (person.folder / evidence).write_text(content)
    digest = f"sha256:{hashlib.sha256(content.encode()).hexdigest()}"
    person.git("add", evidence)
    message = f"Decide\n\nTidegate-Release: production/support\nTidegate-Evidence: {digest}"
    person.git("commit", "--quiet", "-m", message)
    person.push()
    canary.turn()
    canary.harm()
    canary.turn()
    assert canary.subjects()[0] == 'Revert "Deploy support v2"'
    assert canary.views.all()[0].phase == "RolledBack"


def test_orders_for_a_broken_head_wait_until_it_is_mended(canary: World) -> None:
    person, attempt = canary.person(), canary.release.attempt
    broken = person.commit("tidegate.yaml", "kind: Other\n", "Break the manifest")
    order(person, attempt, full=True)
    canary.turn()
    assert canary.release.traffic.share_ppm == 10_000
    person.revert(broken)
    canary.turn()
    assert served_versions(canary) == {"v2"}


def test_a_branch_that_is_gone_is_named_and_what_was_served_goes_on(canary: World) -> None:
    served, candidates = canary.release.commit, canary.units("candidate", 10)
    canary.git("update-ref", "-d", "refs/heads/main")
    canary.turn()
    assert "has no branch main any more" in (canary.manifest.remote_problem or "")
    assert {canary.release.version(unit) for unit in candidates} == {"v2"}
    canary.harm()
    canary.turn()
    assert served_versions(canary) == {"v1"}
    canary.git("update-ref", "refs/heads/main", served)
    canary.restart()
    canary.turn()
    assert canary.manifest.remote_problem is None
    assert canary.subjects()[0] == 'Revert "Deploy support v2"'


def test_a_persons_mended_intent_is_an_attempt_of_its_own(canary: World) -> None:
    person, first = canary.person(), canary.release.attempt
    text = intent_of(person)
    person.commit(INTENT, BROKEN, "Break the manifest")
    canary.turn()
    assert canary.release.attempt == first
    mended = person.commit(INTENT, text, "Mend the manifest")
    canary.turn()
    assert canary.release.attempt == mended
    assert (canary.release.step, canary.release.traffic.share_ppm) == (0, 10_000)


def test_what_could_be_read_once_and_no_longer_can_leaves_the_others_served(world: World) -> None:
    """As after an upgrade that no longer takes what was good."""
    person = world.person()
    add_agent(person, "other")
    world.turn()
    person.pull()
    head = person.commit(INTENT, BROKEN, "Break the manifest")
    world.engine.refresh()
    world.repository.remember("good/production/support", head)
    world.restart()
    assert list(world.manifest.current.releases) == ["other"]
    assert "support" in world.manifest.current.problems
