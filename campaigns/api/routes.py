"""Every address of the API: what it asks, whom it lets in, and who does the work."""

from typing import Annotated, Any, TypeVar

import orjson
from fastapi import APIRouter, Depends, Path, Request
from fastapi.responses import Response
from pydantic import BaseModel

from campaigns.api.access import Door, read_json
from campaigns.api.asking import customer_out, list_campaigns, report_out, trigger_campaign
from campaigns.api.idempotency import once
from campaigns.api.keys import Caller, Scope
from campaigns.api.problems import Problem, json_response
from campaigns.api.shapes import (
    BulkOut,
    CustomerBody,
    CustomersIn,
    EventIn,
    EventsIn,
    ItemOut,
    ProblemOut,
    TriggerIn,
    TriggerOut,
    shape_of,
)
from campaigns.api.taking import take_customers, take_events

M = TypeVar("M", bound=BaseModel)
ExternalId = Annotated[str, Path(description="The customer's number in your shop.", max_length=200)]
Name = Annotated[str, Path(description="The campaign's name.", max_length=200)]
_MISSING: dict[int | str, dict[str, Any]] = {404: {"model": ProblemOut}}
_CONFLICT: dict[int | str, dict[str, Any]] = {**_MISSING, 409: {"model": ProblemOut}}


def customer_routes(door: Door, telegram_scope: str) -> APIRouter:
    """Customers: upsert one or many, read one."""
    router = APIRouter()

    @router.put(
        "/{external_id:path}", summary="Create or change a customer",
        response_model=ItemOut, openapi_extra=_body(CustomerBody, idempotent=False),
    )  # fmt: skip
    async def put_customer(
        request: Request, external_id: ExternalId, caller: Annotated[Caller, _needs(door, Scope.CUSTOMERS_WRITE)]
    ) -> Response:
        """Upsert by external id. 201 created, 200 updated or unchanged. Scope: customers:write."""
        _, told = await read_json(request)
        if isinstance(told, dict) and told.get("external_id", external_id) != external_id:
            raise Problem(422, "external_id: the body has another one than the address")
        one = told | {"external_id": external_id} if isinstance(told, dict) else told
        return _single(await take_customers(door, caller, [one], telegram_scope))

    @router.post(
        "", summary="Create or change up to 1,000 customers",
        response_model=BulkOut, openapi_extra=_body(CustomersIn),
    )  # fmt: skip
    async def post_customers(
        request: Request, caller: Annotated[Caller, _needs(door, Scope.CUSTOMERS_WRITE)]
    ) -> Response:
        """Upsert by external id; every item has its own result. Scope: customers:write."""
        content, told = await read_json(request)
        customers = _listed(CustomersIn, told).customers

        async def work() -> tuple[int, Any]:
            return 200, (await take_customers(door, caller, customers, telegram_scope)).model_dump()

        return await once(door, caller, request, content, work)

    @router.get("/{external_id:path}", summary="One customer", responses=_MISSING)
    async def get_customer(
        external_id: ExternalId, _: Annotated[Caller, _needs(door, Scope.CUSTOMERS_READ)]
    ) -> Response:
        """Fields, addresses, consents, segments and journeys. Scope: customers:read."""
        return json_response(await customer_out(door, external_id))

    return router


def event_routes(door: Door) -> APIRouter:
    """Events: one or many."""
    router = APIRouter()

    @router.post(
        "", summary="Tell what a customer did",
        response_model=ItemOut, openapi_extra=_body(EventIn),
    )  # fmt: skip
    async def post_event(request: Request, caller: Annotated[Caller, _needs(door, Scope.EVENTS_WRITE)]) -> Response:
        """201 kept, 200 known already or changed. Journeys that wait for it go on at once. Scope: events:write."""
        content, told = await read_json(request)

        async def work() -> tuple[int, Any]:
            response = _single(await take_events(door, [told]))
            return response.status_code, _decoded(response)

        return await once(door, caller, request, content, work)

    @router.post(
        "/bulk", summary="Tell up to 1,000 events",
        response_model=BulkOut, openapi_extra=_body(EventsIn),
    )  # fmt: skip
    async def post_events(request: Request, caller: Annotated[Caller, _needs(door, Scope.EVENTS_WRITE)]) -> Response:
        """Every item has its own result. Scope: events:write."""
        content, told = await read_json(request)
        events = _listed(EventsIn, told).events

        async def work() -> tuple[int, Any]:
            return 200, (await take_events(door, events)).model_dump()

        return await once(door, caller, request, content, work)

    return router


def campaign_routes(door: Door) -> APIRouter:
    """Campaigns: list, trigger, report."""
    router = APIRouter()

    @router.get("", summary="The applied campaigns")
    async def get_campaigns(_: Annotated[Caller, _needs(door, Scope.CAMPAIGNS_READ)]) -> Response:
        """Name, state and how each starts. Scope: campaigns:read."""
        return json_response({"campaigns": await list_campaigns(door)})

    @router.post(
        "/{name}/trigger", summary="Let customers enter a campaign now",
        response_model=TriggerOut, openapi_extra=_body(TriggerIn), responses=_CONFLICT,
    )  # fmt: skip
    async def post_trigger(
        request: Request, name: Name, caller: Annotated[Caller, _needs(door, Scope.CAMPAIGNS_TRIGGER)]
    ) -> Response:
        """409 unless the campaign is active and starts by `api`. Scope: campaigns:trigger."""
        content, told = await read_json(request)
        asked = _listed(TriggerIn, told)

        async def work() -> tuple[int, Any]:
            return 200, (await trigger_campaign(door, caller, name, asked)).model_dump()

        return await once(door, caller, request, content, work)

    @router.get("/{name}/report", summary="What a campaign did", responses=_MISSING)
    async def get_report(name: Name, _: Annotated[Caller, _needs(door, Scope.REPORTS_READ)]) -> Response:
        """What `otklik report` shows, with the experiment's result. Amounts are decimal text. Scope: reports:read."""
        return json_response(await report_out(door, name))

    return router


def _needs(door: Door, scope: Scope) -> Any:
    async def admit(request: Request) -> Caller:
        return await door.admit(request, scope)

    return Depends(admit)


def _body(model: type[BaseModel], *, idempotent: bool = True) -> dict[str, Any]:
    """How a route whose body is read by hand stands in the description."""
    told: dict[str, Any] = {
        "requestBody": {
            "required": True,
            "content": {"application/json": {"schema": {"$ref": f"#/components/schemas/{model.__name__}"}}},
        }
    }
    if idempotent:
        told["parameters"] = [
            {
                "name": "Idempotency-Key",
                "in": "header",
                "required": False,
                "schema": {"type": "string", "maxLength": 255},
                "description": "The same request with the same key is done once; its answer is kept for a day.",
            }
        ]
    return told


def _listed(model: type[M], told: Any) -> M:
    try:
        return shape_of(model, told)
    except ValueError as error:
        raise Problem(422, str(error)) from None


def _single(done: BulkOut) -> Response:
    (item,) = done.results
    if item.result == "refused":
        raise Problem(422, item.reason)
    return json_response(item.model_dump(exclude={"index", "reason"}), 201 if item.result == "created" else 200)


def _decoded(response: Response) -> Any:
    return orjson.loads(response.body)
