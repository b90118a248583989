"""What `tidegate plan` says without a simulation: what changes, who meets it, and for how long."""

import json
import os
import subprocess
import sys
import threading
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result
from scipy.stats import norm

from tidegate.cli import main
from tidegate.domain import manifest_files as files

CANARY = "canary: {steps: [{setWeight: 5%, minUnits: 500}, {setWeight: 100%}]}"
USUAL = (
    "canary: {steps: [{setWeight: 5%, minUnits: 2000}, {setWeight: 25%, minUnits: 2000}, "
    "{setWeight: 50%, certify: true}, {setWeight: 100%}]}"
)
SWITCH = (
    "blueGreen: {active: green, blue: {version: v1, endpoint: 'https://blue.example'}, "
    "green: {version: v2, endpoint: 'https://green.example'}"
)
AB = "ab: {arms: {concise: {version: v2, weight: 25%}, formal: {version: v3, weight: 15%}}"
GOAL = "goal: {name: goal, minimumEffect: 0.02}"
MEMORY = "components: {memory: {schema: notes, writes: '%s'}}\n"
PROMPT = "components: {prompts: [{name: greeting, path: a.md, sha256: %s}]}\n"
PORTIONS = {"concise": 0.25, "formal": 0.15, "control": 0.6}


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """v1 is live, v2 is asked for, by a canary."""
    _write(tmp_path, files.INSTALLATION_PATH, "kind: Tidegate\nenvironments: [production]\n")
    _release(tmp_path, "v2", CANARY)
    _state(tmp_path)
    for name, digit in (("v1", "a"), ("v2", "b"), ("v3", "a")):
        _version(tmp_path, name, PROMPT % (digit * 64))
    return tmp_path


def _write(folder: Path, path: str, text: str) -> None:
    (folder / path).parent.mkdir(parents=True, exist_ok=True)
    (folder / path).write_text(text)


def _release(folder: Path, version: str, strategy: str, more: str = "") -> None:
    text = f"kind: AgentRelease\nagent: support\nversion: {version}\nstrategy:\n  {strategy}\n"
    _write(folder, files.intent_path("production", "support"), text + more)


def _state(folder: Path, more: str = "") -> None:
    text = "kind: ReleaseState\nagent: support\nattempt: '1'\nphase: Healthy\nstable: v1\n"
    _write(folder, files.state_path("production", "support"), text + more)


def _version(folder: Path, name: str, more: str) -> None:
    text = f"kind: AgentVersion\nagent: support\nversion: {name}\n{more}"
    _write(folder, files.version_path("support", name), text)


def _hold_out(folder: Path, share: str) -> None:
    text = "kind: Tidegate\nenvironments: [production]\nlayers: {tone: {}}\n"
    text += f"holdouts: {{production: {{share: {share}}}}}\n"
    _write(folder, files.INSTALLATION_PATH, text)


def _experiment(folder: Path, more: str = GOAL, horizon: str = "{units: 20000}") -> None:
    _release(folder, "v1", f"{AB}, {more}, horizon: {horizon}}}")


def _plan(checkout: Path, *arguments: str) -> Result:
    given = f"plan support --units-per-day 1000 --reps 1 --harm 5 --manifest {checkout}"
    return CliRunner().invoke(main, [*given.split(), *arguments])


def _told(checkout: Path, *arguments: str) -> str:
    """What is said, without the line breaks of a narrow page."""
    result = _plan(checkout, *arguments)
    assert result.exit_code == 0, result.output
    return " ".join(result.output.split())


def _facts(checkout: Path, *arguments: str) -> dict[str, Any]:
    result = _plan(checkout, *arguments, "--json")
    assert result.exit_code == 0, result.output
    found: dict[str, Any] = json.loads(result.output)
    return found


# --- which version --------------------------------------------------------------------------------


