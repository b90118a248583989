"""Which version does this unit get?"""

import asyncio
import logging
from typing import Annotated

from fastapi import APIRouter, Query, Response
from pydantic import BaseModel, ConfigDict, Field

from tidegate.api.wiring import ServiceDep, json_answer
from tidegate.bootstrap import Service
from tidegate.domain.assignment import Assignment, assign
from tidegate.domain.errors import EventsRefused
from tidegate.domain.events import Event, attribute
from tidegate.domain.release import Release

log = logging.getLogger(__name__)
router = APIRouter(prefix="/v1", tags=["assignments"])
_EXPOSURE_PATIENCE_S = 2.0
Unit = Annotated[str, Field(min_length=1, max_length=256, examples=["user-1"])]


class AssignmentRequest(BaseModel):
    """A unit that is about to meet an agent."""

    model_config = ConfigDict(extra="forbid")
    agent: str = Field(min_length=1, examples=["support"])
    unit: Unit
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
    phase: str
    rollout: str
    step: int
    manifest_commit: str
    exposure_id: str
    exposure_recorded: bool


@router.post("/assignments", response_model=AssignmentAnswer)
async def post_assignment(body: AssignmentRequest, service: ServiceDep) -> Response:
    """The version of a unit; the same unit gets the same answer from every process."""
    release = service.manifest.release(body.agent)
    assignment = assign(release, body.unit)
    recorded = await _expose(service, release, assignment) if body.expose else False
    return _answer(assignment, recorded=recorded)


@router.get("/agents/{agent}/assignment", response_model=AssignmentAnswer)
async def get_assignment(
    agent: str,
    unit: Annotated[str, Query(min_length=1, max_length=256)],
    service: ServiceDep,
) -> Response:
    """The version of a unit, without recording that it meets it."""
    return _answer(assign(service.manifest.release(agent), unit), recorded=False)


def _answer(assignment: Assignment, *, recorded: bool) -> Response:
    return json_answer(
        {name: getattr(assignment, name) for name in assignment.__struct_fields__}
        | {"exposure_recorded": recorded}
    )


async def _expose(service: Service, release: Release, assignment: Assignment) -> bool:
    """Record an exposure; a failure here never changes the assignment."""
    event = Event(
        event_id=assignment.exposure_id,
        unit=assignment.unit,
        agent=assignment.agent,
        kind="exposure",
        version=assignment.version,
    )
    try:
        written = service.writer.submit([attribute(event, release)])
        await asyncio.wait_for(asyncio.wrap_future(written), _EXPOSURE_PATIENCE_S)
    except (EventsRefused, TimeoutError) as error:
        log.warning("exposure of %s not recorded: %s", assignment.unit, error)
        return False
    return True
