"""The API as an application of its own, to be mounted at ``/api``: routes, their description, and a page of it."""

from typing import Any

from fastapi import FastAPI
from fastapi.responses import HTMLResponse

from campaigns.api.access import Door
from campaigns.api.page import page_of
from campaigns.api.problems import answer_problems
from campaigns.api.routes import campaign_routes, customer_routes, event_routes
from campaigns.api.shapes import CustomerBody, CustomerIn, CustomersIn, EventIn, EventsIn, ProblemOut, TriggerIn

DESCRIPTION = """\
Send a key with every request: `Authorization: Bearer otk_…`; `otklik key create` makes one.

What goes wrong is told as problem details (RFC 9457). A POST may carry an `Idempotency-Key`: the same request sent \
again within a day gets the same answer and does nothing again. Instants are RFC 3339.
"""
_FAILURES: dict[int | str, dict[str, Any]] = {
    status: {"model": ProblemOut} for status in (400, 401, 403, 413, 415, 422, 429, 503)
}


def api_application(door: Door, *, release: str, telegram_scope: str = "") -> FastAPI:
    """The application; ``telegram_scope`` is the bot's id, to which chat ids belong."""
    app = FastAPI(
        title="Otklik", version=release, description=DESCRIPTION, openapi_url="/openapi.json", docs_url=None,
        redoc_url=None, responses=_FAILURES, redirect_slashes=False,
    )  # fmt: skip
    answer_problems(app)
    _describe_bodies(app)
    app.include_router(customer_routes(door, telegram_scope), prefix="/v1/customers", tags=["customers"])
    app.include_router(event_routes(door), prefix="/v1/events", tags=["events"])
    app.include_router(campaign_routes(door), prefix="/v1/campaigns", tags=["campaigns"])

    @app.get("/docs", include_in_schema=False)
    async def docs() -> HTMLResponse:
        return HTMLResponse(page_of(app.openapi()))

    return app


def _describe_bodies(app: FastAPI) -> None:
    """Put the models of bodies that are read by hand into the description."""
    original = app.openapi

    def openapi() -> dict[str, Any]:
        told = original()
        schemas = told.setdefault("components", {}).setdefault("schemas", {})
        for model in (CustomerIn, CustomerBody, CustomersIn, EventIn, EventsIn, TriggerIn):
            schema = model.model_json_schema(ref_template="#/components/schemas/{model}")
            schemas.update(schema.pop("$defs", {}))
            schemas.setdefault(model.__name__, schema)
        # lists are checked item by item, so their shapes do not say what of
        schemas["CustomersIn"]["properties"]["customers"]["items"] = {"$ref": "#/components/schemas/CustomerIn"}
        schemas["EventsIn"]["properties"]["events"]["items"] = {"$ref": "#/components/schemas/EventIn"}
        told["components"]["securitySchemes"] = {"key": {"type": "http", "scheme": "bearer"}}
        told["security"] = [{"key": []}]
        return told

    app.openapi = openapi  # type: ignore[method-assign]
