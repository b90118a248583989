"""People, other writers and broken things: what must hold when the world is not as it was."""

from typing import NoReturn

import pytest

from tidegate.domain.commits import PlannedCommit
from tidegate.domain.state import Phase
from worlds import World

INTENT = "envs/production/support.yaml"


def test_a_persons_revert_takes_effect_at_the_next_fetch(canary: World) -> None:
    canary.person().revert(canary.release.attempt)
    canary.engine.refresh()
    assert canary.release.traffic.phase is Phase.HEALTHY
    assert {canary.release.version(f"u{number}") for number in range(5000)} == {"v1"}


def test_a_persons_revert_is_recorded_and_never_undone(canary: World) -> None:
    revert = canary.person().revert(canary.release.attempt)
    for _ in range(5):
        canary.turn()
    assert canary.subjects()[:2] == [
        "support: v1 is live (superseded)",
        'Revert "Deploy support v2"',
    ]
    assert f"superseded by {revert[:12]}" in canary.git("log", "-1", "--format=%B", "main")
    view = canary.views.all()[0]
    assert (view.phase, view.superseded_by, view.share_ppm) == ("Superseded", revert, 0)
    assert view.reason.startswith(f"superseded by {revert[:12]}: a person chose v1")
    assert view.ended_at is not None
    assert canary.release.version("anyone") == "v1"


