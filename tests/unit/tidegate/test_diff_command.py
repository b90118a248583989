"""`tidegate diff` on a real folder: what it prints, how it exits, and what its errors name."""

import json
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from agent_versions import in_file, inline, memory, prompt, version
from schemas import INTEGER, NUMBER, tool
from tidegate.cli import main
from tidegate.domain import manifest_files as files
from tidegate.domain.agent_version import Model
from tidegate.domain.version_change import BREAKING

WIDE, NARROW = (json.dumps(tool(a=each)).encode() for each in (NUMBER, INTEGER))
ODD = "[red]a|b[/red] *`<b>` ä"
VERSIONS = {
    "v1": version("v1", prompts=(prompt(digit="a"),), tools=(in_file(WIDE, "wide.json"),)),
    "prompt": version("prompt", prompts=(prompt(digit="b"),), tools=(in_file(WIDE, "wide.json"),)),
    "tools": version(
        "tools", prompts=(prompt(digit="b"),), tools=(in_file(NARROW, "narrow.json"),)
    ),
    "memory-1": version("memory-1", memory=memory("1")),
    "memory-2": version("memory-2", memory=memory("2", reads=("1",))),
    "odd": version("odd", model=Model(provider="p", model=ODD)),
    "bare": version("bare"),
}
BREAKS = ["support", "v1", "tools"]


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """A manifest repository with the versions above, and the files that they pin."""
    contents = {"wide.json": WIDE, "narrow.json": NARROW}
    contents |= {files.version_path("support", k): files.render(v) for k, v in VERSIONS.items()}
    for path, content in contents.items():
        (tmp_path / path).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / path).write_bytes(content)
    return tmp_path


def _run(checkout: Path, *arguments: str) -> Result:
    return CliRunner().invoke(main, ["diff", "--manifest", str(checkout), *arguments])


def test_diff_prints_a_table_with_the_worst_change_first(checkout: Path) -> None:
    result = _run(checkout, *BREAKS)
    assert result.exit_code == 0
    lines = result.stdout.splitlines()
    assert lines[0] == "v1 → tools: tool-breaking, 2 changes"
    rows = [line.split()[0] for line in lines if "-breaking " in line or "-only " in line]
    assert rows == ["tool-breaking", "prompt-only"]
    assert "number → integer" in result.stdout
    assert "aaaaaaaaaaaa… → bbbbbbbbbbbb…" in result.stdout


def test_diff_as_json_is_one_object_with_every_fact(checkout: Path) -> None:
    result = _run(checkout, *BREAKS, "--json")
    assert result.exit_code == 0
    found = json.loads(result.stdout)
    assert {key: found[key] for key in ("before", "after", "risk", "breaking", "forwardOnly")} == {
        "before": "v1",
        "after": "tools",
        "risk": "tool-breaking",
        "breaking": True,
        "forwardOnly": False,
    }
    assert found["changes"] == [
        {
            "component": "prompts",
            "name": "system",
            "before": "a" * 64,
            "after": "b" * 64,
            "risk": "prompt-only",
            "why": "its text says something else; calls and memory are as before",
        },
        {
            "component": "tools",
            "name": "refund",
            "before": "number",
            "after": "integer",
            "risk": "tool-breaking",
            "why": "`a` must now be a whole number",
        },
    ]


def test_diff_as_markdown_is_a_table_for_a_comment(checkout: Path) -> None:
    result = _run(checkout, *BREAKS, "--markdown")
    title, empty, *table = result.stdout.splitlines()
    assert (title, empty) == ("**v1 → tools: tool-breaking, 2 changes**", "")
    assert [row.strip("| ").split(" | ") for row in table] == [
        ["risk", "part", "name", "before", "after", "why"],
        ["---"] * 6,
        ["tool-breaking", "tools", "refund", "number", "integer",
         "\\`a\\` must now be a whole number"],
        ["prompt-only", "prompts", "system", "aaaaaaaaaaaa…", "bbbbbbbbbbbb…",
         "its text says something else; calls and memory are as before"],
    ]  # fmt: skip


def test_diff_shows_text_as_it_stands_in_any_form(checkout: Path) -> None:
    """Text of a manifest must not become markup of a terminal or of a page."""
    table, as_json, markdown = (
        _run(checkout, "support", "odd", "bare", *form).stdout
        for form in ([], ["--json"], ["--markdown"])
    )
    assert ODD in " ".join(table.split())
    assert ODD in [change["before"] for change in json.loads(as_json)["changes"]]
    assert "| \\[red\\]a\\|b\\[/red\\] \\*\\`\\<b\\>\\` ä |" in markdown


def test_diff_of_a_version_with_itself_says_that_nothing_changed(checkout: Path) -> None:
    assert _run(checkout, "support", "v1", "v1").stdout == "v1 → v1: no change\n"
    assert _run(checkout, "support", "v1", "v1", "--markdown").stdout == "**v1 → v1: no change**\n"
    assert json.loads(_run(checkout, "support", "v1", "v1", "--json").stdout)["risk"] is None


