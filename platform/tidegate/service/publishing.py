"""From a person's commit to the remote: bring the checkout up to date, push, and lose races well.

A commit of a person says what they want, whatever the engine decides meanwhile, so it may be put on
top of what came first. Not so when somebody else changed the same file: then people must talk.
"""

from collections.abc import Sequence
from typing import Final

import msgspec

from tidegate.domain.errors import GoneApart, NotPushed, RemoteUnreachable, RepositoryError
from tidegate.domain.person_commits import AuthoredCommit, Upstream
from tidegate.service.checkout_port import Checkout

_TRIES: Final = 5


class Published(msgspec.Struct, frozen=True, kw_only=True):
    """What became of a commit.

    Attributes:
        commit: its id in the end; another one if it lost a race.
        upstream: where it was pushed to; None if it was not.
        others: how many earlier commits of the person went with it.
    """

    commit: str
    upstream: str | None = None
    others: int = 0


def bring_up_to_date(checkout: Checkout) -> Upstream | None:
    """Fetch, and go on to what is there; then what is decided on is what the engine last said.

    Returns:
        Where to push to; None if there is no remote.

    Raises:
        GoneApart: both sides have commits of their own.
        RemoteUnreachable: no answer.
        RepositoryError: files that are not committed are in the way.
    """
    upstream = checkout.upstream()
    if upstream is None:
        return None
    checkout.fetch(upstream)
    upstream = checkout.upstream() or upstream
    if upstream.reference is not None:
        here, there = checkout.distance(upstream.reference)
        if here and there:
            raise GoneApart(upstream, here, there)
        if there:
            checkout.fast_forward(upstream.reference)
    return upstream


def publish(
    checkout: Checkout, upstream: Upstream | None, commit: str, guarded: Sequence[str]
) -> Published:
    """Push a commit that was just made; if someone pushed first, put it on top and try again.

    Args:
        checkout: the checkout.
        upstream: where to push to; None to leave it here.
        commit: the commit, at HEAD.
        guarded: files that nobody else may have changed meanwhile.

    Raises:
        NotPushed: someone did, or the remote does not take it.
    """
    if upstream is None:
        return Published(commit=commit)
    before = _unpushed(checkout, upstream)
    for _ in range(_TRIES):
        try:
            checkout.push(upstream)
        except RepositoryError as refusal:
            _give_way(checkout, upstream, commit, guarded, refusal)
            commit = checkout.resolve("HEAD") or commit
        else:
            return Published(commit=commit, upstream=str(upstream), others=before - 1)
    raise NotPushed(commit, f"others pushed first {_TRIES} times; try once more: git push")


def _unpushed(checkout: Checkout, upstream: Upstream) -> int:
    return 1 if upstream.reference is None else checkout.distance(upstream.reference)[0]


def _give_way(
    checkout: Checkout,
    upstream: Upstream,
    commit: str,
    guarded: Sequence[str],
    refusal: RepositoryError,
) -> None:
    """Put the one commit on top of those that came first.

    Raises:
        NotPushed: that is not possible, or was not the reason.
    """
    reference = upstream.reference
    try:
        checkout.fetch(upstream)
    except RemoteUnreachable as error:
        raise NotPushed(commit, f"{error}\nWhen it answers again: git push") from error
    here, there = (0, 0) if reference is None else checkout.distance(reference)
    if reference is None or not there:
        raise NotPushed(commit, str(refusal)) from refusal
    theirs = _change_of(checkout, reference, guarded)
    if theirs is not None:
        raise NotPushed(commit, _conflict(theirs, reference)) from refusal
    if here > 1:
        why = f"{upstream} has moved on, and {here} commits are here only: git pull --rebase"
        raise NotPushed(commit, f"{why} && git push") from refusal
    try:
        checkout.rebase(reference)
    except RepositoryError as error:
        raise NotPushed(commit, f"{error}\nBring it there by hand: git pull --rebase") from error


def _change_of(
    checkout: Checkout, reference: str, guarded: Sequence[str]
) -> tuple[str, AuthoredCommit] | None:
    """The latest commit there that changed a guarded file, and the file."""
    base = checkout.merge_base("HEAD", reference) or "HEAD"
    for path in guarded:
        found = checkout.between(base, reference, path)
        if found:
            return path, checkout.info(found[0])
    return None


def _conflict(theirs: tuple[str, AuthoredCommit], reference: str) -> str:
    path, info = theirs
    branch = reference.removeprefix("refs/remotes/")
    return (
        f'meanwhile {info.author} changed {path} in {info.commit[:12]} "{info.subject}".\n'
        f"Look at it:             git show {info.commit[:12]}\n"
        f"Drop yours and go on:   git reset --keep {branch}\n"
        "Put yours on top of it: git pull --rebase && git push"
    )
