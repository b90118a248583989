"""Blue-green as users meet it: two environments, users who never pause, and switches in between."""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from pathlib import Path

import pytest

from environments import Environment, Users, environments
from live_service import Live, committed, live, reverted
from release_files import at_rest, intent_path, release_file
from worlds import AGENT

BEFORE = 300  # visits from which the watch learns what was usual


@contextmanager
def _released(folder: Path) -> Iterator[tuple[Live, Environment, Environment]]:
    """A service whose agent has two environments; blue is active."""
    files = at_rest("v1", "v2", guardrails=("{name: prompt_injection}",), window="1s")
    with environments() as (blue, green):
        files |= _intent("blue", blue, green)
        with live(folder, files) as service:
            service.until_served(baseline="v1", phase="Healthy")
            yield service, blue, green


def _intent(active: str, blue: Environment, green: Environment, more: str = "") -> dict[str, str]:
    version = {"blue": "v1", "green": "v2"}[active]
    colours = "".join(
        f"    {each.colour}: {{version: {own}, endpoint: '{each.endpoint}', "
        f"health: '{each.health}'}}\n"
        for each, own in ((blue, "v1"), (green, "v2"))
    )
    plan = f"blueGreen:\n    active: {active}\n{colours}    preview: {{teams: [testers]}}\n{more}"
    return release_file(version, plan)


def _switch(service: Live, blue: Environment, green: Environment, more: str = "") -> str:
    person = service.person("switcher")
    return committed(person, _intent("green", blue, green, more), "Switch support to green")


def _seen(service: Live, version: str) -> float:
    """The instant by which it could be read that a version is served to everyone."""
    service.until_served(baseline=version, candidate=None)
    return time.monotonic()


def _some_visits(service: Live, users: Users, count: int) -> None:
    wanted = len(users.visits) + count
    service.until(lambda: len(users.visits) >= wanted, f"{count} more visits")


def _environments(service: Live) -> dict[str, object]:
    found: dict[str, object] = service.get(f"/v1/agents/{AGENT}/environments")
    return found


@pytest.mark.parametrize("way_back", ["an alarm", "a person's revert"])
def test_users_are_switched_and_switched_back_without_a_failed_request_or_a_mixed_answer(
    tmp_path: Path, way_back: str
) -> None:
    with (
        _released(tmp_path) as (service, blue, green),
        Users(service.url).busy(threads=4) as users,
    ):
        _some_visits(service, users, BEFORE)
        switching_at = time.monotonic()
        switch = _switch(service, blue, green)
        green_at = _seen(service, "v2")
        _some_visits(service, users, 100)
        going_back_at = time.monotonic()
        if way_back == "an alarm":
            green.is_injected = True
        else:
            reverted(service.person("reverter"), switch)
        blue_at = _seen(service, "v1")
        _some_visits(service, users, 100)
    assert users.failures == []
    assert users.colours(0.0, switching_at) == {"blue"}
    assert users.colours(green_at, going_back_at) == {"green"}
    assert users.colours(blue_at) == {"blue"}
    assert {(v.told, v.colour, v.version) for v in users.visits} == {
        ("v1", "blue", "v1"),
        ("v2", "green", "v2"),
    }
    said = service.subjects()
    assert 'Revert "Switch support to green"' in said
    harmful = "support: v2 is harmful (prompt_injection), back to v1"
    assert (harmful in said) == (way_back == "an alarm")
    assert service.git("show", f"main:{intent_path()}") == service.git(
        "show", f"{switch}^:{intent_path()}"
    )


def test_a_switch_is_refused_while_green_is_unfit_and_only_testers_meet_it_until_then(
    tmp_path: Path,
) -> None:
    with _released(tmp_path) as (service, blue, green):
        green.is_well = False
        waits = "    autoPromotion: false\n"
        _switch(service, blue, green, waits)
        service.until_served(candidate="v2", phase="Progressing")
        assert service.subjects()[0] == "support: preview v2 on green"
        service.assigned("early")
        service.until_seen("green fails its health check")
        waiting = _environments(service)["waiting_for"]
        assert waiting == f"green fails its health check: {green.health} answered 503"
        green.is_well, green.version = True, "v9"
        service.until(lambda: _looked_again(service, "green runs v9"), "the other version seen")
        green.version = "v2"
        service.until(lambda: _looked_again(service, "green is ready"), "green is ready")
        with (
            Users(service.url, "tester", {"team": "testers"}).busy(threads=1) as testers,
            Users(service.url).busy(threads=1) as users,
        ):
            _some_visits(service, testers, 10)
            _some_visits(service, users, 10)
        assert testers.failures == users.failures == []
        assert testers.colours(0.0) == {"green"}
        assert users.colours(0.0) == {"blue"}
        told = service.assigned("tester", attributes={"team": "testers"})
        assert (told["arm"], told["reason"]) == ("preview", "TARGETING_MATCH")
        assert service.traffic()["baseline"] == "v1"


def _looked_again(service: Live, words: str) -> bool:
    """Whether a new event makes the engine say so."""
    service.assigned(f"unit-{time.monotonic()}")
    return any(words in look["reason"] for look in service.looks())


def test_the_old_colour_is_kept_warm_as_long_as_the_watch_may_switch_back(tmp_path: Path) -> None:
    keep = "    keepWarm: 10m\n    postPromotion: {duration: 1h, action: rollback}\n"
    with _released(tmp_path) as (service, blue, green):
        at_rest_ = _environments(service)
        assert _colours(at_rest_) == ("blue", "green")
        assert at_rest_["keep_warm_until"] is None
        switch = _switch(service, blue, green, keep)
        service.until_served(baseline="v2", phase="Completed")
        switched = _environments(service)
        assert _colours(switched) == ("green", "blue")
        assert _kept_warm(switched) == timedelta(hours=1)
        reverted(service.person("reverter"), switch)
        service.until_subject("support: v1 is live (superseded)")
        service.until(lambda: _environments(service)["switched_at"], "the switch back is known")
        back = _environments(service)
        assert _colours(back) == ("blue", "green")
        assert _instant(back, "switched_at") > _instant(switched, "switched_at")
        assert _kept_warm(back) == timedelta(minutes=30)  # by the manifest that is live again


def test_an_agent_without_environments_has_none_to_show(tmp_path: Path) -> None:
    with live(tmp_path, at_rest("v1")) as service:
        service.until_served(baseline="v1")
        status, answer = service.call("GET", f"/v1/agents/{AGENT}/environments")
        assert status == 404
        assert "its strategy is not blueGreen" in answer["error"]["message"]
        assert service.call("GET", "/v1/agents/nobody/environments")[0] == 404


def _colours(found: dict[str, object]) -> tuple[str, str]:
    """The active and the idle colour."""
    active, idle = found["active"], found["idle"]
    assert isinstance(active, dict)
    assert isinstance(idle, dict)
    return active["colour"], idle["colour"]


def _instant(found: dict[str, object], key: str) -> datetime:
    return datetime.fromisoformat(str(found[key]))


def _kept_warm(found: dict[str, object]) -> timedelta:
    return _instant(found, "keep_warm_until") - _instant(found, "switched_at")
