"""What all commands that change something have in common, and what they tell of it."""

from collections.abc import Callable
from datetime import date

import msgspec

from tidegate.domain.errors import Refused
from tidegate.domain.linting import Finding
from tidegate.domain.quantities import percent
from tidegate.domain.state import Phase
from tidegate.domain.traffic import Traffic
from tidegate.service.checkout_port import Checkout
from tidegate.service.publishing import bring_up_to_date, publish
from tidegate.service.standing import Standing, standing_of


class Desk(msgspec.Struct, frozen=True, kw_only=True):
    """What a command works on.

    Attributes:
        checkout: the person's checkout.
        environment: the environment that is meant.
        push: whether commits leave the checkout.
        today: the date.
    """

    checkout: Checkout
    environment: str
    push: bool = True
    today: date


class Change(msgspec.Struct, frozen=True, kw_only=True):
    """One commit to make.

    Attributes:
        guarded: files that nobody else may have changed meanwhile.
        make: makes the commit and returns its id.
        outlook: what happens next, for people.
    """

    standing: Standing
    guarded: tuple[str, ...]
    make: Callable[[], str]
    outlook: str
    warnings: tuple[Finding, ...] = ()


class Done(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """What was done.

    Attributes:
        subject: first line of the commit's message.
        upstream: where it was pushed to; None if it was not.
        others: how many earlier commits of the person went with it.
        outlook: what happens next.
        warnings: what lint has to say.
    """

    agent: str
    environment: str
    commit: str
    subject: str
    upstream: str | None
    others: int
    outlook: str
    warnings: tuple[Finding, ...] = ()


def carry_out(desk: Desk, agent: str, plan: Callable[[Standing], Change]) -> Done:
    """Bring the checkout up to date, plan on what is there, commit, and push.

    Args:
        desk: what to work on.
        agent: the agent that is meant.
        plan: from where the release stands to the commit to make.

    Raises:
        Refused: nothing was changed.
        NotPushed: the commit is made, but the remote did not take it.
    """
    checkout = desk.checkout
    unfinished = checkout.under_way()
    if unfinished is not None:
        raise Refused(
            f"a {unfinished} is under way in this checkout; finish it, or: git {unfinished} --abort"
        )
    upstream = bring_up_to_date(checkout) if desk.push else None
    head = checkout.resolve("HEAD")
    if head is None:
        raise Refused("this repository has no commit yet; `tidegate init` makes a first one")
    change = plan(standing_of(checkout, head, desk.environment, agent))
    for path in change.guarded:
        if not checkout.is_clean(path):
            raise Refused(
                f"{path} has changes that are not committed; commit them, or drop them: "
                f"git restore --staged --worktree {path}"
            )
    published = publish(checkout, upstream, change.make(), change.guarded)
    return Done(
        agent=agent,
        environment=desk.environment,
        commit=published.commit,
        subject=checkout.info(published.commit).subject,
        upstream=published.upstream,
        others=published.others,
        outlook=change.outlook,
        warnings=change.warnings,
    )


def outlook_of(standing: Standing, traffic: Traffic) -> str:
    """What happens next, from what INTENT now says."""
    version = traffic.candidate or traffic.baseline
    if traffic.phase is Phase.HEALTHY:
        return f"every unit is served {version} from the service's next fetch on, without steps"
    strategy = standing.intent.strategy
    if strategy.ab is not None:
        return "the engine begins the experiment at its next fetch"
    if strategy.blue_green is not None:
        return f"the engine previews {version} at its next fetch, and then switches to it"
    share = standing.intent.strategy.canary
    first = f" at {percent(share.steps[0].share_ppm)}" if share is not None and share.steps else ""
    return f"the engine begins the canary of {version}{first} at its next fetch"