@pytest.mark.parametrize(
    ("before", "after", "code"),
    [
        pytest.param("v1", "v1", 0, id="no change"),
        pytest.param("v1", "prompt", 0, id="a milder change"),
        pytest.param("v1", "tools", 1, id="tool-breaking"),
        pytest.param("memory-1", "memory-2", 1, id="memory-forward-only"),
        pytest.param("memory-2", "memory-1", 1, id="memory-breaking"),
        pytest.param("bare", "memory-1", 0, id="memory-compatible"),
    ],
)
def test_exit_code_is_one_only_for_breaking_changes_and_only_if_asked(
    checkout: Path, before: str, after: str, code: int
) -> None:
    asked = _run(checkout, "support", before, after, "--exit-code", "--json")
    assert asked.exit_code == code
    assert json.loads(asked.stdout)["breaking"] == bool(code)
    assert _run(checkout, "support", before, after).exit_code == 0


def test_help_names_the_classes_that_exit_with_one(checkout: Path) -> None:
    shown = " ".join(_run(checkout, "--help").stdout.split()).replace("- ", "-")
    assert all(risk in shown for risk in BREAKING)


def test_diff_takes_two_files_and_reads_schemas_in_the_checkout(checkout: Path) -> None:
    paths = [str(checkout / files.version_path("support", each)) for each in ("v1", "tools")]
    assert json.loads(_run(checkout, *paths, "--json").stdout)["risk"] == "tool-breaking"


def test_diff_without_the_folder_option_reads_the_current_folder(
    checkout: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(checkout)
    result = CliRunner().invoke(main, ["diff", *BREAKS])
    assert "number → integer" in result.stdout


def test_schema_outside_the_checkout_is_not_read_through_a_link(
    checkout: Path, tmp_path_factory: pytest.TempPathFactory
) -> None:
    outside = tmp_path_factory.mktemp("outside") / "wide.json"
    outside.write_bytes(WIDE)
    (checkout / "wide.json").unlink()
    (checkout / "wide.json").symlink_to(outside)
    (change,) = json.loads(_run(checkout, "support", "prompt", "tools", "--json").stdout)["changes"]
    assert "wide.json is not here" in change["why"]


@pytest.mark.parametrize(
    ("old", "new", "problem"),
    [
        pytest.param(
            "sideEffects", "sideEfects", "unknown field `sideEfects`", id="an unknown key"
        ),
        pytest.param("sha256: aaaa", "sha256: zzzz", "sha256 is 'zzzz", id="a digest that is none"),
        pytest.param("allowed: false", "allowed: 'no'", "tools[0].allowed", id="a text as flag"),
    ],
)
def test_error_names_file_line_and_key(checkout: Path, old: str, new: str, problem: str) -> None:
    path = checkout / files.version_path("support", "wrong")
    tools = (inline(side_effects="read", allowed=False),)
    lines = files.render(version("wrong", prompts=(prompt(),), tools=tools)).decode().splitlines()
    number = next(number for number, line in enumerate(lines, start=1) if old in line)
    path.write_text("\n".join(lines).replace(old, new))
    result = _run(checkout, "support", "v1", "wrong", "--exit-code")
    assert result.exit_code == 2
    assert result.stdout == ""
    assert f"{path}:{number}: " in result.stderr
    assert problem in result.stderr


@pytest.mark.parametrize(
    ("content", "problem"),
    [
        pytest.param(b"kind: [", "no valid YAML", id="no YAML"),
        pytest.param(b"kind: Metrics\nagent: support\n", "$.kind", id="another kind"),
        pytest.param(files.render(version("v9")), "is 'support v9', but the file's name says "
                     "'support wrong'", id="another version"),
        pytest.param(files.render(version("wrong")).replace(b"support", b"sales"),
                     "is 'sales wrong', but", id="another agent"),
    ],
)  # fmt: skip
def test_version_that_cannot_be_read_exits_with_two(
    checkout: Path, content: bytes, problem: str
) -> None:
    path = checkout / files.version_path("support", "wrong")
    path.write_bytes(content)
    result = _run(checkout, "support", "v1", "wrong")
    assert result.exit_code == 2
    assert str(path) in result.stderr
    assert problem in result.stderr


@pytest.mark.parametrize(
    ("arguments", "problem"),
    [
        pytest.param([], "give an agent and two of its versions, or two files", id="nothing"),
        pytest.param(["support"], "two of its versions", id="an agent alone"),
        pytest.param(["a", "b", "c", "d"], "two of its versions", id="too many"),
        pytest.param(["support", "v1", "../x"], "'../x' is no name", id="a way out"),
        pytest.param(["a\0b", "v1"], "cannot be read", id="a zero byte"),
    ],
)
def test_wrong_call_is_refused_with_a_way_out(
    checkout: Path, arguments: list[str], problem: str
) -> None:
    result = _run(checkout, *arguments)
    assert result.exit_code == 2
    assert problem in result.stderr


def test_version_that_is_not_there_is_told_with_those_that_are(checkout: Path) -> None:
    result = _run(checkout, "support", "v1", "v9")
    assert result.exit_code == 2
    assert (
        "support has no version 'v9': agents/support/versions/v9.yaml is not there; its versions "
        f"are {', '.join(sorted(VERSIONS))}\n" in result.stderr
    )


def test_agent_with_one_version_is_told_that_there_must_be_two(checkout: Path) -> None:
    result = _run(checkout, "support", "v2")
    assert result.exit_code == 2
    assert "support v2 names one version, and there must be two" in result.stderr
    assert "tidegate diff support v2 OTHER" in result.stderr


def test_diff_finds_the_checkout_around_the_current_folder(
    checkout: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (checkout / files.INSTALLATION_PATH).write_text("kind: Tidegate\n")
    monkeypatch.chdir(checkout / "agents" / "support")
    result = CliRunner().invoke(main, ["diff", *BREAKS])
    assert "number → integer" in result.stdout
