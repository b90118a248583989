"""What `tidegate plan` says, continued: other strategies, forms and ends."""

from pathlib import Path

import pytest

from planned import (
    AB,
    GOAL,
    MEMORY,
    PROMPT,
    SWITCH,
    experiment_file,
    facts_of,
    on_a_terminal,
    plan_of,
    release_file,
    version_file,
    words_of,
    write_file,
)
from tidegate.domain import manifest_files as files


def test_budget_that_lets_any_winner_through_has_no_power(checkout: Path) -> None:
    text = "kind: Tidegate\nenvironments: [production]\nbudgets: {falsePromote: 0.99}\n"
    write_file(checkout, files.INSTALLATION_PATH, text)
    one = AB.replace(", formal: {version: v3, weight: 15%}", "")
    release_file(checkout, "v1", f"{one}, {GOAL}, horizon: {{units: 20000}}}}")
    assert "be false 99% of the time" in words_of(checkout)


def test_control_that_is_not_live_is_told(checkout: Path) -> None:
    release_file(checkout, "v2", f"{AB}, {GOAL}, horizon: {{units: 20000}}}}")
    assert "The control is v2, but v1 is live; the experiment waits" in words_of(checkout)


def test_memory_that_cannot_go_back_does_not_keep_units_on_a_dropped_arm(checkout: Path) -> None:
    for name, written in (("v1", "1"), ("v2", "2"), ("v3", "1")):
        version_file(checkout, name, MEMORY % written)
    experiment_file(checkout)
    told = words_of(checkout)
    assert "units of a dropped arm would be served v1 all the same" in told
    assert "frozen" not in told


def test_version_of_an_experiment_must_be_one_of_its_arms(checkout: Path) -> None:
    experiment_file(checkout)
    assert [each["after"] for each in facts_of(checkout, "v3")["differences"]] == ["v3"]
    result = plan_of(checkout, "v4")
    assert result.exit_code == 2
    assert "v4 is no arm of the experiment, which compares v2, v3 with v1" in result.output


@pytest.mark.parametrize("strategy", ["switch", "experiment"])
def test_rate_of_what_does_not_decide_is_refused_without_a_simulation_too(
    checkout: Path, strategy: str
) -> None:
    if strategy == "experiment":
        experiment_file(checkout)
    else:
        release_file(checkout, "v2", f"{SWITCH}}}")
    result = plan_of(checkout, "--rate", "eror=1%")
    assert result.exit_code == 2
    assert "rates are given for ['eror']" in result.output


@pytest.mark.parametrize("strategy", ["switch", "experiment"])
def test_markdown_without_a_simulation_has_no_worst_case_and_tables_of_equal_width(
    checkout: Path, strategy: str
) -> None:
    if strategy == "experiment":
        experiment_file(checkout)
    else:
        release_file(checkout, "v2", f"{SWITCH}}}")
    lines = plan_of(checkout, "--markdown").output.splitlines()
    assert lines[0].startswith("### Plan: support")
    assert "#### What changes" in lines
    assert "#### Who meets it" in lines
    assert not any("Worst case" in line for line in lines)


def test_names_with_brackets_are_shown_as_they_stand(checkout: Path) -> None:
    version_file(checkout, "v2", PROMPT.replace("greeting", "'[/red]'") % ("b" * 64))
    assert "[/red]" in words_of(checkout)


def test_progress_is_shown_on_a_terminal_and_is_not_part_of_the_report(checkout: Path) -> None:
    printed, shown = on_a_terminal(checkout)
    assert b"Simulating rollouts" in shown
    assert b"Simulating" not in printed
    assert printed.startswith(b"Plan: support v2")


@pytest.mark.parametrize("form", ["--json", "--markdown"])
def test_forms_for_programs_show_no_progress_on_a_terminal_either(
    checkout: Path, form: str
) -> None:
    assert on_a_terminal(checkout, form)[1] == b""


def test_no_progress_is_shown_where_there_is_no_terminal(checkout: Path) -> None:
    assert plan_of(checkout).stderr == ""
