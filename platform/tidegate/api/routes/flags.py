"""What does a feature flag say to this unit?"""

from typing import Any

from fastapi import APIRouter, Response
from pydantic import BaseModel, ConfigDict, Field

from tidegate.api.routes.assignments import Unit
from tidegate.api.wiring import ServiceDep, json_answer
from tidegate_sdk.explanation import explain

router = APIRouter(prefix="/v1/flags", tags=["flags"])


class FlagRequest(BaseModel):
    """A unit that is about to meet a feature."""

    model_config = ConfigDict(extra="forbid")
    unit: Unit
    attributes: dict[str, Any] = Field(
        default={},
        description="What is known of the unit, for rules and segments: a JSON object. Nothing of "
        "it is stored.",
        examples=[{"team": "support", "plan": "pro"}],
    )


class FlagAnswer(BaseModel):
    """The value, and the grounds for it."""

    flag: str = Field(description="Its key.", examples=["new-checkout"])
    value: Any = Field(
        description="Of the flag's type; a float flag answers 1.0, never 1.", examples=[True]
    )
    variant: str = Field(description="Name of the variant whose value it is.", examples=["on"])
    reason: str = Field(
        description="OpenFeature's word: STATIC (the flag has no rules), TARGETING_MATCH or SPLIT "
        "(a rule decided), DEFAULT (no rule matched, or the unit is held out), DISABLED (the flag "
        "is killed).",
        examples=["TARGETING_MATCH"],
    )
    rule: int | None = Field(
        description="Index of the rule that decided, from 0; null if none did.", examples=[0]
    )
    manifest_commit: str | None = Field(
        description="The commit that is served. While the flag's file cannot be read there, its "
        "last good answer is; GET /v1/drift names the file."
    )


class FlagListAnswer(BaseModel):
    """The feature flags of the environment."""

    flags: list[str] = Field(description="Their keys, sorted.", examples=[["new-checkout"]])


class StepAnswer(BaseModel):
    """One question on the way to a value."""

    rule: int | None = Field(
        description="Index of the rule that asks; null for the kill switch, and for what comes "
        "after all rules."
    )
    depth: int = Field(description="How deep inside the rule's condition; 0 is the rule itself.")
    question: str = Field(
        description="What is asked, in words.", examples=["team is one of ['support']"]
    )
    holds: bool = Field(description="The answer.")


class ExplanationAnswer(BaseModel):
    """Why a unit gets what it gets."""

    steps: list[StepAnswer] = Field(
        description="Every question that was asked, in order; the last one names the variant."
    )


@router.get("", response_model=FlagListAnswer)
async def get_flags(service: ServiceDep) -> Response:
    """The keys of all feature flags."""
    return json_answer({"flags": sorted(service.manifest.current.flags)})


@router.post("/{flag}", response_model=FlagAnswer)
async def post_flag(flag: str, body: FlagRequest, service: ServiceDep) -> Response:
    """The value of a flag for a unit; the same unit gets the same answer from every process.

    A key that is not there is answered with 404, and the message names those that are.
    """
    found = service.manifest.flag(flag).evaluate(body.unit, body.attributes)
    commit = service.manifest.current.served
    return json_answer({"flag": flag, "manifest_commit": commit} | found._asdict())


@router.post("/{flag}/explanation", response_model=ExplanationAnswer)
async def post_explanation(flag: str, body: FlagRequest, service: ServiceDep) -> Response:
    """Why a unit gets what it gets, rule by rule."""
    steps = explain(service.manifest.flag(flag), body.unit, body.attributes)
    return json_answer({"steps": [each._asdict() for each in steps]})
