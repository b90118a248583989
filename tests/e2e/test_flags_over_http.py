"""Feature flags as developers meet them: asked over HTTP, changed by commits."""

from collections.abc import Iterator
from typing import Any

import pytest

import teams
from live_service import Live, committed, live
from release_files import at_rest

CHECKOUT = """\
kind: FeatureFlag
flag: new-checkout
type: boolean
variants: {on: true, off: false}
default: off
expires: 2020-01-01
rules:
  - {when: {users: [ada]}, serve: on}
  - {when: {teams: [checkout]}, serve: on}
  - {when: {segment: beta}, serve: on}
  - {when: {attributes: {app: {semver: ">=2.3.0"}, country: {in: [DE, NO]}}}, serve: on}
  - {split: {on: 25%}}
"""
LIMIT = """\
kind: FeatureFlag
flag: retry-limit
type: float
variants: {few: 1, many: 3}
default: few
"""
BETA = """\
kind: Segment
segment: beta
users: [grace]
rules:
  - attributes: {email: {endsWith: "@example.com"}}
"""
PATH = "envs/production/flags/new-checkout.yaml"


@pytest.fixture
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Live]:
    files = at_rest("v1") | {
        PATH: CHECKOUT,
        "envs/production/flags/retry-limit.yaml": LIMIT,
        "segments/beta.yaml": BETA,
    }
    with live(tmp_path_factory.mktemp("flags"), files) as started:
        yield started


def _asked(service: Live, unit: str, flag: str = "new-checkout", **attributes: Any) -> Any:
    return service.post(f"/v1/flags/{flag}", {"unit": unit, "attributes": attributes})


def _off_units(service: Live, count: int) -> list[str]:
    """Units that the split leaves out."""
    units = (f"u{number}" for number in range(1000))
    off = (unit for unit in units if not _asked(service, unit)["value"])
    return [next(off) for _ in range(count)]


def test_each_kind_of_rule_reaches_whom_it_names_and_the_kill_switch_reaches_everyone(
    service: Live,
) -> None:
    (unit,) = _off_units(service, 1)
    told = {
        "users": _asked(service, "ada"),
        "teams": _asked(service, unit, team="checkout"),
        "segment by user": _asked(service, "grace"),
        "segment by rule": _asked(service, unit, email="x@example.com"),
        "attributes": _asked(service, unit, app="2.10.0", country="NO"),
    }
    assert {name: (each["value"], each["rule"]) for name, each in told.items()} == {
        "users": (True, 0),
        "teams": (True, 1),
        "segment by user": (True, 2),
        "segment by rule": (True, 2),
        "attributes": (True, 3),
    }
    assert {each["reason"] for each in told.values()} == {"TARGETING_MATCH"}
    assert _asked(service, unit, app="2.2.9", country="NO")["value"] is False
    split = [_asked(service, f"s{number}") for number in range(200)]
    assert 26 < sum(each["value"] for each in split) < 74  # a quarter, give or take four errors
    assert {each["reason"] for each in split} == {"SPLIT"}
    killed = CHECKOUT + "killed: true\n"
    committed(service.person("on-call"), {PATH: killed}, "Kill new-checkout")
    service.until(lambda: _asked(service, "ada")["reason"] == "DISABLED", "the flag is killed")
    assert _asked(service, unit, team="checkout")["value"] is False
    assert [_asked(service, f"s{number}")["value"] for number in range(20)] == [False] * 20


def test_a_file_that_cannot_be_read_leaves_the_last_good_answer_also_after_a_restart(
    service: Live,
) -> None:
    person = service.person("hasty")
    broken = committed(person, {PATH: CHECKOUT.replace("serve: on", "serve: yes")}, "Rename on")
    service.until_fetched(broken)
    for _ in ("running", "started again"):
        assert _asked(service, "ada")["value"] is True
        problem = service.get("/v1/drift")["problems"]["flags/new-checkout"]
        assert "rules[0].serve names 'yes'; variants defines ['on', 'off']" in problem
        assert service.get("/v1/flags")["flags"] == ["new-checkout", "retry-limit"]
        service.restart()
    mended = CHECKOUT.replace("users: [ada]", "users: [bob]")
    committed(person, {PATH: mended}, "Mend the flag")
    service.until(lambda: _asked(service, "bob")["value"], "the mended file")
    assert service.get("/v1/drift")["problems"] == {}


def test_a_flag_that_has_expired_answers_on_and_only_lint_asks_to_take_it_out(
    service: Live,
) -> None:
    assert _asked(service, "ada")["value"] is True
    linted = teams.run(service.person("reviewer").folder, "lint")
    assert linted.exit_code == 0
    assert linted.stdout.splitlines() == [
        f"{PATH}:6: warning: expires: was 2020-01-01; take the flag out of the code, and then here",
        "0 errors, 1 warning",
    ]


def test_an_explanation_names_every_question_and_its_answer(service: Live) -> None:
    body = {"unit": "grace", "attributes": {"team": "sales"}}
    steps = service.post("/v1/flags/new-checkout/explanation", body)["steps"]
    asked = [(each["rule"], each["holds"]) for each in steps if each["depth"] == 0]
    assert asked == [(None, False), (0, False), (1, False), (2, True), (2, True)]
    assert steps[0]["question"] == "flag is killed"
    assert steps[-1]["question"] == "rule 2 serves: 'on' (TARGETING_MATCH)"


def test_a_flag_keeps_its_type_and_one_that_is_not_there_is_told_which_are(service: Live) -> None:
    status, answer = service.call("POST", "/v1/flags/retry-limit", b'{"unit": "u"}')
    assert status == 200
    assert (answer["value"], type(answer["value"]), answer["reason"]) == (1.0, float, "STATIC")
    for path in ("/v1/flags/new-chekout", "/v1/flags/new-chekout/explanation"):
        status, answer = service.call("POST", path, {"unit": "u"})
        assert status == 404
        assert answer["error"] == {
            "code": "unknown_flag",
            "message": "flag 'new-chekout' is not in 'production'; known flags: new-checkout, "
            "retry-limit",
        }
