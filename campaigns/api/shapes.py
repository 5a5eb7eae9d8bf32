"""What bodies look like: read by pydantic for their shape, then by the readers of the imports for their content."""

from collections.abc import Callable, Iterable
from typing import Annotated, Any, Literal, TypeVar

import orjson
from pydantic import (
    AfterValidator,
    BaseModel,
    ConfigDict,
    Field,
    StringConstraints,
    ValidationError,
    WithJsonSchema,
)

from core.installed import channel_names, plugins

M = TypeVar("M", bound=BaseModel)
MOST_ITEMS = 1000
Text = Annotated[str, StringConstraints(strip_whitespace=True, max_length=2000)]
Id = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=200)]
Cell = Text | int | float | bool | None


def _one_of(names: Callable[[], Iterable[str]]) -> tuple[AfterValidator, WithJsonSchema]:
    def check(name: str) -> str:
        if name not in names():
            raise ValueError(f"{name!r} is no channel here; write one of {', '.join(names()) or 'none'}")
        return name

    return AfterValidator(check), WithJsonSchema({"type": "string", "enum": list(names())})


ChannelName = Annotated[str, *_one_of(channel_names)]
PluginName = Annotated[str, *_one_of(plugins)]


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid")


class ConsentIn(_Strict):
    """A consent, or its withdrawal, with its proof."""

    granted: bool
    at: Text = Field(description="When: RFC 3339. A withdrawal is only overruled by a later consent.")
    source: Text = Field(description="Where it was given, such as checkout.")
    purpose: Literal["marketing"] = "marketing"
    wording: Text = Field("", description="The words that were agreed to.")
    document: Text = Field("", description="The version of the text, such as privacy-2026-01.")


class CustomerIn(_Strict):
    """A customer: only what is filled in changes anything, as in a file that is imported."""

    external_id: Id = Field(description="The customer's number in your shop.")
    first_name: Cell = None
    last_name: Cell = None
    name: Cell = Field(None, description="The whole name, first name first, where it does not come apart.")
    last_first_name: Cell = Field(None, description="The whole name, last name first.")
    email: Cell = None
    phone: Cell = Field(None, description="Read as an SMS number; with a country, also in its local form.")
    sms: Cell = None
    whatsapp: Cell = Field(None, description="A number, or true for the phone's.")
    telegram: Cell = Field(None, description="The chat id.")
    locale: Cell = None
    zone: Cell = Field(None, description="An IANA time zone, such as Europe/Berlin.")
    country: Cell = Field(None, description="Two letters, or a name.")
    city: Cell = None
    gender: Cell = None
    birthday: Cell = Field(None, description="An ISO date.")
    attributes: dict[str, Any] = Field(default_factory=dict, description="Anything else, for segments and templates.")
    addresses: dict[PluginName, Cell] = Field(default_factory=dict, description="On channels that plugins bring.")
    consents: dict[ChannelName, ConsentIn] = Field(
        default_factory=dict, description="By channel. Without a consent nobody gets marketing."
    )


class CustomerBody(CustomerIn):
    """A customer whose id stands in the address; it may be repeated in the body."""

    external_id: Id | None = Field(None, description="The same as in the address, if it is given.")  # type: ignore[assignment]


class CustomersIn(_Strict):
    """Up to a thousand customers. They are checked one by one: one that is wrong keeps out no other."""

    customers: list[Any] = Field(min_length=1, max_length=MOST_ITEMS)


class EventIn(_Strict):
    """Something that a customer did. An order is the event ``order`` with an amount."""

    source: Id = Field("api", description="Which system tells it; ids are unique within it.")
    external_id: Id = Field(description="The event's own number there. The same again changes nothing.")
    customer: Id = Field(description="The customer's external id; one who is not known is created.")
    name: Id = "order"
    at: Text = Field(description="When it happened: RFC 3339; without an offset in the organisation's zone.")
    amount: Cell = Field(None, description='A decimal number, best as text: "49.90".')
    currency: Cell = Field(None, description="ISO 4217; by default the workspace's.")
    quantity: Cell = None
    properties: dict[str, Any] = Field(default_factory=dict)


class EventsIn(_Strict):
    """Up to a thousand events, checked one by one."""

    events: list[Any] = Field(min_length=1, max_length=MOST_ITEMS)


class TriggerIn(_Strict):
    """Who is to enter a campaign now, and what its templates may say of the occasion."""

    customers: list[Id] = Field(min_length=1, max_length=MOST_ITEMS, description="External ids.")
    data: dict[str, Any] = Field(default_factory=dict, description="The properties of the event that this is kept as.")


class ItemOut(BaseModel):
    """What became of one item; ``index`` counts from 0."""

    index: int
    result: Literal["created", "updated", "unchanged", "refused"]
    reason: str = ""
    warnings: list[str] = Field(default_factory=list)


class BulkOut(BaseModel):
    """What became of all of them, in their order."""

    created: int
    updated: int
    unchanged: int
    refused: int
    results: list[ItemOut]


class TriggerOut(BaseModel):
    """``not_entered``: on the campaign already, too soon again, or not of its audience."""

    entered: list[str]
    not_entered: list[str]
    unknown: list[str]


class ProblemOut(BaseModel):
    """Problem details, RFC 9457."""

    type: str = "about:blank"
    title: str
    status: int
    detail: str


def shape_of(model: type[M], told: Any) -> M:
    """``told`` as ``model``.

    Raises:
        ValueError: naming the field and what is wrong with it, in one line.
    """
    if not isinstance(told, dict):
        raise ValueError("write a JSON object")  # noqa: TRY004  content, not a wrong call
    if b"\\u0000" in orjson.dumps(told):
        raise ValueError("a NUL character cannot be kept")
    try:
        return model.model_validate(told)
    except ValidationError as error:
        raise ValueError("; ".join(_complaint(one) for one in error.errors(include_input=False)[:5])) from None


def _complaint(one: Any) -> str:
    where = ".".join(str(part) for part in one["loc"] if part not in ("str", "int", "float", "bool"))
    return f"{where}: {one['msg']}" if where else str(one["msg"])
