"""What happened to the units?"""

import asyncio

import msgspec
from fastapi import APIRouter, Request, Response
from pydantic import BaseModel

from tidegate.api.wiring import ServiceDep, json_answer
from tidegate.domain.errors import BatchTooLarge, InvalidEvent
from tidegate.service.ingest import check_batch

router = APIRouter(prefix="/v1", tags=["events"])
LARGEST_BATCH = 16 * 1024 * 1024
"""Bytes of one request."""


class RejectionAnswer(BaseModel):
    """Why one line was not stored, or is stored without being counted."""

    index: int
    reason: str


class EventsAnswer(BaseModel):
    """What became of a batch. Accepted and duplicate events are on disk."""

    accepted: int
    duplicate: int
    rejected: int
    rejections: list[RejectionAnswer]
    warnings: list[RejectionAnswer]


@router.post("/events", response_model=EventsAnswer)
async def post_events(request: Request, service: ServiceDep) -> Response:
    """Store events: a JSON array, one JSON object, or one JSON object a line (NDJSON).

    A line that is no event is rejected with its index and the reason; the rest is stored. An answer
    of 200 means that it is on disk. Sending a batch again stores nothing twice.
    """
    body = await _body(request)
    batch = check_batch(_lines(body), service.manifest)
    written = asyncio.wrap_future(service.writer.submit(batch.events)) if batch.events else None
    accepted = await written if written is not None else 0
    return json_answer(
        {
            "accepted": accepted,
            "duplicate": len(batch.events) - accepted,
            "rejected": len(batch.rejections),
            "rejections": batch.rejections,
            "warnings": batch.warnings,
        }
    )


async def _body(request: Request) -> bytes:
    """The body, read no further than the limit."""
    parts: list[bytes] = []
    size = 0
    async for part in request.stream():
        size += len(part)
        if size > LARGEST_BATCH:
            raise BatchTooLarge(size, LARGEST_BATCH)
        parts.append(part)
    return b"".join(parts)


def _lines(body: bytes) -> list[object]:
    """The decoded values of a body; where a line is no JSON, the error in its place."""
    if body.lstrip()[:1] == b"[":
        try:
            array = msgspec.json.decode(body)
        except (msgspec.DecodeError, RecursionError) as error:
            raise InvalidEvent(f"the body is no JSON array: {error}") from error
        return list(array)
    return [_decoded(line) for line in body.splitlines() if line.strip()]


def _decoded(line: bytes) -> object:
    try:
        return msgspec.json.decode(line)
    except msgspec.DecodeError as error:
        return InvalidEvent(f"no JSON: {error}")
    except RecursionError:
        return InvalidEvent("nested too deep")
