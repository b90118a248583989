"""The schemas say what the documents say, and what is shipped is what they say now."""

import json
from pathlib import Path
from typing import Any

import jsonschema
import msgspec
import pytest
import yaml
from click.testing import CliRunner

import tidegate
from tidegate.cli import main
from tidegate.domain import manifest_files as files
from tidegate.domain.document_places import DOCUMENTS
from tidegate.domain.errors import InvalidManifest
from tidegate.domain.intent import AgentRelease
from tidegate.service.initialising import first_files
from tidegate.service.manifest_reference import manifest_reference
from tidegate.service.schemas import schema, schema_files

ROOT = Path(__file__).parents[3]
SHIPPED = Path(tidegate.__file__).parent / "schemas"
CANARY = {"canary": {"steps": [{"setWeight": "1%"}, {"setWeight": 1_000_000}]}}
RELEASE: dict[str, Any] = {
    "kind": "AgentRelease",
    "apiVersion": "tidegate/v1",
    "agent": "support",
    "version": "v1",
    "strategy": CANARY,
}


def test_shipped_schemas_are_current() -> None:
    """If not: make schemas."""
    shipped = {path.name: path.read_bytes() for path in SHIPPED.iterdir()}
    assert shipped == schema_files()


def test_reference_is_current() -> None:
    """If not: make schemas."""
    assert (ROOT / "docs/manifest-reference.md").read_text() == manifest_reference()


@pytest.mark.parametrize("kind", DOCUMENTS)
def test_schema_is_valid_and_named_by_its_kind_without_an_address(kind: str) -> None:
    made = schema(kind)
    jsonschema.Draft202012Validator.check_schema(made)
    assert made["$id"] == f"urn:tidegate:v1:{kind}"
    root = made["$defs"][made["$ref"].rpartition("/")[2]]
    assert root["properties"]["kind"]["enum"] == [kind]
    assert root["additionalProperties"] is False


@pytest.mark.parametrize("kind", DOCUMENTS)
def test_every_key_at_the_top_that_is_documented_says_so_in_the_schema(kind: str) -> None:
    made = schema(kind)
    root = made["$defs"][made["$ref"].rpartition("/")[2]]
    named = {field.encode_name for field in msgspec.structs.fields(DOCUMENTS[kind])}
    assert named <= root["properties"].keys()
    assert root["properties"]["kind"]["description"] == "what this file is."


def test_description_of_a_key_is_that_of_the_document() -> None:
    step = schema("AgentRelease")["$defs"]["Step"]["properties"]
    assert step["minUnits"]["description"] == (
        "units that must be exposed in this step before the next."
    )


def test_first_files_of_a_repository_are_valid() -> None:
    for path, content in first_files("support", "production").items():
        if path.endswith(".yaml"):
            value = yaml.safe_load(content)
            jsonschema.validate(value, schema(value["kind"]))


@pytest.mark.parametrize(
    ("change", "is_valid"),
    [
        pytest.param({}, True, id="a good release"),
        pytest.param({"force": True}, True, id="with a flag"),
        pytest.param({"force": "yes"}, False, id="a flag that is a text"),
        pytest.param({"verison": "v2"}, False, id="an unknown key"),
        pytest.param({"kind": "Metrics"}, False, id="another kind"),
        pytest.param({"version": 1.1}, False, id="a version that is a number"),
        pytest.param({"strategy": {"canary": {"mode": "stps"}}}, False, id="an unknown word"),
    ],
)
def test_schema_and_service_agree(change: dict[str, Any], *, is_valid: bool) -> None:
    value = RELEASE | change
    errors = list(jsonschema.Draft202012Validator(schema("AgentRelease")).iter_errors(value))
    assert (errors == []) is is_valid
    try:
        files.parse("x.yaml", yaml.safe_dump(value).encode(), AgentRelease)
    except InvalidManifest:
        assert not is_valid
    else:
        assert is_valid


def test_command_prints_one_schema_or_all() -> None:
    one = CliRunner().invoke(main, ["schema", "Segment"])
    assert json.loads(one.stdout) == schema("Segment")
    everything = CliRunner().invoke(main, ["schema"])
    assert json.loads(everything.stdout) == {kind: schema(kind) for kind in DOCUMENTS}


def test_command_writes_all_schemas_or_one(tmp_path: Path) -> None:
    folder = tmp_path / "deep/schemas"
    assert CliRunner().invoke(main, ["schema", "--out", str(folder)]).exit_code == 0
    assert {path.name: path.read_bytes() for path in folder.iterdir()} == schema_files()
    one = tmp_path / "one"
    assert CliRunner().invoke(main, ["schema", "Metrics", "--out", str(one)]).exit_code == 0
    assert [path.name for path in one.iterdir()] == ["Metrics.json"]


def test_unknown_kind_is_wrong_usage() -> None:
    result = CliRunner().invoke(main, ["schema", "Metric"])
    assert result.exit_code == 2
    assert "AgentRelease" in result.stderr


def test_reference_has_every_kind_and_says_who_writes_it() -> None:
    text = manifest_reference()
    for kind in DOCUMENTS:
        assert f"\n## {kind}\n" in text
    assert "`envs/<environment>/state/<agent>.yaml`. Only the engine writes it." in text
    assert "| `minUnits` | whole number | `0` | units that must be exposed" in text