def test_plan_without_a_version_is_of_the_one_that_intent_asks_for(checkout: Path) -> None:
    found = _facts(checkout)
    assert (found["version"], found["live"]) == ("v2", "v1")
    assert _told(checkout).startswith("Plan: support v2 to production ")


def test_plan_names_any_new_version_when_intent_asks_for_the_live_one(checkout: Path) -> None:
    _release(checkout, "v1", CANARY)
    found = _facts(checkout)
    assert (found["version"], found["live"], found["differences"]) == (None, "v1", [])
    told = _told(checkout)
    assert told.startswith("Plan: a new version of support to production ")
    assert "Live is v1; name a version to see what it changes." in told


def test_plan_of_a_named_version_is_of_that_one(checkout: Path) -> None:
    found = _facts(checkout, "v3")
    assert found["version"] == "v3"
    assert [(each["before"], each["after"]) for each in found["differences"]] == [("v1", "v3")]


def test_live_is_what_intent_says_as_long_as_the_engine_never_wrote(checkout: Path) -> None:
    (checkout / files.state_path("production", "support")).unlink()
    assert _facts(checkout, "v3")["live"] == "v2"


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
    _state(checkout, more)
    assert words in _told(checkout, version)
    assert len(_facts(checkout, version)["remarks"]) == 1


def test_forced_retry_of_a_version_that_was_rolled_back_is_not_called_refused(
    checkout: Path,
) -> None:
    _state(checkout, "bad: [{version: v2, attempt: '0', reason: harm}]\n")
    _release(checkout, "v2", CANARY, "force: true\n")
    assert "force: true lets it try again" in _told(checkout)


def test_plan_of_what_cannot_be_a_version_is_called_wrongly(checkout: Path) -> None:
    result = _plan(checkout, "../v1")
    assert result.exit_code == 2
    assert "'../v1' is no name of a version" in result.output


# --- what changes ---------------------------------------------------------------------------------


def test_risk_of_the_difference_comes_before_one_line_for_each_change(checkout: Path) -> None:
    lines = _plan(checkout, "--markdown").output.splitlines()
    assert lines[lines.index("#### What changes") + 2] == (
        "prompt-only: 1 change, from v1 (live) to v2."
    )
    row = lines[lines.index("| component | name | class | why |") + 2]
    assert row.startswith("| prompts | greeting | prompt-only | its text says something else")


def test_memory_that_cannot_go_back_is_said_in_words(checkout: Path) -> None:
    _version(checkout, "v1", MEMORY % "1")
    _version(checkout, "v2", MEMORY % "2")
    told = _told(checkout)
    assert "on harm enrolment is frozen, nobody is rolled back" in told
    (found,) = _facts(checkout)["differences"]
    assert (found["risk"], found["forward_only"]) == ("memory-forward-only", True)
    assert [step["setWeight"] for step in _facts(checkout)["suggested_steps"]][:3] == [
        "0.1%",
        "1%",
        "5%",
    ]


def test_version_file_that_is_not_there_is_named_instead_of_a_difference(checkout: Path) -> None:
    path = files.version_path("support", "v4")
    assert f"Not in the checkout, so not compared: {path}." in _told(checkout, "v4")
    found = _facts(checkout, "v4")
    assert (found["differences"], found["missing"]) == ([], [path])


def test_version_file_that_says_another_name_is_refused(checkout: Path) -> None:
    path = checkout / files.version_path("support", "v3")
    path.rename(path.with_name("v5.yaml"))
    result = _plan(checkout, "v5")
    assert result.exit_code == 1
    assert "is 'support v3', but the file's name says 'support v5'" in result.output


def test_usual_ramp_is_suggested_only_where_the_plan_has_another(checkout: Path) -> None:
    usual = "5% (2,000 units) → 25% (2,000 units) → 50% (certify) → 100%"
    assert f"Usual for this class is another ramp: {usual}." in _told(checkout)
    _release(checkout, "v2", USUAL)
    assert "Usual for this class" not in _told(checkout)
    assert _facts(checkout)["suggested_steps"] == []


