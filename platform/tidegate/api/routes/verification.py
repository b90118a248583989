"""Does a recorded decision hold?"""

from fastapi import APIRouter, Response
from starlette.concurrency import run_in_threadpool

from tidegate.api.wiring import ServiceDep, json_answer
from tidegate.service.verifying import Verifier

router = APIRouter(prefix="/v1/decisions", tags=["decisions"])


@router.get("/{commit}/verification")
async def get_verification(commit: str, service: ServiceDep) -> Response:
    """Take the decision of a commit again, from its record, the manifest and the event log.

    An answer of 200 with `verified: false` is a decision that does not hold; `checks` says why.
    """
    verifier = Verifier(service.repository, service.events)
    return json_answer(await run_in_threadpool(verifier.verify, commit))