def test_a_person_who_reverts_while_the_engine_decides_wins(
    canary: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The person pushes after the engine has decided and before it pushes."""
    canary.harm()
    person = canary.person()
    publish = canary.repository.publish
    pushed: list[str] = []

    def slow_publish(parent: str, commits: list[PlannedCommit]) -> list[str]:
        if not pushed:
            pushed.append(person.revert(canary.release.attempt))
        return publish(parent, commits)

    monkeypatch.setattr(canary.repository, "publish", slow_publish)
    canary.turn()
    assert canary.subjects()[:2] == [
        "support: v1 is live (superseded)",
        'Revert "Deploy support v2"',
    ]
    assert canary.git("log", "-2", "--format=%an", "main").split("\n")[1] == "Person"


def test_an_unrelated_push_only_makes_the_engine_decide_again(
    canary: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    canary.harm()
    person = canary.person()
    publish = canary.repository.publish
    pushed: list[str] = []

    def slow_publish(parent: str, commits: list[PlannedCommit]) -> list[str]:
        if not pushed:
            pushed.append(person.commit("notes.txt", "unrelated\n", "Write notes"))
        return publish(parent, commits)

    monkeypatch.setattr(canary.repository, "publish", slow_publish)
    canary.turn()
    assert canary.subjects()[:3] == [
        'Revert "Deploy support v2"',
        "support: v2 is harmful (prompt_injection), back to v1",
        "Write notes",
    ]


def test_two_engines_on_one_repository_write_a_decision_once(canary: World) -> None:
    canary.harm()
    canary.engine.look()
    head = canary.head()
    canary.restart()
    canary.turn()
    assert canary.head() == head


def test_an_unreachable_remote_does_not_delay_a_rollback(canary: World) -> None:
    canary.harm()
    away = canary.remote.rename(canary.remote.with_suffix(".away"))
    canary.turn()
    assert {canary.release.version(f"u{number}") for number in range(5000)} == {"v1"}
    assert canary.release.traffic.reason.startswith("override: prompt_injection")
    away.rename(canary.remote)


def test_an_override_survives_a_restart_and_reaches_git_when_it_is_back(canary: World) -> None:
    canary.harm()
    away = canary.remote.rename(canary.remote.with_suffix(".away"))
    canary.turn()
    canary.restart()
    assert {canary.release.version(f"u{number}") for number in range(5000)} == {"v1"}
    away.rename(canary.remote)
    canary.turn()
    assert canary.subjects()[0] == 'Revert "Deploy support v2"'
    assert canary.control.open_overrides() == {}


def test_good_news_after_an_override_does_not_talk_the_rollback_out_of_git(canary: World) -> None:
    canary.harm()
    away = canary.remote.rename(canary.remote.with_suffix(".away"))
    canary.turn()
    baseline = [f"late-{number}" for number in range(400)]
    canary.expose(baseline)
    canary.report(baseline, "safety", "prompt_injection")
    away.rename(canary.remote)
    canary.restart()
    canary.turn()
    assert canary.subjects()[0] == 'Revert "Deploy support v2"'


@pytest.mark.parametrize(
    ("path", "content", "words"),
    [
        pytest.param(INTENT, "version: [", "no valid YAML", id="no YAML"),
        pytest.param(INTENT, "kind: AgentRelease\nagnet: support\n", "agnet", id="unknown key"),
        pytest.param("tidegate.yaml", "kind: Other\n", "Other", id="wrong kind"),
        pytest.param(
            "agents/support/metrics.yaml",
            "kind: Metrics\nagent: support\nguardrails: [{name: error, margin: 0.5}]\n",
            "margin",
            id="margin out of range",
        ),
    ],
)
def test_an_unreadable_manifest_leaves_the_last_good_one_serving_and_says_why(
    canary: World, path: str, content: str, words: str
) -> None:
    candidates = canary.units("candidate", 20)
    canary.person().commit(path, content, "Break the manifest")
    canary.turn()
    assert {canary.release.version(unit) for unit in candidates} == {"v2"}
    problem = canary.manifest.current.problems["support"]
    assert path in problem
    assert words in problem


def test_the_last_good_manifest_survives_a_restart(canary: World) -> None:
    canary.person().commit(INTENT, "version: [", "Break the manifest")
    canary.turn()
    canary.restart()
    assert canary.release.traffic.candidate == "v2"
    assert "support" in canary.manifest.current.problems


def test_with_an_unreadable_manifest_harm_is_still_rolled_back(canary: World) -> None:
    canary.person().commit("tidegate.yaml", "kind: Other\n", "Break the manifest")
    canary.turn()
    canary.harm()
    canary.turn()
    assert canary.subjects()[0] == 'Revert "Deploy support v2"'
    assert {canary.release.version(f"u{number}") for number in range(3000)} == {"v1"}
    head = canary.head()
    canary.restart()
    canary.turn()
    assert canary.head() == head
    assert {canary.release.version(f"u{number}") for number in range(3000)} == {"v1"}


def test_with_an_unreadable_manifest_nothing_advances(canary: World) -> None:
    canary.person().commit("tidegate.yaml", "kind: Other\n", "Break the manifest")
    canary.turn()
    units = [f"u{number}" for number in range(2500)]
    canary.expose(units)
    canary.report(units, "outcome", "goal", 1.0)
    canary.turn()
    assert canary.subjects()[0] == "Break the manifest"


def test_a_mended_manifest_is_served_again(canary: World) -> None:
    person = canary.person()
    broken = person.commit("tidegate.yaml", "kind: Other\n", "Break the manifest")
    canary.turn()
    person.revert(broken)
    canary.turn()
    assert canary.manifest.current.problems == {}
    assert canary.release.commit == canary.head()


def test_a_rewritten_history_is_not_served(canary: World) -> None:
    served = canary.release.commit
    person = canary.person()
    person.git("reset", "--quiet", "--hard", "HEAD~2")
    person.git("commit", "--quiet", "--allow-empty", "-m", "Another past")
    person.git("push", "--quiet", "--force")
    canary.turn()
    assert canary.release.commit == served
    assert "rewritten" in canary.manifest.current.problems[""]
    canary.restart()
    assert canary.release.commit == served


def test_a_crash_after_the_push_loses_no_decision_and_repeats_none(
    canary: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Everything after the push is bookkeeping; die before any of it."""
    canary.harm()

    def die(*_: object) -> NoReturn:
        raise KeyboardInterrupt

    monkeypatch.setattr(canary.engine, "_settle_books", die)
    with pytest.raises(KeyboardInterrupt):
        canary.engine.look()
    head = canary.head()
    canary.restart()
    canary.turn()
    assert canary.head() == head
    verdicts = [decision.verdict for decision in canary.control.decisions()]
    assert verdicts.count("roll_back") == 2  # the record and its revert, once each


def test_a_crash_before_the_push_takes_the_decision_again(
    canary: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    canary.harm()

    def die(*_: object) -> NoReturn:
        raise KeyboardInterrupt

    monkeypatch.setattr(canary.repository, "publish", die)
    with pytest.raises(KeyboardInterrupt):
        canary.engine.look()
    canary.restart()
    canary.turn()
    assert canary.subjects()[0] == 'Revert "Deploy support v2"'


def test_the_control_database_can_be_lost_and_is_made_again_from_git(canary: World) -> None:
    canary.harm()
    canary.turn()
    before = [decision.commit for decision in canary.control.decisions()]
    canary.close()
    (canary.folder / "control.db").unlink()
    canary.open()
    canary.engine.refresh()
    assert [decision.commit for decision in canary.control.decisions()] == before
    assert canary.views.all()[0].phase == "RolledBack"


def test_an_unreachable_remote_is_named_until_it_answers_again(canary: World) -> None:
    away = canary.remote.rename(canary.remote.with_suffix(".away"))
    canary.turn()
    assert "git fetch" in (canary.manifest.remote_problem or "")
    away.rename(canary.remote)
    canary.turn()
    assert canary.manifest.remote_problem is None
