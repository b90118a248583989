"""Is the service well, and does it serve what git says?"""

from fastapi import APIRouter, Response
from fastapi.responses import PlainTextResponse, RedirectResponse
from starlette.concurrency import run_in_threadpool

from tidegate.api.routes import environments
from tidegate.api.wiring import ServiceDep, json_answer

router = APIRouter(tags=["operations"])
router.include_router(environments.router)


@router.get("/", include_in_schema=False)
async def root() -> Response:
    """Where a browser is led."""
    return RedirectResponse("/docs")


@router.get("/healthz")
async def healthz() -> Response:
    """The process answers."""
    return json_answer({"status": "ok"})


@router.get("/readyz")
async def readyz(service: ServiceDep) -> Response:
    """The process serves a commit."""
    served = service.manifest.current.served
    answer = json_answer(
        {
            "status": "ready" if served else "no manifest yet",
            "served": served,
            "remote_problem": service.manifest.remote_problem,
        }
    )
    answer.status_code = 200 if served else 503
    return answer


@router.get("/v1/drift")
async def get_drift(service: ServiceDep) -> Response:
    """Where what is served differs from the repository's head, and why."""
    current = service.manifest.current
    return json_answer(
        {
            "environment": service.settings.environment,
            "head": current.head,
            "served": current.served,
            "problems": current.problems,
            "remote_problem": service.manifest.remote_problem,
            "overrides": service.control.open_overrides(),
            "agents": {
                agent: {
                    "commit": release.commit,
                    "phase": release.traffic.phase,
                    "baseline": release.traffic.baseline,
                    "candidate": release.traffic.candidate,
                    "share_ppm": release.traffic.share_ppm,
                    "reason": release.traffic.reason,
                }
                for agent, release in current.releases.items()
            },
            "events": dict(service.writer.counters),
        }
    )


@router.get("/v1/commits/{commit}", response_class=PlainTextResponse)
async def get_commit(commit: str, service: ServiceDep) -> Response:
    """One commit of the manifest repository, as `git show` prints it."""
    return PlainTextResponse(await run_in_threadpool(service.repository.show, commit))
