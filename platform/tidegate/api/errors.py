"""From an error of the domain to an HTTP answer: one table."""

from http import HTTPStatus
from typing import Any

import msgspec
from fastapi import FastAPI, Request, Response
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException

from tidegate.domain import errors

STATUS: dict[type[errors.TidegateError], HTTPStatus] = {
    errors.UnknownAgent: HTTPStatus.NOT_FOUND,
    errors.UnknownFlag: HTTPStatus.NOT_FOUND,
    errors.UnknownCommit: HTTPStatus.NOT_FOUND,
    errors.UnknownRollout: HTTPStatus.NOT_FOUND,
    errors.InvalidEvent: HTTPStatus.BAD_REQUEST,
    errors.BatchTooLarge: HTTPStatus.REQUEST_ENTITY_TOO_LARGE,
    errors.IngestOverloaded: HTTPStatus.TOO_MANY_REQUESTS,
    errors.EventStoreUnavailable: HTTPStatus.SERVICE_UNAVAILABLE,
    errors.RepositoryError: HTTPStatus.BAD_GATEWAY,
    errors.TidegateError: HTTPStatus.INTERNAL_SERVER_ERROR,
}
_RETRY = {HTTPStatus.TOO_MANY_REQUESTS, HTTPStatus.SERVICE_UNAVAILABLE}


def error_answer(status: int, code: str, message: str) -> Response:
    """The one shape of every error: {"error": {"code": …, "message": …}}."""
    headers = {"Retry-After": "1"} if status in _RETRY else None
    body = msgspec.json.encode({"error": {"code": code, "message": message}})
    return Response(body, status, headers=headers, media_type="application/json")


def install(app: FastAPI) -> None:
    """Teach an app to answer with our errors."""

    @app.exception_handler(errors.TidegateError)
    async def _domain(_: Request, error: errors.TidegateError) -> Response:
        kinds = (STATUS.get(kind) for kind in type(error).__mro__)
        status = next(status for status in kinds if status is not None)
        return error_answer(status, error.code, str(error))

    @app.exception_handler(RequestValidationError)
    async def _invalid(_: Request, error: RequestValidationError) -> Response:
        problems = "; ".join(_problem(each) for each in error.errors())
        return error_answer(HTTPStatus.UNPROCESSABLE_ENTITY, "invalid_request", problems)

    @app.exception_handler(HTTPException)
    async def _http(_: Request, error: HTTPException) -> Response:
        return error_answer(error.status_code, "http", str(error.detail))


def _problem(error: dict[str, Any]) -> str:
    if error["type"] == "json_invalid":
        return f"the body is no JSON, from character {error['loc'][-1]} on"
    if error["type"] == "model_attributes_type":
        return "send a JSON object, with Content-Type: application/json"
    place = ".".join(str(part) for part in error["loc"] if part not in ("body", "query"))
    return f"{place or 'body'}: {error['msg']}"
