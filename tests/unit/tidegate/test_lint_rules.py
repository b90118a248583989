"""What must hold between the files of a manifest repository, and with what was before."""

from datetime import date
from typing import Any

import pytest

from tidegate.domain import manifest_files as files
from tidegate.domain.document_places import PLACES, place_of
from tidegate.domain.lint_history import Past
from tidegate.domain.linting import Finding, manifest_of
from tidegate.domain.rulebook import lint
from tidegate.domain.version_checks import sha256

TODAY = date(2026, 3, 1)
INTENT = "envs/production/support.yaml"
CANARY = "strategy: {canary: {steps: [{setWeight: 1%}, {setWeight: 100%}]}}\n"
GOOD = {
    "tidegate.yaml": "kind: Tidegate\nenvironments: [production]\n",
    "agents/support/versions/v1.yaml": "kind: AgentVersion\nagent: support\nversion: v1\n",
    INTENT: f"kind: AgentRelease\nagent: support\nversion: v1\n{CANARY}",
}


def _with_steps(*shares: str) -> str:
    """INTENT with steps on lines of their own, from line 7 on."""
    steps = "".join(f"      - setWeight: {share}\n" for share in shares)
    head = "kind: AgentRelease\nagent: support\nversion: v1\n"
    return f"{head}strategy:\n  canary:\n    steps:\n{steps}"


FLAG = """\
kind: FeatureFlag
flag: {flag}
type: boolean
variants: {{on: true, off: false}}
default: off
"""
AB = """\
kind: AgentRelease
agent: {agent}
version: v1
strategy:
  ab:
    arms: {{bold: {{version: {arm}, weight: 50%}}}}
    goal: {{name: goal}}
    horizon: {{units: 1000}}
    layer: {{name: {layer}, range: [{start}, {stop}]}}
"""


def _lint(
    files_: dict[str, str | None], before: dict[str, str] | None = None, **past: Any
) -> list[Finding]:
    """What lint finds in the good files with some of them changed or (None) taken away."""
    changed = GOOD | files_
    now = {path: text.encode() for path, text in changed.items() if text is not None}
    old = None
    if before is not None:
        old_contents = {path: text.encode() for path, text in (GOOD | before).items()}
        old = manifest_of(old_contents, old_contents.get)
    known = {"before": old, "hand_edits": {}, "attempts": {}, "today": TODAY} | past
    return lint(manifest_of(now, now.get), Past(**known))


def _said(files_: dict[str, str | None], **past: Any) -> list[str]:
    return [str(each) for each in _lint(files_, **past)]


def test_good_files_have_no_problems() -> None:
    assert _said({}) == []


@pytest.mark.parametrize(
    ("path", "names"),
    [
        (files.INSTALLATION_PATH, {}),
        (files.version_path("a", "v"), {"agent": "a", "version": "v"}),
        (files.metrics_path("a"), {"agent": "a"}),
        (files.intent_path("e", "a"), {"environment": "e", "agent": "a"}),
        (files.orders_path("e", "a"), {"environment": "e", "agent": "a"}),
        (files.state_path("e", "a"), {"environment": "e", "agent": "a"}),
        (files.evidence_path("e", "a"), {"environment": "e", "agent": "a"}),
        ("envs/e/flags/f:x.yaml", {"environment": "e", "flag": "f:x"}),
        ("segments/s.yaml", {"segment": "s"}),
    ],
)
def test_every_path_that_the_service_knows_has_one_place(path: str, names: dict[str, str]) -> None:
    places = [each for each in PLACES if each.names(path) is not None]
    assert len(places) == 1
    assert places[0].names(path) == names


@pytest.mark.parametrize(
    "path", ["README.md", "envs/production/support.yml", "agents/support/prompts/x.yaml", "envs/a"]
)
def test_other_paths_have_no_place(path: str) -> None:
    assert place_of(path) is None


def test_missing_installation_is_an_error() -> None:
    assert _said({"tidegate.yaml": None}) == [
        "tidegate.yaml: error: is missing; `tidegate init` writes one in a new repository"
    ]


def test_environment_that_nobody_named_is_a_warning() -> None:
    staging = (GOOD[INTENT], "envs/staging/support.yaml")
    assert _said({staging[1]: staging[0]}) == [
        (
            "envs/staging/support.yaml:1: warning: the environment 'staging' is not in "
            "tidegate.yaml, which has production"
        )
    ]


