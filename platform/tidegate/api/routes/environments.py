"""Which of two environments is active, and how long must the other be kept running?"""

from datetime import datetime
from http import HTTPStatus
from typing import Literal

from fastapi import APIRouter, HTTPException, Response
from pydantic import BaseModel, Field
from starlette.concurrency import run_in_threadpool

from tidegate.api.wiring import ServiceDep, json_answer
from tidegate.service.environments import environments_of

router = APIRouter(prefix="/v1/agents")


class EnvironmentAnswer(BaseModel):
    """One environment, as the manifest has it."""

    colour: Literal["blue", "green"]
    version: str = Field(description="The agent version that runs there.", examples=["v1"])
    endpoint: str = Field(
        description="Where clients reach it.", examples=["https://blue.support.example"]
    )
    health: str | None = Field(
        description="What the engine asks before it switches; null if nothing is asked.",
        examples=["https://blue.support.example/healthz"],
    )


class EnvironmentsAnswer(BaseModel):
    """Both environments of an agent that is released blue-green."""

    agent: str = Field(examples=["support"])
    environment: str = Field(
        description="The deployment environment, such as production.", examples=["production"]
    )
    manifest_commit: str = Field(description="The commit that this is read from.")
    phase: str = Field(
        description="Where the release stands: Progressing while the idle environment is "
        "previewed, Completed after a switch, Healthy at rest.",
        examples=["Completed"],
    )
    reason: str = Field(description="Why it stands there, in a sentence for people.")
    active: EnvironmentAnswer | None = Field(
        description="The environment that units are served; null while the version that is live "
        "runs in neither, as before the first switch."
    )
    idle: EnvironmentAnswer = Field(description="The other one.")
    wanted: Literal["blue", "green"] = Field(
        description="The colour that INTENT asks for; another than the active one's until the "
        "engine has switched."
    )
    waiting_for: str | None = Field(
        description="Why the engine has not switched yet, as of its last look at new events: "
        "among others what the health address answered.",
        examples=["green fails its health check: https://green.support.example answered 503"],
    )
    switched_at: datetime | None = Field(
        description="When the active environment took over from the idle one; null if it did not."
    )
    keep_warm_until: datetime | None = Field(
        description="Until when the idle environment must be kept running after the switch: "
        "`keepWarm`, or the watch if that lasts longer and may switch back. Null if there was no "
        "switch. While it is previewed it must run in any case."
    )


@router.get("/{agent}/environments", response_model=EnvironmentsAnswer)
async def get_environments(agent: str, service: ServiceDep) -> Response:
    """The environments of an agent that is released blue-green; 404 for any other."""
    release = service.manifest.release(agent)
    found = await run_in_threadpool(environments_of, release, service.control)
    if found is None:
        raise HTTPException(
            HTTPStatus.NOT_FOUND,
            f"agent {agent!r} has no environments: its strategy is not blueGreen",
        )
    return json_answer(found)
