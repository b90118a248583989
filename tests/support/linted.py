"""Small repositories to lint, and what lint says of them."""

from datetime import date
from typing import Any

from tidegate.domain.lint_history import Past
from tidegate.domain.linting import Finding, manifest_of
from tidegate.domain.rulebook import lint

TODAY = date(2026, 3, 1)
INTENT = "envs/production/support.yaml"
CANARY = "strategy: {canary: {steps: [{setWeight: 1%}, {setWeight: 100%}]}}\n"
GOOD = {
    "tidegate.yaml": "kind: Tidegate\nenvironments: [production]\n",
    "agents/support/versions/v1.yaml": "kind: AgentVersion\nagent: support\nversion: v1\n",
    INTENT: f"kind: AgentRelease\nagent: support\nversion: v1\n{CANARY}",
}


def with_steps(*shares: str) -> str:
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


def findings_of(
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


def told(files_: dict[str, str | None], **past: Any) -> list[str]:
    return [str(each) for each in findings_of(files_, **past)]


def state_file(**facts: Any) -> dict[str, str | None]:
    said = {"agent": "support", "attempt": "a1", "phase": "Completed", "stable": "v1"} | facts
    lines = "".join(f"{key}: {value}\n" for key, value in said.items())
    return {"envs/production/state/support.yaml": f"kind: ReleaseState\n{lines}"}


BAD = "[{version: v1, attempt: a0, reason: hurts}]"
FORCED = {INTENT: GOOD[INTENT] + "force: true\n"}
