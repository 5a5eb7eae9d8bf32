"""What all pages of a customer share: who is meant, who reads, and how a form of theirs is answered."""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import select
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from campaigns.definition import WorkspaceConfig
from core.actors import Actor
from core.clock import Clock
from core.errors import Refused
from core.ids import ANONYMOUS, is_id
from core.tokens import Signer
from core.wakeup import Wakeup
from desk.access.sessions import SignedIn
from desk.campaigns.figures import Figures
from desk.customers.refusing import CannotBe
from desk.customers.telling import Telling
from desk.guard import Guard, reader_of
from desk.rendering import Reader, page
from storage.merging.tombstones import survivor_of
from storage.outbox.columns import table
from storage.store import Store
from storage.tables import Customer

_CUSTOMERS = table(Customer)
MAX_FIELDS = 30
LONGEST_FIELD = 4_000
Form = Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Visit:
    """One request about a customer: who asks, as which reader, of whom. ``now`` is business time."""

    request: Request
    me: SignedIn
    reader: Reader
    workspace: WorkspaceConfig
    customer_id: str
    now: datetime

    @property
    def actor(self) -> Actor:
        """Who did it."""
        return Actor("agent", self.me.id)

    @property
    def path(self) -> str:
        """Where the customer's page stands."""
        return f"/desk/customers/{self.customer_id}"

    def page(self, template: str, status: int = 200, **values: Any) -> Response:
        """A page of this room's."""
        figures = Figures(self.reader)
        return page(
            f"customers/{template}.html", self.reader, status, brand=self.workspace.brand.name, me=self.me,
            now=self.now, fig=figures, telling=Telling(figures), customer_id=self.customer_id, **values,
        )  # fmt: skip

    def done(self, what: str) -> Response:
        """Back to the customer's page, which says what was done."""
        return RedirectResponse(f"{self.path}?done={what}", 303)


Shown = Callable[[Visit], Awaitable[Response]]
Done = Callable[[Visit, Form], Awaitable[Response]]


@dataclass(frozen=True, slots=True)
class Room:
    """What the pages need: the store, the clock, who may come in, whom to wake, and how codes are signed."""

    store: Store
    clock: Clock
    wakeup: Wakeup
    guard: Guard
    secret: str

    def signer(self, purpose: str) -> Signer:
        """Signs tokens for ``purpose``."""
        return Signer(self.secret, purpose)

    async def visit(self, request: Request, me: SignedIn) -> Visit | Response:
        """The request with its customer; else where the customer is now, or that there is none."""
        workspace = await self.guard.workspace()
        reader = reader_of(me, workspace.zone)
        wanted = request.path_params["id"]
        async with self.store.read() as connection:
            there = is_id(wanted) and wanted < ANONYMOUS
            found = there and await connection.scalar(select(_CUSTOMERS.c.id).where(_CUSTOMERS.c.id == wanted))
            became = await survivor_of(connection, wanted) if there and not found else wanted
        if found:
            return Visit(request, me, reader, workspace, wanted, self.clock.now())
        if became != wanted:
            return RedirectResponse(f"/desk/customers/{became}", 303)
        return page("lost.html", reader, 404, brand=workspace.brand.name, why="customers_lost", room="inbox")

    def shown(self, shown: Shown) -> Callable[[Request, SignedIn], Awaitable[Response]]:
        """A page about a customer who is there."""

        async def answered(request: Request, me: SignedIn) -> Response:
            visit = await self.visit(request, me)
            return await shown(visit) if isinstance(visit, Visit) else visit

        return answered

    def acted(self, act: Done, again: Callable[[Visit, str, Form], Awaitable[Response]]) -> Any:
        """A form about a customer; what is refused is said on the page that ``again`` gives, with what was written."""

        async def answered(request: Request, me: SignedIn) -> Response:
            visit = await self.visit(request, me)
            if not isinstance(visit, Visit):
                return visit
            async with request.form(max_files=0, max_fields=MAX_FIELDS) as form:
                given = {
                    name: value[:LONGEST_FIELD] for name, value in form.multi_items() if isinstance(value, str)
                }  # fmt: skip
            try:
                return await act(visit, given)
            except CannotBe as refused:
                return await again(visit, refused.said_to(visit.reader), given)
            except Refused as refused:
                return await again(visit, str(refused), given)

        return answered
