"""The app factory."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from fastapi import FastAPI
from starlette.concurrency import run_in_threadpool

from tidegate.api import errors
from tidegate.api.routes import (
    assignments,
    events,
    flags,
    operations,
    rollouts,
    verification,
    webhooks,
)
from tidegate.bootstrap import Service

_DESCRIPTION = "Which version of an agent a unit gets, what happened to it, and what was decided."


def create_app(service: Service) -> FastAPI:
    """The HTTP app of a wired service; it starts the service with itself and stops it too."""

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        await run_in_threadpool(service.start)
        yield
        await run_in_threadpool(service.stop)

    app = FastAPI(title="Tidegate", description=_DESCRIPTION, version="1", lifespan=lifespan)
    app.state.service = service
    errors.install(app)
    for routes in (assignments, flags, events, rollouts, verification, webhooks, operations):
        app.include_router(routes.router)
    return app
