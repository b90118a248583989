"""Was something pushed to the manifest repository?"""

import hashlib
import hmac

from fastapi import APIRouter, HTTPException, Request, Response
from pydantic import BaseModel

from tidegate.api.wiring import ServiceDep, json_answer

router = APIRouter(prefix="/v1/hooks", tags=["hooks"])
_PREFIX = "sha256="


class HookAnswer(BaseModel):
    """The service fetches as soon as it can."""

    status: str


@router.post(
    "/manifest",
    status_code=202,
    response_model=HookAnswer,
    responses={401: {"description": "A secret is set, and the request does not prove to know it."}},
)
async def post_manifest_hook(request: Request, service: ServiceDep) -> Response:
    """Fetch the manifest repository now. What was pushed is read from there, not from the body.

    Any body will do: those of GitHub, GitLab, Gitea, or none. Calls that come together share a
    fetch. Where `TIDEGATE_WEBHOOK_SECRET` is set, either `X-Hub-Signature-256` must sign the body
    with it (GitHub, Gitea), or `X-Gitlab-Token` must be it.
    """
    secret = service.settings.webhook_secret
    if secret is not None and not await _knows(request, secret.encode()):
        raise HTTPException(
            401,
            "neither X-Hub-Signature-256 nor X-Gitlab-Token fits the secret of this service; "
            "give the git host the same secret as TIDEGATE_WEBHOOK_SECRET",
        )
    service.loop.fetch()
    answer = json_answer({"status": "fetching"})
    answer.status_code = 202
    return answer


async def _knows(request: Request, secret: bytes) -> bool:
    """Whether a request comes from someone who knows the secret; compared in constant time."""
    token = _header(request, "x-gitlab-token")
    if token:
        return hmac.compare_digest(token, secret)
    expected = hmac.new(secret, digestmod=hashlib.sha256)
    async for part in request.stream():
        expected.update(part)  # the body itself is not kept, however long it is
    signature = _header(request, "x-hub-signature-256")
    return hmac.compare_digest(signature, (_PREFIX + expected.hexdigest()).encode())


def _header(request: Request, name: str) -> bytes:
    return request.headers.get(name, "").encode("latin-1")  # as it came over the wire
