"""What must hold between the files of a manifest repository, and with what was before."""

import pytest

from linted import AB, CANARY, FLAG, GOOD, INTENT, findings_of, told, with_steps
from tidegate.domain import manifest_files as files
from tidegate.domain.document_places import PLACES, place_of


def test_good_files_have_no_problems() -> None:
    assert told({}) == []


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
    assert told({"tidegate.yaml": None}) == [
        "tidegate.yaml: error: is missing; `tidegate init` writes one in a new repository"
    ]


def test_environment_that_nobody_named_is_a_warning() -> None:
    staging = (GOOD[INTENT], "envs/staging/support.yaml")
    assert told({staging[1]: staging[0]}) == [
        (
            "envs/staging/support.yaml:1: warning: the environment 'staging' is not in "
            "tidegate.yaml, which has production"
        )
    ]


def test_agent_must_be_what_the_path_says() -> None:
    assert told({INTENT: GOOD[INTENT].replace("agent: support", "agent: billing")}) == [
        f"{INTENT}:2: error: agent: is 'billing', but the path says 'support'",
        (
            f"{INTENT}:3: error: version: names 'v1', but agents/billing/versions/v1.yaml is not "
            "there; versions of billing: none"
        ),
    ]


def test_key_that_is_there_twice_is_an_error_at_the_second() -> None:
    assert told({INTENT: GOOD[INTENT] + "version: v1\n"}) == [
        (
            f"{INTENT}:5: error: version: is there twice, and only the last one counts; keep "
            "one of them"
        )
    ]


def test_key_that_is_there_twice_further_in_is_found() -> None:
    steps = "{setWeight: 1%, minUnits: 5, minUnits: 6}"
    found = findings_of({INTENT: GOOD[INTENT].replace("{setWeight: 1%}", steps)})
    assert [each.key for each in found] == ["strategy.canary.steps[0].minUnits"]


def test_missing_kind_is_an_error() -> None:
    assert told({INTENT: GOOD[INTENT].removeprefix("kind: AgentRelease\n")}) == [
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
            with_steps("1%", "5"),
            8,
            "strategy.canary: steps[1].setWeight is 5 (0.0005%), not above steps[0] with 1%; "
            'did you mean "5%"?',
            id="a percent sign forgotten",
        ),
        pytest.param(
            with_steps("25%", "5%"),
            8,
            "strategy.canary: steps[1].setWeight is 5%, not above steps[0] with 25%",
            id="steps that fall",
        ),
        pytest.param(
            with_steps("1%", "50%"),
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
    found = told({INTENT: text})
    assert len(found) == 1
    assert found[0].startswith(f"{INTENT}:{line}: error: {said}")


def test_versions_of_forced_units_colours_and_arms_must_be_there() -> None:
    forced = GOOD[INTENT] + "forced:\n- {when: {users: [ada]}, version: v8}\n"
    assert [each.key for each in findings_of({INTENT: forced})] == ["forced[0].version"]
    arms = AB.format(agent="support", arm="v7", layer="x", start="0%", stop="50%")
    layers = GOOD["tidegate.yaml"] + "layers: {x: {}}\n"
    found = findings_of({INTENT: arms, "tidegate.yaml": layers})
    assert [each.key for each in found] == ["strategy.ab.arms.bold.version"]
    assert found[0].line == 6


def test_guardrails_are_those_of_the_metrics_or_the_safety_kinds() -> None:
    release = GOOD[INTENT].replace("{canary: {", "{canary: {guardrails: [error, goal], ")
    assert told({INTENT: release}) == [
        (
            f"{INTENT}:4: error: strategy.canary.guardrails[1]: names 'goal'; "
            "agents/support/metrics.yaml defines prompt_injection, unexpected_tool, error"
        )
    ]
    metrics = (
        "kind: Metrics\nagent: support\nguardrails: [{name: error}, {name: goal, kind: outcome}]\n"
    )
    assert told({INTENT: release, "agents/support/metrics.yaml": metrics}) == []


def test_segment_that_is_not_there_is_found_in_releases_flags_and_segments() -> None:
    rule = "rules: [{when: {any: [{segment: vip}, {users: [ada]}]}, serve: on}]\n"
    found = findings_of(
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
    found = findings_of({"segments/one.yaml": one, "segments/two.yaml": two})
    assert [each.severity for each in found] == ["error"]
    assert found[0].path.startswith("segments/")


def test_flag_with_the_salt_of_the_holdout_is_an_error() -> None:
    holdout = GOOD["tidegate.yaml"] + "holdouts: {production: {share: 2%, salt: shared}}\n"
    split = "salt: shared\nrules: [{split: {on: 50%}}]\n"
    found = findings_of(
        {
            "tidegate.yaml": holdout,
            "envs/production/flags/new.yaml": FLAG.format(flag="new") + split,
        }
    )
    assert [each.path for each in found] == ["envs/production/flags/new.yaml"]


def test_flag_that_has_expired_is_a_warning_from_that_day_on() -> None:
    path = "envs/production/flags/new.yaml"
    flag = FLAG.format(flag="new") + "expires: 2026-03-01\n"
    assert told({path: flag}) == [
        f"{path}:6: warning: expires: was 2026-03-01; take the flag out of the code, and then here"
    ]
    assert told({path: flag.replace("03-01", "03-02")}) == []


def test_layer_that_is_not_defined_is_an_error() -> None:
    release = AB.format(agent="support", arm="v1", layer="checkout", start="0%", stop="50%")
    assert told({INTENT: release}) == [
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
    found = findings_of(common | {"envs/production/billing.yaml": other})
    assert [(each.path, each.line, each.key) for each in found] == [
        (INTENT, 9, "strategy.ab.layer.range")
    ]
    assert told(common | {"envs/staging/billing.yaml": other}) == []
