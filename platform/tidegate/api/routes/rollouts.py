"""What is being released, on what evidence, and what was decided."""

from fastapi import APIRouter, Response
from starlette.concurrency import run_in_threadpool

from tidegate.api.wiring import ServiceDep, json_answer

router = APIRouter(prefix="/v1", tags=["rollouts"])


@router.get("/rollouts")
async def get_rollouts(service: ServiceDep) -> Response:
    """Every rollout, newest first."""
    return json_answer({"rollouts": await run_in_threadpool(service.views.all)})


@router.get("/rollouts/{rollout}")
async def get_rollout(rollout: str, service: ServiceDep) -> Response:
    """One rollout with its evidence and what it says about each guardrail."""
    return json_answer(await run_in_threadpool(service.views.one, rollout))


@router.get("/rollouts/{rollout}/evidence")
async def get_evidence(rollout: str, service: ServiceDep) -> Response:
    """The engine's looks at a rollout, oldest first: e-values are natural logarithms."""
    return json_answer({"looks": await run_in_threadpool(service.control.looks, rollout)})


@router.get("/decisions")
async def get_decisions(service: ServiceDep, rollout: str | None = None) -> Response:
    """Decision commits, oldest first: all, or those of a rollout and the one that ended it."""
    return json_answer({"decisions": await run_in_threadpool(service.views.decisions, rollout)})
