"""What does a feature flag say to this unit?"""

from typing import Annotated, Any

from fastapi import APIRouter, Response
from pydantic import BaseModel, ConfigDict, Field

from tidegate.api.wiring import ServiceDep, json_answer
from tidegate_sdk.explanation import explain

router = APIRouter(prefix="/v1/flags", tags=["flags"])
Unit = Annotated[str, Field(min_length=1, max_length=256, examples=["user-1"])]


class FlagRequest(BaseModel):
    """A unit that is about to meet a feature."""

    model_config = ConfigDict(extra="forbid")
    unit: Unit
    attributes: dict[str, Any] = Field(default={}, examples=[{"team": "support", "plan": "pro"}])


class FlagAnswer(BaseModel):
    """The value, and the grounds for it."""

    flag: str
    value: Any
    variant: str
    reason: str
    rule: int | None
    manifest_commit: str | None


class FlagListAnswer(BaseModel):
    """The feature flags of the environment."""

    flags: list[str]


@router.get("", response_model=FlagListAnswer)
async def get_flags(service: ServiceDep) -> Response:
    """The keys of all feature flags."""
    return json_answer({"flags": sorted(service.manifest.current.flags)})


@router.post("/{flag}", response_model=FlagAnswer)
async def post_flag(flag: str, body: FlagRequest, service: ServiceDep) -> Response:
    """The value of a flag for a unit; the same unit gets the same answer from every process."""
    found = service.manifest.flag(flag).evaluate(body.unit, body.attributes)
    commit = service.manifest.current.served
    return json_answer({"flag": flag, "manifest_commit": commit} | found._asdict())


@router.post("/{flag}/explanation")
async def post_explanation(flag: str, body: FlagRequest, service: ServiceDep) -> Response:
    """Why a unit gets what it gets, rule by rule."""
    return json_answer({"steps": explain(service.manifest.flag(flag), body.unit, body.attributes)})