# --- who meets it ---------------------------------------------------------------------------------


def test_each_step_says_how_many_meet_the_new_version(checkout: Path) -> None:
    """5 % of 1,000 a day, and of the 500 units that the step asks for."""
    groups = _facts(checkout)["blast_radius"]["groups"]
    assert [(each["share"], each["units_per_day"], each["units"]) for each in groups] == [
        ("5%", 50.0, 25.0),
        ("100%", 1000.0, None),
    ]


def test_pause_of_a_step_counts_the_units_that_come_in_it(checkout: Path) -> None:
    pause = CANARY.replace("minUnits: 500", "minUnits: 500, pause: {duration: 2d}")
    _release(checkout, "v2", pause)
    assert _facts(checkout)["blast_radius"]["groups"][0]["units"] == 100.0


def test_step_with_no_least_number_of_units_takes_as_many_as_it_takes(checkout: Path) -> None:
    _release(checkout, "v2", CANARY.replace("minUnits: 500", "certify: true"))
    assert "5% 50 as many as it takes" in _told(checkout)


def test_held_out_units_meet_it_last_and_take_no_part_in_the_simulation(checkout: Path) -> None:
    _hold_out(checkout, "20%")
    found = _facts(checkout)
    radius = found["blast_radius"]
    assert (radius["holdout"], radius["units_per_day"]) == ("20%", 1000.0)
    assert radius["taking_part_per_day"] == found["units_per_day"] == 800.0
    assert [each["units_per_day"] for each in radius["groups"]] == [40.0, 1000.0]
    told = _told(checkout)
    assert "Held out are 20%: they meet it only once everybody does." in told
    assert "800 of 1,000 units a day can take part." in told


def test_holdout_of_everybody_leaves_nothing_to_plan(checkout: Path) -> None:
    _hold_out(checkout, "100%")
    assert _plan(checkout).exit_code == 2


def test_pinned_conversations_and_forced_units_are_told(checkout: Path) -> None:
    assert "pinned" not in _told(checkout)
    more = "pin: conversation\nforced: [{version: v2, when: {users: [ada]}}]\n"
    _release(checkout, "v2", CANARY, more)
    told = _told(checkout)
    assert "each ends on the version it began on" in told
    assert "Rules under `forced`" in told
    radius = _facts(checkout)["blast_radius"]
    assert (radius["pinned"], radius["forced"]) == (True, True)


def test_risk_budget_tells_its_first_share_and_where_it_certifies(checkout: Path) -> None:
    budget = "{excess: 20, lookUnits: 1000, certifyAt: 40%}"
    _release(checkout, "v2", f"canary: {{mode: riskBudget, riskBudget: {budget}}}")
    groups = _facts(checkout)["blast_radius"]["groups"]
    assert [(each["share"], each["units"]) for each in groups] == [
        ("2%", 20.0),
        ("40%", 400.0),
        ("100%", None),
    ]


# --- a switch -------------------------------------------------------------------------------------


def test_switch_says_that_everyone_gets_it_after_the_preview_and_simulates_nothing(
    checkout: Path,
) -> None:
    shown = "preview: {users: [ada]}, prePromotion: {minUnits: 20, duration: 30m}"
    _release(checkout, "v2", f"{SWITCH}, {shown}, autoPromotion: false}}")
    told = _told(checkout)
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
    found = _facts(checkout)
    assert (found["strategy"], found["simulated"]) == ("blueGreen", False)
    preview, everyone = found["blast_radius"]["groups"]
    assert (preview["units"], preview["units_per_day"]) == (20.0, None)
    assert everyone["units_per_day"] == 1000.0
    assert everyone["units"] == pytest.approx(1000 / 24)