def test_agent_must_be_what_the_path_says() -> None:
    assert _said({INTENT: GOOD[INTENT].replace("agent: support", "agent: billing")}) == [
        f"{INTENT}:2: error: agent: is 'billing', but the path says 'support'",
        (
            f"{INTENT}:3: error: version: names 'v1', but agents/billing/versions/v1.yaml is not "
            "there; versions of billing: none"
        ),
    ]


def test_key_that_is_there_twice_is_an_error_at_the_second() -> None:
    assert _said({INTENT: GOOD[INTENT] + "version: v1\n"}) == [
        (
            f"{INTENT}:5: error: version: is there twice, and only the last one counts; keep "
            "one of them"
        )
    ]


def test_key_that_is_there_twice_further_in_is_found() -> None:
    steps = "{setWeight: 1%, minUnits: 5, minUnits: 6}"
    found = _lint({INTENT: GOOD[INTENT].replace("{setWeight: 1%}", steps)})
    assert [each.key for each in found] == ["strategy.canary.steps[0].minUnits"]


def test_missing_kind_is_an_error() -> None:
    assert _said({INTENT: GOOD[INTENT].removeprefix("kind: AgentRelease\n")}) == [
        f"{INTENT}:1: error: has no kind; add kind: AgentRelease"
    ]


@pytest.mark.parametrize(
    ("text", "line", "said"),
    [
        pytest.param(
            "a: [1,\nb: 2\n",
            3,
            "no valid YAML: while parsing a flow sequence did not find expected ',' or ']'",
            id="no YAML",
        ),
        pytest.param(
            _with_steps("1%", "5"),
            8,
            "strategy.canary: steps[1].setWeight is 5 (0.0005%), not above steps[0] with 1%; "
            'did you mean "5%"?',
            id="a percent sign forgotten",
        ),
        pytest.param(
            _with_steps("25%", "5%"),
            8,
            "strategy.canary: steps[1].setWeight is 5%, not above steps[0] with 25%",
            id="steps that fall",
        ),
        pytest.param(
            _with_steps("1%", "50%"),
            8,
            "strategy.canary: steps[1].setWeight is 50%, but the last step must be 100%",
            id="steps that end too early",
        ),
        pytest.param("- a\n", 1, "must be a mapping with kind: AgentRelease", id="a list"),
        pytest.param("", 1, "must be a mapping with kind: AgentRelease", id="empty"),
        pytest.param(
            GOOD[INTENT].replace("kind: AgentRelease", "kind: Metrics"),
            1,
            "kind: invalid value 'Metrics'; allowed: AgentRelease",
            id="another kind",
        ),
        pytest.param(
            GOOD[INTENT].replace("version: v1", "version: 1.10"),
            3,
            'version: must be a text, not a number: put quotes around it, such as "1.10"',
            id="a version that is a number",
        ),
        pytest.param(
            GOOD[INTENT].replace("1%", "1.5"),
            4,
            "strategy.canary.steps[0].setWeight: must be a whole number or a text, not a number: "
            'the candidate\'s share, "5%" or an integer in parts per million',
            id="a share that is a fraction",
        ),
        pytest.param(
            GOOD[INTENT].replace("1%", "120%"),
            4,
            "strategy.canary.steps[0]: 1200000 parts per million is outside 0 to 1000000",
            id="a share above the whole",
        ),
        pytest.param(
            GOOD[INTENT].replace(CANARY, ""),
            1,
            "the key 'strategy' is missing (how it gets there)",
            id="no strategy",
        ),
        pytest.param(
            GOOD[INTENT] + "forse: true\n",
            5,
            "forse: unknown key 'forse'; did you mean 'force'?; allowed: kind, apiVersion, agent, "
            "version, strategy, force, salt, pin, forced",
            id="a slip at the top",
        ),
    ],
)
def test_file_that_cannot_be_read_says_where_and_what_may_stand_there(
    text: str, line: int, said: str
) -> None:
    found = _said({INTENT: text})
    assert len(found) == 1
    assert found[0].startswith(f"{INTENT}:{line}: error: {said}")


