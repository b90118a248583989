"""`pause`, `resume`, `promote`: what a person wants of the rollout under way."""

from collections.abc import Callable

import msgspec

from tidegate.domain import manifest_files as files
from tidegate.domain.errors import Refused
from tidegate.domain.orders import RolloutOrders
from tidegate.domain.quantities import percent
from tidegate.domain.state import Phase
from tidegate.service.operating import Change, Desk, Done, carry_out
from tidegate.service.standing import Standing


class _Order(msgspec.Struct, frozen=True, kw_only=True):
    """What to write, and how to say it."""

    orders: RolloutOrders
    subject: str
    outlook: str


def pause(desk: Desk, agent: str, reason: str = "") -> Done:
    """Hold a rollout where it is; harm still ends it.

    Raises:
        Refused: nothing runs, or it is paused already.
    """

    def order(standing: Standing) -> _Order:
        if _present(standing).paused or standing.traffic.phase is Phase.PAUSED:
            raise Refused(f"{agent} is paused already: {_why_paused(standing)}")
        held = "" if standing.intent.strategy.blue_green else f" at {_share(standing)}"
        return _Order(
            orders=msgspec.structs.replace(_present(standing), paused=True, resumed=False),
            subject=f"Pause {agent} {standing.wanted}",
            outlook=f"the rollout is held{held} from the service's next fetch on; harm still ends "
            f"it. `tidegate resume {agent}` lets it go on",
        )

    return _give(desk, agent, reason, order)


def resume(desk: Desk, agent: str, reason: str = "") -> Done:
    """Let a paused rollout go on.

    Raises:
        Refused: nothing runs, or it is not paused.
    """

    def order(standing: Standing) -> _Order:
        now = _present(standing)
        by_engine = standing.traffic.phase is Phase.PAUSED
        if now.resumed or not (now.paused or by_engine):
            raise Refused(f"{agent} is not paused: {_course(standing)}")
        waived = f"; the alarm is waived: {standing.traffic.reason}" if by_engine else ""
        return _Order(
            orders=msgspec.structs.replace(now, paused=False, resumed=by_engine),
            subject=f"Resume {agent} {standing.wanted}",
            outlook=f"the rollout goes on from the service's next fetch on{waived}",
        )

    return _give(desk, agent, reason, order)


def promote(desk: Desk, agent: str, reason: str = "", *, full: bool = False) -> Done:
    """Let a rollout take its next step, or all that are left, whatever it waits for.

    Raises:
        Refused: nothing runs, a person paused it, it is ordered already, or it is an experiment.
    """

    def order(standing: Standing) -> _Order:
        now, step = _present(standing), _step(standing)
        if standing.intent.strategy.ab is not None:
            raise Refused(
                f"{agent} runs an experiment, which has no steps; to end it: tidegate abort {agent}"
            )
        if now.paused:
            why = _why_paused(standing)
            raise Refused(f"{agent} is paused: {why}. First: tidegate resume {agent}")
        if now.full or (now.promoted_steps > step and not full):
            raise Refused(f"{agent} is promoted already, and the engine does it at its next look")
        orders = msgspec.structs.replace(
            now, promoted_steps=max(now.promoted_steps, step + 1), full=full
        )
        to = _target(standing, full=full)
        by_engine = standing.traffic.phase is Phase.PAUSED
        waived = f"; it does not wait for: {standing.traffic.reason}" if by_engine else ""
        return _Order(
            orders=orders,
            subject=f"Promote {agent} {standing.wanted} {to}",
            outlook=f"the engine takes {standing.wanted} {to} at its next look{waived}; harm still "
            "ends it",
        )

    return _give(desk, agent, reason, order)


def _give(desk: Desk, agent: str, reason: str, order: Callable[[Standing], _Order]) -> Done:
    def plan(standing: Standing) -> Change:
        if not standing.is_running:
            raise Refused(_nothing_runs(standing))
        given = order(standing)
        path = files.orders_path(desk.environment, agent)
        content = files.render(msgspec.structs.replace(given.orders, reason=reason))
        message = f"{given.subject}\n\n{reason}" if reason else given.subject
        return Change(
            standing=standing,
            guarded=(path, standing.intent_path),
            make=lambda: desk.checkout.commit(path, content, message),
            outlook=given.outlook,
        )

    return carry_out(desk, agent, plan)


def _nothing_runs(standing: Standing) -> str:
    agent, traffic = standing.agent, standing.traffic
    if traffic.phase is Phase.PENDING:
        return (
            f"the rollout of {standing.wanted} has not begun: {traffic.reason}. "
            f"To take it back: tidegate abort {agent}"
        )
    return (
        f"no rollout of {agent} is under way in {standing.environment}: {traffic.baseline} is "
        f"served ({traffic.phase.value}, {traffic.reason})"
    )


def _present(standing: Standing) -> RolloutOrders:
    """The orders for this attempt, so far."""
    if standing.orders is not None:
        return standing.orders
    return RolloutOrders(agent=standing.agent, attempt=standing.attempt)


def _why_paused(standing: Standing) -> str:
    if standing.orders is not None and standing.orders.paused:
        said = standing.orders.reason
        return f"by a person{f', who said: {said}' if said else ''}"
    return f"by the engine, {standing.traffic.reason}"


def _course(standing: Standing) -> str:
    if standing.orders is not None and standing.orders.resumed:
        return "it was resumed, and the engine goes on at its next look"
    return f"{standing.wanted} is at {_share(standing)}"


def _share(standing: Standing) -> str:
    return percent(standing.traffic.share_ppm)


def _step(standing: Standing) -> int:
    return standing.state.step if standing.state is not None else 0


def _target(standing: Standing, *, full: bool) -> str:
    """Where a promotion leads, in words."""
    canary = standing.intent.strategy.canary
    if canary is None or full:
        return "to 100%"
    if not canary.steps:
        return "to the next stage"
    following = _step(standing) + 1
    share = percent(canary.steps[following].share_ppm)
    return f"to {share} (step {following + 1} of {len(canary.steps)})"