def test_switch_with_no_preview_says_that_nobody_meets_it_before(checkout: Path) -> None:
    _release(checkout, "v2", f"{SWITCH}, postPromotion: {{action: alarm}}}}")
    told = _told(checkout)
    assert "no preview is planned" in told
    assert "an alarm tells people" in told
    assert len(_facts(checkout)["blast_radius"]["groups"]) == 1


def test_switch_whose_memory_cannot_go_back_does_not_promise_a_freeze(checkout: Path) -> None:
    _version(checkout, "v1", MEMORY % "1")
    _version(checkout, "v2", MEMORY % "2")
    _release(checkout, "v2", f"{SWITCH}}}")
    told = _told(checkout)
    assert "to switch back would corrupt the memory" in told
    assert "frozen" not in told


# --- an experiment --------------------------------------------------------------------------------


def test_experiment_says_its_arms_and_when_it_ends(checkout: Path) -> None:
    _experiment(checkout)
    found = _facts(checkout)
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
    told = _told(checkout)
    assert told.startswith("Plan: support in production, an experiment of v2, v3 with v1 ")
    assert "It ends at the latest after 20,000 units: 20.0 days at this traffic." in told
    assert "Harm is not simulated for an experiment" in told


def test_experiment_whose_time_is_short_ends_with_fewer_units(checkout: Path) -> None:
    _experiment(checkout, horizon="{units: 20000, duration: 7d}")
    planned = _facts(checkout)["experiment"]
    assert (planned["units"], planned["ends_by"]) == (7000.0, "duration")
    assert "after 7.0 days: 7,000 of its 20,000 units at this traffic" in _told(checkout)


def test_slot_of_a_layer_and_the_holdout_both_leave_fewer_units(checkout: Path) -> None:
    _hold_out(checkout, "20%")
    layer = "layer: {name: tone, range: [10%, 60%]}, audience: {attributes: {plan: {in: [pro]}}}"
    _experiment(checkout, f"{GOAL}, {layer}")
    found = _facts(checkout)
    assert found["blast_radius"]["taking_part_per_day"] == 400.0
    assert found["experiment"]["days"] == pytest.approx(50.0)
    told = _told(checkout)
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
    _experiment(checkout, f"goal: {{name: goal, minimumEffect: 0.02{goal}}}")
    planned = _facts(checkout, "--rate", f"goal={rate}")["experiment"]
    assert (planned["power_is"], planned["rate_assumed"]) == ("fixed-horizon", False)
    assert planned["level"] == 0.025
    for arm in planned["power"]:
        sizes = 20_000 * PORTIONS[arm["arm"]], 20_000 * PORTIONS["control"]
        assert arm["units"] == pytest.approx(sum(sizes))
        error = (better * (1 - better) / sizes[0] + rate * (1 - rate) / sizes[1]) ** 0.5
        expected = norm.sf(norm.isf(0.025) - abs(better - rate) / error)
        assert arm["power"] == pytest.approx(expected, abs=0.01)


def test_power_is_marked_as_fixed_horizon_and_an_assumed_rate_as_assumed(checkout: Path) -> None:
    _experiment(checkout)
    told = _told(checkout)
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
    _experiment(checkout, f"goal: {goal}")
    told = _told(checkout)
    assert "No power can be said" in told
    assert words in told
    assert _facts(checkout)["experiment"]["power"] == []


def test_budget_that_lets_any_winner_through_has_no_power(checkout: Path) -> None:
    text = "kind: Tidegate\nenvironments: [production]\nbudgets: {falsePromote: 0.99}\n"
    _write(checkout, files.INSTALLATION_PATH, text)
    one = AB.replace(", formal: {version: v3, weight: 15%}", "")
    _release(checkout, "v1", f"{one}, {GOAL}, horizon: {{units: 20000}}}}")
    assert "be false 99% of the time" in _told(checkout)


def test_control_that_is_not_live_is_told(checkout: Path) -> None:
    _release(checkout, "v2", f"{AB}, {GOAL}, horizon: {{units: 20000}}}}")
    assert "The control is v2, but v1 is live; the experiment waits" in _told(checkout)


