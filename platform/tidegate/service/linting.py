"""Lint of a checkout: what to compare, and with what."""

from collections.abc import Callable
from datetime import date

from tidegate.domain.document_places import place_of
from tidegate.domain.errors import RepositoryError
from tidegate.domain.intent import AgentRelease
from tidegate.domain.lint_history import Past
from tidegate.domain.linting import Finding, Manifest, manifest_of
from tidegate.domain.rulebook import lint
from tidegate.service.checkout_port import Checkout, History, Tree

_TRAILER = "Tidegate-Decision"


def lint_checkout(checkout: Checkout, against: str, today: date) -> list[Finding]:
    """Every problem of a checkout as it lies there.

    Args:
        checkout: the checkout.
        against: what version files and the engine's files are compared with: a commit, or a branch,
            of which the last common ancestor is taken.
        today: flags that expire by it are over.

    Raises:
        RepositoryError: `against` is no commit here, or has no ancestor in common.
    """
    files = checkout.working_tree()
    now, head = _manifest(files), checkout.resolve("HEAD")
    if head is None:
        return lint(now, Past(before=None, hand_edits={}, attempts={}, today=today))
    base = _base(checkout, against, head)
    past = Past(
        before=_manifest(checkout.tree(base)),
        hand_edits=_committed_edits(checkout, base, head)
        | _uncommitted_edits(checkout, files, checkout.tree(head)),
        attempts=_attempts(checkout, now, head),
        today=today,
    )
    return lint(now, past)


def lint_change(
    checkout: History, commit: str, changed: dict[str, bytes], today: date
) -> list[Finding]:
    """Every problem that a commit would have with some of its files changed.

    Args:
        checkout: the checkout.
        commit: what the change is made on.
        changed: new contents by path.
        today: flags that expire by it are over.
    """
    tree = checkout.tree(commit)
    now = manifest_of(tree.paths | changed.keys(), _overlaid(tree, changed))
    attempts = _attempts(checkout, now, commit)
    past = Past(before=_manifest(tree), hand_edits={}, attempts=attempts, today=today)
    return lint(now, past)


def _overlaid(tree: Tree, changed: dict[str, bytes]) -> Callable[[str], bytes | None]:
    def read(path: str) -> bytes | None:
        return changed[path] if path in changed else tree.read(path)

    return read


def _manifest(tree: Tree) -> Manifest:
    return manifest_of(tree.paths, tree.read)


def _base(checkout: Checkout, against: str, head: str) -> str:
    named = checkout.resolve(against)
    if named is None:
        raise RepositoryError(
            f"{against!r} is no commit of this checkout; fetch it first, or name another"
        )
    found = checkout.merge_base(named, head)
    if found is None:
        raise RepositoryError(
            f"{against!r} and HEAD have no commit in common here; in a shallow clone, fetch the "
            "whole history: git fetch --unshallow"
        )
    return found


def _attempts(checkout: History, now: Manifest, commit: str) -> dict[str, str]:
    """The commit that last changed each INTENT, of those that are as committed."""
    committed = checkout.tree(commit)
    return {
        file.path: checkout.changes(commit, file.path, limit=1)[0]
        for file, _ in now.of(AgentRelease)
        if committed.read(file.path) == file.content
    }


def _changed_for_the_engine(one: Tree, other: Tree) -> set[str]:
    """Engine-owned files that are not the same in two trees."""
    places = ((path, place_of(path)) for path in one.paths | other.paths)
    owned = {path for path, place in places if place is not None and place.writer == "engine"}
    return {path for path in owned if one.read(path) != other.read(path)}


def _uncommitted_edits(checkout: Checkout, now: Tree, head: Tree) -> dict[str, str]:
    """Engine-owned files that are not as at HEAD, nor as a merge under way brings them."""
    changed = _changed_for_the_engine(now, head)
    merged = [checkout.tree(each) for each in checkout.merged_in()] if changed else []
    return {
        path: "a change that is not committed"
        for path in changed
        if all(tree.read(path) != now.read(path) for tree in merged)
    }


def _committed_edits(checkout: Checkout, base: str, head: str) -> dict[str, str]:
    """Engine-owned files that were changed since `base` in a commit that is no decision."""
    if base == head:
        return {}
    changed = _changed_for_the_engine(checkout.tree(base), checkout.tree(head))
    return {
        path: f'{info.commit[:12]} "{info.subject}" of {info.author}'
        for path in changed
        for info in map(checkout.info, checkout.between(base, head, path)[::-1])
        if info.trailer(_TRAILER) is None
    }