def test_versions_of_forced_units_colours_and_arms_must_be_there() -> None:
    forced = GOOD[INTENT] + "forced:\n- {when: {users: [ada]}, version: v8}\n"
    assert [each.key for each in _lint({INTENT: forced})] == ["forced[0].version"]
    arms = AB.format(agent="support", arm="v7", layer="x", start="0%", stop="50%")
    layers = GOOD["tidegate.yaml"] + "layers: {x: {}}\n"
    found = _lint({INTENT: arms, "tidegate.yaml": layers})
    assert [each.key for each in found] == ["strategy.ab.arms.bold.version"]
    assert found[0].line == 6


def test_guardrails_are_those_of_the_metrics_or_the_safety_kinds() -> None:
    release = GOOD[INTENT].replace("{canary: {", "{canary: {guardrails: [error, goal], ")
    assert _said({INTENT: release}) == [
        (
            f"{INTENT}:4: error: strategy.canary.guardrails[1]: names 'goal'; "
            "agents/support/metrics.yaml defines prompt_injection, unexpected_tool, error"
        )
    ]
    metrics = (
        "kind: Metrics\nagent: support\nguardrails: [{name: error}, {name: goal, kind: outcome}]\n"
    )
    assert _said({INTENT: release, "agents/support/metrics.yaml": metrics}) == []


def test_segment_that_is_not_there_is_found_in_releases_flags_and_segments() -> None:
    rule = "rules: [{when: {any: [{segment: vip}, {users: [ada]}]}, serve: on}]\n"
    found = _lint(
        {
            "envs/production/flags/new.yaml": FLAG.format(flag="new") + rule,
            "segments/team.yaml": "kind: Segment\nsegment: team\nrules: [{not: {segment: vip}}]\n",
            INTENT: GOOD[INTENT] + "forced: [{when: {segment: vip}, version: v1}]\n",
        }
    )
    assert [(each.path, each.key) for each in found] == [
        ("envs/production/flags/new.yaml", "rules[0].when.any[0].segment"),
        (INTENT, "forced[0].when.segment"),
        ("segments/team.yaml", "rules[0].not.segment"),
    ]
    assert found[0].message == "names 'vip', but segments/vip.yaml is not there; segments: team"


def test_segment_that_is_part_of_itself_is_an_error() -> None:
    one = "kind: Segment\nsegment: one\nrules: [{segment: two}]\n"
    two = "kind: Segment\nsegment: two\nrules: [{segment: one}]\n"
    found = _lint({"segments/one.yaml": one, "segments/two.yaml": two})
    assert [each.severity for each in found] == ["error"]
    assert found[0].path.startswith("segments/")


def test_flag_with_the_salt_of_the_holdout_is_an_error() -> None:
    holdout = GOOD["tidegate.yaml"] + "holdouts: {production: {share: 2%, salt: shared}}\n"
    split = "salt: shared\nrules: [{split: {on: 50%}}]\n"
    found = _lint(
        {
            "tidegate.yaml": holdout,
            "envs/production/flags/new.yaml": FLAG.format(flag="new") + split,
        }
    )
    assert [each.path for each in found] == ["envs/production/flags/new.yaml"]


def test_flag_that_has_expired_is_a_warning_from_that_day_on() -> None:
    path = "envs/production/flags/new.yaml"
    flag = FLAG.format(flag="new") + "expires: 2026-03-01\n"
    assert _said({path: flag}) == [
        f"{path}:6: warning: expires: was 2026-03-01; take the flag out of the code, and then here"
    ]
    assert _said({path: flag.replace("03-01", "03-02")}) == []


def test_layer_that_is_not_defined_is_an_error() -> None:
    release = AB.format(agent="support", arm="v1", layer="checkout", start="0%", stop="50%")
    assert _said({INTENT: release}) == [
        (
            f"{INTENT}:9: error: strategy.ab.layer.name: layer 'checkout' is not defined; "
            "defined are: none"
        )
    ]


