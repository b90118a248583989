"""What differs between git and a service, in words."""

from datetime import UTC, datetime
from typing import Any

import msgspec
import pytest

from tidegate.domain.state import Phase
from tidegate.service.reporting import CommitView, ReleaseView, Report, drift_of

AT = datetime(2026, 1, 1, tzinfo=UTC)
COMMIT = "c" * 40
VIEW = ReleaseView(
    agent="support",
    environment="production",
    phase=Phase.PROGRESSING,
    strategy="canary",
    arms=(),
    wanted="v2",
    stable="v1",
    candidate="v2",
    share="5%",
    step=2,
    steps=5,
    paused_by=None,
    frozen=False,
    since=AT,
    reason="",
    deploy=CommitView(commit="d" * 40, subject="Deploy", author="Ada", at=AT),
    decision=None,
    bad=(),
    window=(),
)
TOLD = Report(
    environment="production",
    commit=COMMIT,
    source="origin/main",
    ahead=0,
    behind=0,
    remote_problem=None,
    releases=(VIEW,),
    problems={},
)
RELEASE = {"phase": "Progressing", "baseline": "v1", "candidate": "v2", "share_ppm": 50_000}
SERVED: dict[str, Any] = {
    "environment": "production",
    "head": COMMIT,
    "served": COMMIT,
    "problems": {},
    "remote_problem": None,
    "overrides": {},
    "agents": {"support": RELEASE},
}


def test_service_that_serves_just_this_has_no_drift() -> None:
    assert drift_of(TOLD, SERVED) == ()


@pytest.mark.parametrize(
    ("change", "said"),
    [
        pytest.param(
            {"served": "a" * 40},
            "the service serves commit aaaaaaaaaaaa, origin/main is at cccccccccccc",
            id="another commit",
        ),
        pytest.param(
            {"served": None},
            "the service serves commit none, origin/main is at cccccccccccc",
            id="no commit",
        ),
        pytest.param(
            {"remote_problem": "no route"},
            "the service gets no answer from its remote: no route",
            id="no remote",
        ),
        pytest.param(
            {"problems": {"support": "x.yaml: bad"}},
            "the service cannot read support: x.yaml: bad",
            id="a file that cannot be read",
        ),
        pytest.param(
            {"problems": {"": "history was rewritten"}},
            "the service cannot read the head: history was rewritten",
            id="a rewritten history",
        ),
        pytest.param(
            {"overrides": {"support@d": {"reason": "harm"}}},
            "support@d is stopped by an emergency override: harm",
            id="an override",
        ),
        pytest.param({"agents": {}}, "support: the service serves nothing", id="no release"),
        pytest.param(
            {"agents": {"support": RELEASE | {"candidate": None}}},
            "support: candidate is none in the service, v2 in git",
            id="no candidate",
        ),
        pytest.param(
            {"agents": {"support": RELEASE | {"share_ppm": 10_000}}},
            "support: share is 1% in the service, 5% in git",
            id="another share",
        ),
    ],
)
def test_each_difference_is_told_once(change: dict[str, Any], said: str) -> None:
    assert drift_of(TOLD, SERVED | change) == (said,)


def test_several_differences_are_all_told() -> None:
    other = RELEASE | {"phase": "RolledBack", "baseline": "v0"}
    assert len(drift_of(TOLD, SERVED | {"agents": {"support": other}})) == 2


def test_another_environment_is_the_only_thing_told() -> None:
    told = msgspec.structs.replace(TOLD, environment="staging")
    assert drift_of(told, SERVED | {"served": None}) == (
        "the service serves the environment 'production', not 'staging'",
    )
