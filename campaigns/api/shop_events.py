"""``POST /api/events``: a shop tells us what its customers did. Bearer token, JSON, repeats are free of effect."""

import asyncio
import hmac
from collections.abc import Awaitable, Callable
from typing import Annotated, Any

import orjson
from fastapi import APIRouter, Request
from fastapi.responses import JSONResponse
from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, StringConstraints, ValidationError, field_validator

from campaigns.responding.events import CustomerEvent, record_event
from core.clock import Clock
from core.errors import ConfigurationError, StoreUnavailable
from core.money import parse_micros
from storage.store import Store

LARGEST_BODY = 64 * 1024
STORE_SECONDS = 20
Text = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=200, pattern=r"^[^\x00]*$")]


class EventIn(BaseModel):
    """What the body says. ``amount`` is a decimal number, best as text; ``at`` has a zone."""

    model_config = ConfigDict(extra="forbid")

    source: Text = Field(description="which system tells it, such as shop")
    external_id: Text = Field(description="the event's own number there; a repeat of (source, external_id) is ignored")
    customer: Text = Field(description="the customer's external id")
    name: Text = "order"
    at: AwareDatetime
    amount: str | int | float | None = None
    currency: Annotated[str, StringConstraints(pattern=r"^([A-Z]{3})?$")] = ""
    properties: dict[str, Any] = Field(default_factory=dict)

    @field_validator("amount")
    @classmethod
    def _amount_is_money(cls, value: str | float | None) -> str | float | None:
        if value is not None:
            parse_micros(str(value))
        return value

    @field_validator("properties")
    @classmethod
    def _properties_can_be_kept(cls, value: dict[str, Any]) -> dict[str, Any]:
        if b"\\u0000" in orjson.dumps(value):
            raise ValueError("a NUL character cannot be kept")
        return value

    def event(self) -> CustomerEvent:
        """The same in our words."""
        micros = None if self.amount is None else parse_micros(str(self.amount))
        return CustomerEvent(
            self.source, self.external_id, self.customer, self.name, self.at, micros, self.currency, self.properties
        )


def events_router(
    store: Store, clock: Clock, token: str, on_event: Callable[[], Awaitable[None]] | None = None
) -> APIRouter:
    """The router; ``on_event`` is called after an event was kept, to wake whoever waits for it.

    Raises:
        ConfigurationError: without a token: the door would be open.
    """
    if not token:
        raise ConfigurationError("OTKLIK_API_TOKEN is empty; set it to a long random text to take events by HTTP")
    router = APIRouter()

    @router.post("/api/events")
    async def take_event(request: Request) -> JSONResponse:
        if not _is_allowed(request, token):
            return _problem(401, "the Authorization header must be: Bearer <OTKLIK_API_TOKEN>", scheme=True)
        body = await _bounded_body(request)
        if body is None:
            return _problem(413, f"the body is larger than {LARGEST_BODY} bytes")
        try:
            event = EventIn.model_validate(orjson.loads(body)).event()
        except orjson.JSONDecodeError as error:
            return _problem(400, f"the body is not JSON: {error}")
        except ValidationError as error:
            return _problem(400, "the event is not valid", fields=_complaints(error))
        try:
            async with asyncio.timeout(STORE_SECONDS), store.write() as connection:
                new = await record_event(connection, event, clock.now())
        except (StoreUnavailable, TimeoutError):
            response = _problem(503, "the store does not answer; send the same event again later")
            response.headers["Retry-After"] = "10"
            return response
        if new and on_event is not None:
            await on_event()
        return JSONResponse({"stored": new}, status_code=201 if new else 200)

    return router


def _is_allowed(request: Request, token: str) -> bool:
    scheme, _, given = request.headers.get("authorization", "").partition(" ")
    return hmac.compare_digest(given.strip().encode(), token.encode()) and scheme.lower() == "bearer"


async def _bounded_body(request: Request) -> bytes | None:
    parts = []
    size = 0
    async for part in request.stream():
        size += len(part)
        if size > LARGEST_BODY:
            return None
        parts.append(part)
    return b"".join(parts)


def _complaints(error: ValidationError) -> dict[str, str]:
    return {".".join(map(str, one["loc"])) or "body": one["msg"] for one in error.errors(include_input=False)}


def _problem(status: int, what: str, *, fields: dict[str, str] | None = None, scheme: bool = False) -> JSONResponse:
    content: dict[str, Any] = {"error": what}
    if fields:
        content["fields"] = fields
    return JSONResponse(content, status_code=status, headers={"WWW-Authenticate": "Bearer"} if scheme else None)
