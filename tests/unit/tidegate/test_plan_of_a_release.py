"""What `tidegate plan` says without a simulation: what changes, who meets it, and for how long."""

from pathlib import Path

import pytest
from scipy.stats import norm

from planned import (
    CANARY,
    GOAL,
    MEMORY,
    PORTIONS,
    SWITCH,
    USUAL,
    experiment_file,
    facts_of,
    hold_out,
    plan_of,
    release_file,
    state_file,
    version_file,
    words_of,
)
from tidegate.domain import manifest_files as files


def test_plan_without_a_version_is_of_the_one_that_intent_asks_for(checkout: Path) -> None:
    found = facts_of(checkout)
    assert (found["version"], found["live"]) == ("v2", "v1")
    assert words_of(checkout).startswith("Plan: support v2 to production ")


def test_plan_names_any_new_version_when_intent_asks_for_the_live_one(checkout: Path) -> None:
    release_file(checkout, "v1", CANARY)
    found = facts_of(checkout)
    assert (found["version"], found["live"], found["differences"]) == (None, "v1", [])
    told = words_of(checkout)
    assert told.startswith("Plan: a new version of support to production ")
    assert "Live is v1; name a version to see what it changes." in told


def test_plan_of_a_named_version_is_of_that_one(checkout: Path) -> None:
    found = facts_of(checkout, "v3")
    assert found["version"] == "v3"
    assert [(each["before"], each["after"]) for each in found["differences"]] == [("v1", "v3")]


def test_live_is_what_intent_says_as_long_as_the_engine_never_wrote(checkout: Path) -> None:
    (checkout / files.state_path("production", "support")).unlink()
    assert facts_of(checkout, "v3")["live"] == "v2"


@pytest.mark.parametrize(
    ("version", "more", "words"),
    [
        pytest.param("v1", "", "v1 is live already", id="live"),
        pytest.param("v0", "window: [v0]\n", "everyone has it at once", id="window"),
        pytest.param(
            "v2",
            "bad: [{version: v2, attempt: '0', reason: harm}]\n",
            "not served without force: true",
            id="bad",
        ),
    ],
)
def test_plan_says_when_a_deploy_would_not_begin_a_rollout(
    checkout: Path, version: str, more: str, words: str
) -> None:
    state_file(checkout, more)
    assert words in words_of(checkout, version)
    assert len(facts_of(checkout, version)["remarks"]) == 1


def test_forced_retry_of_a_version_that_was_rolled_back_is_not_called_refused(
    checkout: Path,
) -> None:
    state_file(checkout, "bad: [{version: v2, attempt: '0', reason: harm}]\n")
    release_file(checkout, "v2", CANARY, "force: true\n")
    assert "force: true lets it try again" in words_of(checkout)


def test_plan_of_what_cannot_be_a_version_is_called_wrongly(checkout: Path) -> None:
    result = plan_of(checkout, "../v1")
    assert result.exit_code == 2
    assert "'../v1' is no name of a version" in result.output


def test_risk_of_the_difference_comes_before_one_line_for_each_change(checkout: Path) -> None:
    lines = plan_of(checkout, "--markdown").output.splitlines()
    assert lines[lines.index("#### What changes") + 2] == (
        "prompt-only: 1 change, from v1 (live) to v2."
    )
    row = lines[lines.index("| component | name | class | why |") + 2]
    assert row.startswith("| prompts | greeting | prompt-only | its text says something else")


def test_memory_that_cannot_go_back_is_said_in_words(checkout: Path) -> None:
    version_file(checkout, "v1", MEMORY % "1")
    version_file(checkout, "v2", MEMORY % "2")
    told = words_of(checkout)
    assert "on harm enrolment is frozen, nobody is rolled back" in told
    (found,) = facts_of(checkout)["differences"]
    assert (found["risk"], found["forward_only"]) == ("memory-forward-only", True)
    assert [step["setWeight"] for step in facts_of(checkout)["suggested_steps"]][:3] == [
        "0.1%",
        "1%",
        "5%",
    ]


def test_version_file_that_is_not_there_is_named_instead_of_a_difference(checkout: Path) -> None:
    path = files.version_path("support", "v4")
    assert f"Not in the checkout, so not compared: {path}." in words_of(checkout, "v4")
    found = facts_of(checkout, "v4")
    assert (found["differences"], found["missing"]) == ([], [path])


def test_version_file_that_says_another_name_is_refused(checkout: Path) -> None:
    path = checkout / files.version_path("support", "v3")
    path.rename(path.with_name("v5.yaml"))
    result = plan_of(checkout, "v5")
    assert result.exit_code == 1
    assert "is 'support v3', but the file's name says 'support v5'" in result.output