def test_experiments_of_one_layer_must_not_overlap_within_an_environment() -> None:
    one = AB.format(agent="support", arm="v1", layer="x", start="0%", stop="50%")
    other = AB.format(agent="billing", arm="v1", layer="x", start="40%", stop="60%")
    version = GOOD["agents/support/versions/v1.yaml"].replace("support", "billing")
    common: dict[str, str | None] = {
        "tidegate.yaml": "kind: Tidegate\nenvironments: [production, staging]\nlayers: {x: {}}\n",
        "agents/billing/versions/v1.yaml": version,
        INTENT: one,
    }
    found = _lint(common | {"envs/production/billing.yaml": other})
    assert [(each.path, each.line, each.key) for each in found] == [
        (INTENT, 9, "strategy.ab.layer.range")
    ]
    assert _said(common | {"envs/staging/billing.yaml": other}) == []


def test_unknown_files_among_ours_are_warnings_and_others_are_nobodys_business() -> None:
    assert _said(
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
    assert _said({path: GOOD[path] + pins, "agents/support/a.md": "x"}) == []


def test_engine_files_that_a_person_changed_are_errors_with_whose_change_it_was() -> None:
    path = "envs/production/evidence/support.json"
    assert _said({}, hand_edits={path: "abc"}) == [
        f"{path}: error: only the engine writes this file, but abc changed it; put it back"
    ]


def _state(**facts: Any) -> dict[str, str | None]:
    said = {"agent": "support", "attempt": "a1", "phase": "Completed", "stable": "v1"} | facts
    lines = "".join(f"{key}: {value}\n" for key, value in said.items())
    return {"envs/production/state/support.yaml": f"kind: ReleaseState\n{lines}"}


BAD = "[{version: v1, attempt: a0, reason: hurts}]"
FORCED = {INTENT: GOOD[INTENT] + "force: true\n"}


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
    found = list(_lint(FORCED | _state(**state), attempts=attempts))
    assert [each.key for each in found] == (["force"] if warned else [])


def test_bad_version_is_an_error_only_while_the_engine_has_not_taken_note() -> None:
    bad = _state(bad=BAD, stable="v0")
    assert [each.key for each in _lint(bad, attempts={INTENT: "a2"})] == ["version"]
    assert _lint(bad, attempts={INTENT: "a1"}) == []


def test_experiment_whose_control_is_not_live_is_an_error() -> None:
    release = AB.format(agent="support", arm="v1", layer="x", start="0%", stop="50%")
    layers = GOOD["tidegate.yaml"] + "layers: {x: {}}\n"
    found = _lint({INTENT: release, "tidegate.yaml": layers} | _state(stable="v0"))
    assert [each.key for each in found] == ["version"]
    assert "an experiment's version is its control and must be live" in found[0].message


def test_hash_may_change_while_nothing_runs() -> None:
    changed = {"tidegate.yaml": GOOD["tidegate.yaml"] + "hashVersion: other\n"}
    quiet = _said(changed | _state(), before={})
    running = _said(changed | _state(phase="Progressing"), before={})
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
    assert _said({path: content}) == [
        f"{path}:6: error: expires: '{written}' is no day as it is written here; {way_out}"
    ]


@pytest.mark.parametrize("name", ["eror", "errors", "prompt-injection", "unexpected_tools"])
def test_guardrail_named_nearly_like_a_safety_kind_is_a_warning(name: str) -> None:
    path = "agents/support/metrics.yaml"
    content = f"kind: Metrics\nagent: support\nguardrails:\n  - name: {name}\n"
    said = _said({path: content})
    assert len(said) == 1
    assert said[0].startswith(f"{path}:4: warning: guardrails[0].name: is {name!r}; did you mean")


@pytest.mark.parametrize(
    "guardrail", ["{name: error}", "{name: toxicity}", "{name: terror, kind: outcome}"]
)
def test_guardrail_of_its_own_name_is_no_slip(guardrail: str) -> None:
    content = f"kind: Metrics\nagent: support\nguardrails: [{guardrail}]\n"
    assert _said({"agents/support/metrics.yaml": content}) == []


def test_first_share_without_a_percent_sign_is_a_warning() -> None:
    assert _said({INTENT: _with_steps("5", "100%")}) == [
        f'{INTENT}:7: warning: strategy.canary.steps[0].setWeight: is 5 (0.0005%); did you mean "5%"?'
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
    said = _said(
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
    assert _said({INTENT: None}, before={}) == [
        f"{INTENT}: warning: was deleted: support is released no more: its units get no version"
    ]
