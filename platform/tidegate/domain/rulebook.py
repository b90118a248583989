"""All rules of lint: adding one is a line."""

from collections.abc import Callable, Iterable
from itertools import chain
from typing import Final, TypeAlias

from tidegate.domain import lint_history, lint_rules
from tidegate.domain.lint_history import Past
from tidegate.domain.linting import Finding, Manifest

RULES: Final[tuple[Callable[[Manifest], Iterable[Finding]], ...]] = (
    lint_rules.installation_is_there,
    lint_rules.environments_are_known,
    lint_rules.versions_are_there,
    lint_rules.guardrails_are_defined,
    lint_rules.safety_kinds_are_spelled_right,
    lint_rules.watches_outlast_the_window,
    lint_rules.shares_are_no_forgotten_percents,
    lint_rules.digests_match,
    lint_rules.segments_are_there,
    lint_rules.flags_can_answer,
    lint_rules.layers_are_shared_without_overlap,
    lint_rules.nothing_else_lies_there,
)
"""What must hold between files."""

RULES_OF_HISTORY: Final[tuple[Callable[[Manifest, Past], Iterable[Finding]], ...]] = (
    lint_history.versions_stay_as_they_were,
    lint_history.releases_are_not_lost,
    lint_history.pinned_files_stay,
    lint_history.engine_files_are_left_to_the_engine,
    lint_history.hash_stays_while_a_rollout_runs,
    lint_history.releases_can_be_served,
    lint_history.force_is_not_left_behind,
    lint_history.memory_can_go_back,
    lint_history.flags_are_taken_out_in_time,
)
"""What must hold between now and before."""

_Place: TypeAlias = tuple[str, int, str, str]


def lint(now: Manifest, past: Past) -> list[Finding]:
    """Every problem of a manifest repository, sorted by file and line."""
    of_files = chain.from_iterable(file.findings for file in now.files.values())
    between = chain.from_iterable(rule(now) for rule in RULES)
    since = chain.from_iterable(rule(now, past) for rule in RULES_OF_HISTORY)
    return sorted((*of_files, *between, *since), key=_place)


def _place(finding: Finding) -> _Place:
    return finding.path, finding.line or 0, finding.key, finding.message