def test_usual_ramp_is_suggested_only_where_the_plan_has_another(checkout: Path) -> None:
    usual = "5% (2,000 units) → 25% (2,000 units) → 50% (certify) → 100%"
    assert f"Usual for this class is another ramp: {usual}." in words_of(checkout)
    release_file(checkout, "v2", USUAL)
    assert "Usual for this class" not in words_of(checkout)
    assert facts_of(checkout)["suggested_steps"] == []


def test_each_step_says_how_many_meet_the_new_version(checkout: Path) -> None:
    """5 % of 1,000 a day, and of the 500 units that the step asks for."""
    groups = facts_of(checkout)["blast_radius"]["groups"]
    assert [(each["share"], each["units_per_day"], each["units"]) for each in groups] == [
        ("5%", 50.0, 25.0),
        ("100%", 1000.0, None),
    ]


def test_pause_of_a_step_counts_the_units_that_come_in_it(checkout: Path) -> None:
    pause = CANARY.replace("minUnits: 500", "minUnits: 500, pause: {duration: 2d}")
    release_file(checkout, "v2", pause)
    assert facts_of(checkout)["blast_radius"]["groups"][0]["units"] == 100.0


def test_step_with_no_least_number_of_units_takes_as_many_as_it_takes(checkout: Path) -> None:
    release_file(checkout, "v2", CANARY.replace("minUnits: 500", "certify: true"))
    assert "5% 50 as many as it takes" in words_of(checkout)


def test_held_out_units_meet_it_last_and_take_no_part_in_the_simulation(checkout: Path) -> None:
    hold_out(checkout, "20%")
    found = facts_of(checkout)
    radius = found["blast_radius"]
    assert (radius["holdout"], radius["units_per_day"]) == ("20%", 1000.0)
    assert radius["taking_part_per_day"] == found["units_per_day"] == 800.0
    assert [each["units_per_day"] for each in radius["groups"]] == [40.0, 1000.0]
    told = words_of(checkout)
    assert "Held out are 20%: they meet it only once everybody does." in told
    assert "800 of 1,000 units a day can take part." in told


def test_holdout_of_everybody_leaves_nothing_to_plan(checkout: Path) -> None:
    hold_out(checkout, "100%")
    assert plan_of(checkout).exit_code == 2


def test_pinned_conversations_and_forced_units_are_told(checkout: Path) -> None:
    assert "pinned" not in words_of(checkout)
    more = "pin: conversation\nforced: [{version: v2, when: {users: [ada]}}]\n"
    release_file(checkout, "v2", CANARY, more)
    told = words_of(checkout)
    assert "each ends on the version it began on" in told
    assert "Rules under `forced`" in told
    radius = facts_of(checkout)["blast_radius"]
    assert (radius["pinned"], radius["forced"]) == (True, True)


def test_risk_budget_tells_its_first_share_and_where_it_certifies(checkout: Path) -> None:
    budget = "{excess: 20, lookUnits: 1000, certifyAt: 40%}"
    release_file(checkout, "v2", f"canary: {{mode: riskBudget, riskBudget: {budget}}}")
    groups = facts_of(checkout)["blast_radius"]["groups"]
    assert [(each["share"], each["units"]) for each in groups] == [
        ("2%", 20.0),
        ("40%", 400.0),
        ("100%", None),
    ]


def test_switch_says_that_everyone_gets_it_after_the_preview_and_simulates_nothing(
    checkout: Path,
) -> None:
    shown = "preview: {users: [ada]}, prePromotion: {minUnits: 20, duration: 30m}"
    release_file(checkout, "v2", f"{SWITCH}, {shown}, autoPromotion: false}}")
    told = words_of(checkout)
    for words in (
        "prompt-only: 1 change, from v1 (live) to v2.",
        "Everyone gets it at once, after the preview.",
        "lasts 30m at least, with 20 units at least and 0 incidents at most",
        "A person lets it switch.",
        "watched for 1.0 hours; an alarm switches back",
        "Harm is not simulated for a switch",
    ):
        assert words in told
    assert "Worst case" not in told
    found = facts_of(checkout)
    assert (found["strategy"], found["simulated"]) == ("blueGreen", False)
    preview, everyone = found["blast_radius"]["groups"]
    assert (preview["units"], preview["units_per_day"]) == (20.0, None)
    assert everyone["units_per_day"] == 1000.0
    assert everyone["units"] == pytest.approx(1000 / 24)


def test_switch_with_no_preview_says_that_nobody_meets_it_before(checkout: Path) -> None:
    release_file(checkout, "v2", f"{SWITCH}, postPromotion: {{action: alarm}}}}")
    told = words_of(checkout)
    assert "no preview is planned" in told
    assert "an alarm tells people" in told
    assert len(facts_of(checkout)["blast_radius"]["groups"]) == 1


def test_switch_whose_memory_cannot_go_back_does_not_promise_a_freeze(checkout: Path) -> None:
    version_file(checkout, "v1", MEMORY % "1")
    version_file(checkout, "v2", MEMORY % "2")
    release_file(checkout, "v2", f"{SWITCH}}}")
    told = words_of(checkout)
    assert "to switch back would corrupt the memory" in told
    assert "frozen" not in told


