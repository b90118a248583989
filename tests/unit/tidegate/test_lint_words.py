"""What lint says of slips, continued: in words that help."""

import pytest

from linted import AB, BAD, FLAG, FORCED, GOOD, INTENT, findings_of, state_file, told, with_steps
from tidegate.domain.version_checks import sha256


def test_unknown_files_among_ours_are_warnings_and_others_are_nobodys_business() -> None:
    assert told(
        {
            "agents/support/draft.md": "x",
            "agents/support/README.md": "x",
            "envs/production/support.yml": "x",
            "envs/production/state/deep/support.yaml": "x",
            "segments/.gitkeep": "",
            "docs/plan.md": "x",
        }
    ) == [
        "agents/support/draft.md: warning: is not read, and no version pins it",
        (
            "envs/production/state/deep/support.yaml: warning: is not read: no kind of file has "
            "such a path (see `tidegate schema --help`)"
        ),
        "envs/production/support.yml: warning: is not read: names end with .yaml, not .yml",
    ]


def test_pinned_files_are_no_unknown_files() -> None:
    prompt = f"{{name: a, path: agents/support/a.md, sha256: {sha256(b'x')}}}"
    pins = f"components: {{prompts: [{prompt}]}}\n"
    path = "agents/support/versions/v1.yaml"
    assert told({path: GOOD[path] + pins, "agents/support/a.md": "x"}) == []


def test_engine_files_that_a_person_changed_are_errors_with_whose_change_it_was() -> None:
    path = "envs/production/evidence/support.json"
    assert told({}, hand_edits={path: "abc"}) == [
        f"{path}: error: only the engine writes this file, but abc changed it; put it back"
    ]


@pytest.mark.parametrize(
    ("state", "attempt", "warned"),
    [
        pytest.param({"bad": BAD, "stable": "v0"}, "a2", False, id="just deployed"),
        pytest.param({"bad": BAD, "stable": "v0"}, None, False, id="about to be committed"),
        pytest.param(
            {"bad": BAD, "stable": "v0", "phase": "Progressing"}, "a1", False, id="being released"
        ),
        pytest.param({"bad": BAD}, "a1", True, id="released"),
        pytest.param({}, "a1", True, id="never needed"),
    ],
)
def test_force_is_left_behind_once_it_has_done_its_work(
    state: dict[str, str], attempt: str | None, *, warned: bool
) -> None:
    attempts = {} if attempt is None else {INTENT: attempt}
    found = list(findings_of(FORCED | state_file(**state), attempts=attempts))
    assert [each.key for each in found] == (["force"] if warned else [])


def test_bad_version_is_an_error_only_while_the_engine_has_not_taken_note() -> None:
    bad = state_file(bad=BAD, stable="v0")
    assert [each.key for each in findings_of(bad, attempts={INTENT: "a2"})] == ["version"]
    assert findings_of(bad, attempts={INTENT: "a1"}) == []


def test_experiment_whose_control_is_not_live_is_an_error() -> None:
    release = AB.format(agent="support", arm="v1", layer="x", start="0%", stop="50%")
    layers = GOOD["tidegate.yaml"] + "layers: {x: {}}\n"
    found = findings_of({INTENT: release, "tidegate.yaml": layers} | state_file(stable="v0"))
    assert [each.key for each in found] == ["version"]
    assert "an experiment's version is its control and must be live" in found[0].message


def test_hash_may_change_while_nothing_runs() -> None:
    changed = {"tidegate.yaml": GOOD["tidegate.yaml"] + "hashVersion: other\n"}
    quiet = told(changed | state_file(), before={})
    running = told(changed | state_file(phase="Progressing"), before={})
    assert [line for line in running if line not in quiet] == [
        (
            "tidegate.yaml:3: error: hashVersion: was 'murmur3-32/1' and is 'other', but rollouts "
            "are running (envs/production/state/support.yaml); their units would change arms: "
            "wait until they end"
        )
    ]


@pytest.mark.parametrize(
    ("written", "way_out"),
    [("30.06.2027", "write 2027-06-30"), ("soon", "write year-month-day, such as 2027-06-30")],
)
def test_day_written_otherwise_is_told_how_to_write_it(written: str, way_out: str) -> None:
    content = FLAG.format(flag="chat") + f"expires: {written}\n"
    path = "envs/production/flags/chat.yaml"
    assert told({path: content}) == [
        f"{path}:6: error: expires: '{written}' is no day as it is written here; {way_out}"
    ]


@pytest.mark.parametrize("name", ["eror", "errors", "prompt-injection", "unexpected_tools"])
def test_guardrail_named_nearly_like_a_safety_kind_is_a_warning(name: str) -> None:
    path = "agents/support/metrics.yaml"
    content = f"kind: Metrics\nagent: support\nguardrails:\n  - name: {name}\n"
    said = told({path: content})
    assert len(said) == 1
    assert said[0].startswith(f"{path}:4: warning: guardrails[0].name: is {name!r}; did you mean")


@pytest.mark.parametrize(
    "guardrail", ["{name: error}", "{name: toxicity}", "{name: terror, kind: outcome}"]
)
def test_guardrail_of_its_own_name_is_no_slip(guardrail: str) -> None:
    content = f"kind: Metrics\nagent: support\nguardrails: [{guardrail}]\n"
    assert told({"agents/support/metrics.yaml": content}) == []


def test_first_share_without_a_percent_sign_is_a_warning() -> None:
    assert told({INTENT: with_steps("5", "100%")}) == [
        (
            f"{INTENT}:7: warning: strategy.canary.steps[0].setWeight: "
            'is 5 (0.0005%); did you mean "5%"?'
        )
    ]


@pytest.mark.parametrize(("window", "expected"), [("2h", 1), ("1h", 0)])
def test_window_longer_than_the_watch_after_a_switch_is_a_warning(
    window: str, expected: int
) -> None:
    colours = "blue: {version: v1, endpoint: b}, green: {version: v2, endpoint: g}"
    release = (
        "kind: AgentRelease\nagent: support\nversion: v1\n"
        f"strategy: {{blueGreen: {{active: blue, {colours}}}}}\n"
    )
    said = told(
        {
            INTENT: release,
            "agents/support/versions/v2.yaml": GOOD["agents/support/versions/v1.yaml"].replace(
                "v1", "v2"
            ),
            "agents/support/metrics.yaml": f"kind: Metrics\nagent: support\nwindow: {window}\n",
        }
    )
    assert len(said) == expected
    assert all(
        "warning: strategy.blueGreen.postPromotion.duration: is 1h, shorter" in s for s in said
    )


def test_release_that_was_deleted_is_a_warning_in_the_place_that_it_had() -> None:
    assert told({INTENT: None}, before={}) == [
        f"{INTENT}: warning: was deleted: support is released no more: its units get no version"
    ]
