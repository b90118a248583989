"""How a route reaches the service, and how an answer is written."""

from typing import Annotated, Any

import msgspec
from fastapi import Depends, Request, Response

from tidegate.bootstrap import Service


# Asynchronous although it waits for nothing: a plain function would cost each request a thread hop.
async def _service(request: Request) -> Service:
    service: Service = request.app.state.service
    return service


ServiceDep = Annotated[Service, Depends(_service)]


def json_answer(value: Any) -> Response:
    """A value as JSON; domain values need no second set of models for it."""
    return Response(msgspec.json.encode(value), media_type="application/json")