def test_experiment_says_its_arms_and_when_it_ends(checkout: Path) -> None:
    experiment_file(checkout)
    found = facts_of(checkout)
    groups = {each["name"]: each for each in found["blast_radius"]["groups"]}
    assert {name: each["version"] for name, each in groups.items()} == {
        "control": "v1",
        "concise": "v2",
        "formal": "v3",
    }
    for name, portion in PORTIONS.items():
        assert groups[name]["units_per_day"] == pytest.approx(1000 * portion)
        assert groups[name]["units"] == pytest.approx(20_000 * portion)
    planned = found["experiment"]
    assert (planned["units"], planned["ends_by"]) == (20_000.0, "units")
    assert planned["days"] == pytest.approx(20.0)
    assert [each["after"] for each in found["differences"]] == ["v2", "v3"]
    told = words_of(checkout)
    assert told.startswith("Plan: support in production, an experiment of v2, v3 with v1 ")
    assert "It ends at the latest after 20,000 units: 20.0 days at this traffic." in told
    assert "Harm is not simulated for an experiment" in told


def test_experiment_whose_time_is_short_ends_with_fewer_units(checkout: Path) -> None:
    experiment_file(checkout, horizon="{units: 20000, duration: 7d}")
    planned = facts_of(checkout)["experiment"]
    assert (planned["units"], planned["ends_by"]) == (7000.0, "duration")
    assert "after 7.0 days: 7,000 of its 20,000 units at this traffic" in words_of(checkout)


def test_slot_of_a_layer_and_the_holdout_both_leave_fewer_units(checkout: Path) -> None:
    hold_out(checkout, "20%")
    layer = "layer: {name: tone, range: [10%, 60%]}, audience: {attributes: {plan: {in: [pro]}}}"
    experiment_file(checkout, f"{GOAL}, {layer}")
    found = facts_of(checkout)
    assert found["blast_radius"]["taking_part_per_day"] == 400.0
    assert found["experiment"]["days"] == pytest.approx(50.0)
    told = words_of(checkout)
    assert "The slot of the layer holds 50%." in told
    assert "taken as those of the audience" in told


@pytest.mark.parametrize(
    ("goal", "rate", "better"),
    [
        pytest.param("", 0.3, 0.32, id="increase"),
        pytest.param(", direction: decrease", 0.3, 0.28, id="decrease"),
        pytest.param(", scale: log_ratio", 0.3, 0.3 * 1.02020134, id="log ratio"),
    ],
)
def test_power_is_that_of_one_planned_test_by_the_normal_approximation(
    checkout: Path, goal: str, rate: float, better: float
) -> None:
    """Another approximation than the arcsine, at the Bonferroni level of two arms."""
    experiment_file(checkout, f"goal: {{name: goal, minimumEffect: 0.02{goal}}}")
    planned = facts_of(checkout, "--rate", f"goal={rate}")["experiment"]
    assert (planned["power_is"], planned["rate_assumed"]) == ("fixed-horizon", False)
    assert planned["level"] == 0.025
    for arm in planned["power"]:
        sizes = 20_000 * PORTIONS[arm["arm"]], 20_000 * PORTIONS["control"]
        assert arm["units"] == pytest.approx(sum(sizes))
        error = (better * (1 - better) / sizes[0] + rate * (1 - rate) / sizes[1]) ** 0.5
        expected = norm.sf(norm.isf(0.025) - abs(better - rate) / error)
        assert arm["power"] == pytest.approx(expected, abs=0.01)


def test_power_is_marked_as_fixed_horizon_and_an_assumed_rate_as_assumed(checkout: Path) -> None:
    experiment_file(checkout)
    told = words_of(checkout)
    assert "a fixed-horizon figure, for orientation only" in told
    assert "The control's goal is 60 %, assumed; give yours with --rate goal=RATE." in told
    assert "to win an arm must exceed that effect" in told


@pytest.mark.parametrize(
    ("goal", "words"),
    [
        pytest.param("{name: revenue, kind: mean}", "needs its deviation", id="mean"),
        pytest.param("{name: goal}", "minimumEffect is 0", id="no effect"),
        pytest.param("{name: goal, minimumEffect: 0.5}", "makes one of 1.1", id="no rate"),
        pytest.param(
            "{name: goal, minimumEffect: 900, scale: log_ratio}", "makes one of", id="far beyond"
        ),
    ],
)
def test_power_that_cannot_be_said_says_why(checkout: Path, goal: str, words: str) -> None:
    experiment_file(checkout, f"goal: {goal}")
    told = words_of(checkout)
    assert "No power can be said" in told
    assert words in told
    assert facts_of(checkout)["experiment"]["power"] == []
