"""What the API answers when it cannot do what was asked: RFC 9457 problem details, one table of statuses.

A problem says what is wrong and what to do, and never repeats a secret.
"""

from collections.abc import Mapping
from typing import Any

import orjson
from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import Response
from starlette.exceptions import HTTPException

from core.errors import StoreUnavailable

MEDIA_TYPE = "application/problem+json"
TITLES: Mapping[int, str] = {
    400: "The request cannot be read",
    401: "No key, or a wrong one",
    403: "The key may not do this",
    404: "There is no such thing",
    405: "This address does not take that method",
    409: "The present state does not allow it",
    413: "The body is too large",
    415: "The body is not JSON",
    422: "The content is not valid",
    429: "Too many requests",
    500: "Something went wrong here",
    503: "The store does not answer",
}


class Problem(Exception):
    """Raised by any route; becomes the answer. ``more`` are members beside the standard ones."""

    def __init__(self, status: int, detail: str, *, headers: Mapping[str, str] | None = None, **more: Any) -> None:
        super().__init__(detail)
        self.status = status
        self.detail = detail
        self.headers = dict(headers or {})
        self.more = more

    def body(self) -> dict[str, Any]:
        """As RFC 9457 has it."""
        title = TITLES.get(self.status, "It did not work")
        return {"type": "about:blank", "title": title, "status": self.status, "detail": self.detail, **self.more}


def answer(problem: Problem) -> Response:
    """The response."""
    return json_response(problem.body(), problem.status, headers=problem.headers, media_type=MEDIA_TYPE)


def json_response(
    body: Any, status: int = 200, *, headers: Mapping[str, str] | None = None, media_type: str = "application/json"
) -> Response:
    """``body`` as JSON; instants as RFC 3339 in UTC."""
    content = orjson.dumps(body, option=orjson.OPT_UTC_Z)
    return Response(content, status, headers=dict(headers or {}), media_type=media_type)


def answer_problems(app: FastAPI) -> None:
    """Let every failure of ``app`` leave as a problem."""

    async def ours(_: Request, error: Exception) -> Response:
        return answer(error if isinstance(error, Problem) else Problem(500, "it is in the log of the service"))

    async def routing(_: Request, error: Exception) -> Response:
        status = error.status_code if isinstance(error, HTTPException) else 500
        return answer(Problem(status, TITLES.get(status, "it did not work")))

    async def shape(_: Request, error: Exception) -> Response:
        told = error.errors() if isinstance(error, RequestValidationError) else []
        detail = "; ".join(f"{one['loc'][-1]}: {one['msg']}" for one in told[:5])
        return answer(Problem(422, detail or "the request is not valid"))

    async def away(_: Request, __: Exception) -> Response:
        return answer(
            Problem(503, "the store does not answer; send the same again later", headers={"Retry-After": "10"})
        )

    app.add_exception_handler(Problem, ours)
    app.add_exception_handler(HTTPException, routing)
    app.add_exception_handler(RequestValidationError, shape)
    app.add_exception_handler(StoreUnavailable, away)
    app.add_exception_handler(TimeoutError, away)
