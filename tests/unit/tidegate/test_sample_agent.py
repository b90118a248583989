"""The demo's versions pin files that are there, and differ as the demo says."""

import pytest

from tidegate.demo.sample_agent import sample_version
from tidegate.domain import manifest_files as files
from tidegate.domain.agent_version import AgentVersion, Components, Model
from tidegate.domain.version_checks import digest_problems
from tidegate.domain.version_diff import diff, is_breaking

VERSIONS = ("v1", "v2", "v3")


def _all_files() -> dict[str, bytes]:
    return {
        path: content
        for version in VERSIONS
        for path, content in sample_version("support", version)[1].items()
    }


@pytest.mark.parametrize("name", VERSIONS)
def test_sample_version_pins_the_very_files_that_come_with_it(name: str) -> None:
    version, contents = sample_version("support", name)
    read: list[str] = []

    def reading(path: str) -> bytes | None:
        read.append(path)
        return contents.get(path)

    assert digest_problems(version, reading) == []
    assert sorted(read) == sorted(contents)
    assert files.parse("v.yaml", files.render(version), AgentVersion) == version
    assert version.declared_tools == {"lookup_order", "refund"}


def test_files_of_all_sample_versions_can_lie_in_one_repository() -> None:
    every = _all_files()
    for name in VERSIONS:
        assert digest_problems(sample_version("support", name)[0], every.get) == []


@pytest.mark.parametrize(
    ("before", "after", "risks"),
    [
        ("v1", "v2", {"prompt-only", "model"}),
        ("v1", "v3", {"prompt-only", "model", "code", "tool-compatible"}),
    ],
)
def test_sample_versions_differ_in_kind(before: str, after: str, risks: set[str]) -> None:
    versions = [sample_version("support", name)[0] for name in (before, after)]
    found = diff(*versions, _all_files().get)
    assert {change.risk for change in found.changes} == risks
    assert not is_breaking(found)


def test_recorded_version_has_the_model_that_was_recorded_and_claims_no_more() -> None:
    version, contents = sample_version("assistant", "some-model-2026")
    assert version.components == Components(
        model=Model(provider="recorded", model="some-model-2026")
    )
    assert contents == {}
