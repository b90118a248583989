"""Which version does this unit get?"""

import asyncio
import logging
from typing import Annotated, Any

from fastapi import APIRouter, Query, Response
from pydantic import BaseModel, ConfigDict, Field
from starlette.concurrency import run_in_threadpool

from tidegate.api.wiring import ServiceDep, json_answer
from tidegate.bootstrap import Service
from tidegate.domain.errors import EventsRefused
from tidegate.service.assigning import Answer

log = logging.getLogger(__name__)
router = APIRouter(prefix="/v1", tags=["assignments"])
_EXPOSURE_PATIENCE_S = 2.0
Unit = Annotated[str, Field(min_length=1, max_length=256, examples=["user-1"])]


class AssignmentRequest(BaseModel):
    """A unit that is about to meet an agent."""

    model_config = ConfigDict(extra="forbid")
    agent: str = Field(min_length=1, examples=["support"])
    unit: Unit
    attributes: dict[str, Any] = Field(
        default={},
        description="What is known of the unit, for audiences and segments.",
        examples=[{"team": "support", "plan": "pro"}],
    )
    conversation: str | None = Field(
        default=None,
        min_length=1,
        max_length=256,
        description="Where the release pins conversations, one ends on the version it began on.",
    )
    expose: bool = Field(
        default=True,
        description="Record that the unit meets the version. Pass false where the client sends the "
        "exposure event itself.",
    )


class AssignmentAnswer(BaseModel):
    """The version, and the grounds for it."""

    agent: str
    environment: str
    unit: str
    version: str
    arm: str | None
    reason: str
    grounds: str
    phase: str
    rollout: str
    step: int
    manifest_commit: str
    exposure_id: str
    endpoint: str | None
    components: dict[str, Any]
    exposure_recorded: bool


@router.post("/assignments", response_model=AssignmentAnswer)
async def post_assignment(body: AssignmentRequest, service: ServiceDep) -> Response:
    """The version of a unit; the same unit gets the same answer from every process."""
    answer = await _assigned(service, body)
    recorded = await _expose(service, answer, body) if body.expose else False
    return _said(answer, recorded=recorded)


@router.get("/agents/{agent}/assignment", response_model=AssignmentAnswer)
async def get_assignment(
    agent: str,
    unit: Annotated[str, Query(min_length=1, max_length=256)],
    service: ServiceDep,
) -> Response:
    """The version of a unit without attributes, without recording that it meets it."""
    return _said(service.assigner.assign(agent, unit, {}), recorded=False)


async def _assigned(service: Service, body: AssignmentRequest) -> Answer:
    """On a thread of its own where a database may have to be asked."""
    asked = (body.agent, body.unit, body.attributes, body.conversation)
    release = service.manifest.release(body.agent)
    pins = body.conversation is not None and release.intent.pin is not None
    if pins or release.traffic.frozen:
        return await run_in_threadpool(service.assigner.assign, *asked)
    return service.assigner.assign(*asked)


def _said(answer: Answer, *, recorded: bool) -> Response:
    found = answer.assignment
    version = answer.release.versions.get(found.version)
    return json_answer(
        {name: getattr(found, name) for name in found.__struct_fields__}
        | {
            "components": version.components if version is not None else {},
            "exposure_recorded": recorded,
        }
    )


async def _expose(service: Service, answer: Answer, body: AssignmentRequest) -> bool:
    """Record an exposure; a failure here never changes the assignment."""
    exposure = answer.exposure(body.attributes, body.conversation)
    try:
        written = service.writer.submit([exposure])
        await asyncio.wait_for(asyncio.wrap_future(written), _EXPOSURE_PATIENCE_S)
    except (EventsRefused, TimeoutError) as error:
        log.warning("exposure of %s not recorded: %s", body.unit, error)
        return False
    return True
