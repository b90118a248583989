"""Which version does this unit get?"""

import asyncio
import logging
from typing import Annotated, Any

import msgspec
from fastapi import APIRouter, Query, Response
from pydantic import AfterValidator, BaseModel, ConfigDict, Field
from starlette.concurrency import run_in_threadpool

from tidegate.api.wiring import ServiceDep, json_answer
from tidegate.bootstrap import Service
from tidegate.domain.errors import EventsRefused
from tidegate.service.assigning import Answer

log = logging.getLogger(__name__)
router = APIRouter(prefix="/v1", tags=["assignments"])
LARGEST_ATTRIBUTES = 64 * 1024
"""Bytes of a unit's attributes as JSON."""
_EXPOSURE_PATIENCE_S = 2.0
_UNIT = "The targeting key: a user, a session, whatever keeps its version. It is hashed as it is."
_ATTRIBUTES = """What is known of the unit, for audiences, segments and forced versions: a JSON
object, 64 KiB at most. They are stored with the exposure, so leave out what you would not log."""


def _storable(attributes: dict[str, Any]) -> dict[str, Any]:
    """Attributes that can be written into the event log.

    Raises:
        ValueError: they hold half of a character, are nested too deep, or are too large.
    """
    try:
        size = len(msgspec.json.encode(attributes))
    except (UnicodeEncodeError, RecursionError) as error:
        raise ValueError(f"cannot be written as JSON: {error}") from error
    if size > LARGEST_ATTRIBUTES:
        raise ValueError(f"have {size} bytes as JSON, the limit is {LARGEST_ATTRIBUTES}")
    return attributes


Unit = Annotated[str, Field(min_length=1, max_length=256, description=_UNIT, examples=["user-1"])]
Attributes = Annotated[
    dict[str, Any],
    AfterValidator(_storable),
    Field(description=_ATTRIBUTES, examples=[{"team": "support", "plan": "pro"}]),
]


class AssignmentRequest(BaseModel):
    """A unit that is about to meet an agent."""

    model_config = ConfigDict(extra="forbid")
    agent: str = Field(min_length=1, description="Name of the agent.", examples=["support"])
    unit: Unit
    attributes: Attributes = {}
    conversation: str | None = Field(
        default=None,
        min_length=1,
        max_length=256,
        description="Where the release pins conversations, one ends on the version it began on; "
        "a rollback for harm recalls it.",
        examples=["chat-4711"],
    )
    expose: bool = Field(
        default=True,
        description="Record that the unit meets the version. Pass false where the client sends the "
        "exposure event itself.",
    )


class AssignmentAnswer(BaseModel):
    """The version, and the grounds for it."""

    agent: str = Field(examples=["support"])
    environment: str = Field(
        description="The environment that this service serves.", examples=["production"]
    )
    unit: Unit
    version: str = Field(description="The agent version that the unit gets.", examples=["v2"])
    arm: str | None = Field(
        description="What the unit is compared as: baseline or candidate in a canary, control or "
        "the name of an arm in an experiment, preview before a blue-green switch; null if it is "
        "not compared.",
        examples=["candidate"],
    )
    reason: str = Field(
        description="OpenFeature's word: SPLIT inside a comparison, TARGETING_MATCH for a version "
        "that is forced or previewed, DEFAULT for units that take no part, STATIC outside a "
        "rollout.",
        examples=["SPLIT"],
    )
    grounds: str = Field(
        description="What decided: split, forced, holdout, audience, layer, pinned (the "
        "conversation began on it), frozen (the unit's memory cannot go back), or live.",
        examples=["split"],
    )
    phase: str = Field(
        description="Where the release stands: Healthy, Pending, Progressing, Paused, Completed, "
        "RolledBack or Degraded.",
        examples=["Progressing"],
    )
    rollout: str = Field(
        description="Id of the rollout: GET /v1/rollouts/{rollout} says how it goes.",
        examples=["support@2f1a6c0d9b3e4f57"],
    )
    step: int = Field(description="Index of the step in force, from 0.", examples=[0])
    manifest_commit: str = Field(
        description="The commit that the answer follows from; send it along with an exposure of "
        "your own."
    )
    exposure_id: str = Field(
        description="The `event_id` of the exposure: the same for every visit of the unit in one "
        "stage, so that repeats count once.",
        examples=["exp-0ebb49089219db447df5bc9b"],
    )
    endpoint: str | None = Field(
        description="Where the version is reached, if the manifest says so (blue-green).",
        examples=["https://green.support.example"],
    )
    components: dict[str, Any] = Field(
        description="What the version is made of: code, prompts, model, tools, memory. Empty where "
        "the manifest says nothing, and for a conversation that is pinned to a version which is "
        "neither live nor the one before.",
        examples=[{"model": {"provider": "example", "model": "m-1"}}],
    )
    exposure_recorded: bool = Field(
        description="Whether it is on disk that the unit meets the version. False also where the "
        "event log was too slow: the assignment holds all the same."
    )


@router.post("/assignments", response_model=AssignmentAnswer)
async def post_assignment(body: AssignmentRequest, service: ServiceDep) -> Response:
    """The version of a unit; the same unit gets the same answer from every process."""
    answer = await _assigned(service, body)
    recorded = await _expose(service, answer, body) if body.expose else False
    return _said(answer, recorded=recorded)


@router.get("/agents/{agent}/assignment", response_model=AssignmentAnswer)
async def get_assignment(
    agent: str,
    unit: Annotated[str, Query(min_length=1, max_length=256, description=_UNIT)],
    service: ServiceDep,
) -> Response:
    """The version of a unit without attributes, without recording that it meets it."""
    asked = AssignmentRequest(agent=agent, unit=unit, expose=False)
    return _said(await _assigned(service, asked), recorded=False)


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