def test_memory_that_cannot_go_back_does_not_keep_units_on_a_dropped_arm(checkout: Path) -> None:
    for name, written in (("v1", "1"), ("v2", "2"), ("v3", "1")):
        _version(checkout, name, MEMORY % written)
    _experiment(checkout)
    told = _told(checkout)
    assert "units of a dropped arm would be served v1 all the same" in told
    assert "frozen" not in told


def test_version_of_an_experiment_must_be_one_of_its_arms(checkout: Path) -> None:
    _experiment(checkout)
    assert [each["after"] for each in _facts(checkout, "v3")["differences"]] == ["v3"]
    result = _plan(checkout, "v4")
    assert result.exit_code == 2
    assert "v4 is no arm of the experiment, which compares v2, v3 with v1" in result.output


@pytest.mark.parametrize("strategy", ["switch", "experiment"])
def test_rate_of_what_does_not_decide_is_refused_without_a_simulation_too(
    checkout: Path, strategy: str
) -> None:
    if strategy == "experiment":
        _experiment(checkout)
    else:
        _release(checkout, "v2", f"{SWITCH}}}")
    result = _plan(checkout, "--rate", "eror=1%")
    assert result.exit_code == 2
    assert "rates are given for ['eror']" in result.output


@pytest.mark.parametrize("strategy", ["switch", "experiment"])
def test_markdown_without_a_simulation_has_no_worst_case_and_tables_of_equal_width(
    checkout: Path, strategy: str
) -> None:
    if strategy == "experiment":
        _experiment(checkout)
    else:
        _release(checkout, "v2", f"{SWITCH}}}")
    lines = _plan(checkout, "--markdown").output.splitlines()
    assert lines[0].startswith("### Plan: support")
    assert "#### What changes" in lines
    assert "#### Who meets it" in lines
    assert not any("Worst case" in line for line in lines)


def test_names_with_brackets_are_shown_as_they_stand(checkout: Path) -> None:
    _version(checkout, "v2", PROMPT.replace("greeting", "'[/red]'") % ("b" * 64))
    assert "[/red]" in _told(checkout)


# --- while it computes ----------------------------------------------------------------------------


def _on_a_terminal(checkout: Path, *arguments: str) -> tuple[bytes, bytes]:
    """What the command prints, and what it shows on a terminal that is its standard error."""
    ours, theirs = os.openpty()
    shown: list[bytes] = []

    def watch() -> None:
        try:
            while piece := os.read(ours, 4096):
                shown.append(piece)
        except OSError:
            pass  # Linux tells the end of a terminal by an error

    watching = threading.Thread(target=watch)
    watching.start()
    command = [sys.executable, "-m", "tidegate", "plan", "support", "--units-per-day", "1000"]
    try:
        ended = subprocess.run(
            [*command, "--reps", "2", "--harm", "5", "--manifest", str(checkout), *arguments],
            stdout=subprocess.PIPE,
            stderr=theirs,
            check=True,
            env=os.environ | {"TERM": "xterm"},
        )
    finally:
        os.close(theirs)
        watching.join()
        os.close(ours)
    return ended.stdout, b"".join(shown)


def test_progress_is_shown_on_a_terminal_and_is_not_part_of_the_report(checkout: Path) -> None:
    printed, shown = _on_a_terminal(checkout)
    assert b"Simulating rollouts" in shown
    assert b"Simulating" not in printed
    assert printed.startswith(b"Plan: support v2")


@pytest.mark.parametrize("form", ["--json", "--markdown"])
def test_forms_for_programs_show_no_progress_on_a_terminal_either(
    checkout: Path, form: str
) -> None:
    assert _on_a_terminal(checkout, form)[1] == b""


def test_no_progress_is_shown_where_there_is_no_terminal(checkout: Path) -> None:
    assert _plan(checkout).stderr == ""
