"""Two that may be one: the likely pairs, making them one with a question before, and making them two again."""

from collections.abc import Awaitable, Callable

from sqlalchemy.ext.asyncio import AsyncConnection
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import Route

from campaigns.customers.duplicates import keep_distinct, likely_duplicates
from campaigns.customers.merging import merge_customers
from campaigns.customers.unmerging import undo_merge
from campaigns.reporting.story import find_customer
from core.agents import Role
from core.errors import Refused
from core.ids import is_id
from desk.access.sessions import SignedIn
from desk.campaigns.figures import Figures
from desk.customers.card import card_of
from desk.customers.refusing import CannotBe
from desk.customers.room import Form, Room, Visit
from desk.customers.telling import Telling
from desk.guard import reader_of
from desk.rendering import page

SHOWN = 50
SOURCE = "desk"


class Pairs:
    """For marketers and admins."""

    def __init__(self, room: Room, again: Callable[[Visit, str, Form], Awaitable[Response]]) -> None:
        self._room, self._again = room, again

    def routes(self) -> list[Route]:
        """Paths below ``/desk``."""
        may, room = self._room.guard.page, self._room
        acts = {"merge": self._merge, "unmerge": self._unmerge, "distinct": self._distinct}
        return [
            Route("/customers/likely", may(self._likely, Role.MARKETER), methods=["GET"]),
            Route("/customers/{id}/merge", may(room.shown(self._sure), Role.MARKETER), methods=["GET"]),
            *(
                Route(f"/customers/{{id}}/{name}", may(room.acted(act, self._again), Role.MARKETER), methods=["POST"])
                for name, act in acts.items()
            ),
        ]

    async def _likely(self, request: Request, me: SignedIn) -> Response:
        """Everybody who may be there twice; it reads every customer's name and takes its time."""
        workspace = await self._room.guard.workspace()
        reader = reader_of(me, workspace.zone)
        async with self._room.store.read() as connection:
            found = await likely_duplicates(connection, limit=SHOWN)
        figures = Figures(reader)
        return page(
            "customers/likely.html", reader, brand=workspace.brand.name, me=me, found=found, fig=figures,
            telling=Telling(figures), now=self._room.clock.now(),
        )  # fmt: skip

    async def _sure(self, visit: Visit) -> Response:
        """The question before: what would be joined, and what would end. It does it all and takes it back."""
        wanted = visit.request.query_params.get("with", "").strip()
        try:
            async with self._room.store.read() as connection:
                other_id = await _found(connection, wanted)
                card = await card_of(connection, visit.customer_id, visit.now)
                other = await card_of(connection, other_id, visit.now)
            would = await merge_customers(
                self._room.store, other_id, visit.customer_id, visit.actor, visit.now, source=SOURCE, rehearse=True
            )
        except CannotBe as refused:
            return await self._again(visit, refused.said_to(visit.reader), {"with": wanted})
        except Refused as refused:
            return await self._again(visit, str(refused), {"with": wanted})
        return visit.page("merge", card=card, other=other, would=would)

    async def _merge(self, visit: Visit, given: Form) -> Response:
        other = given.get("other", "")
        if not is_id(other):
            raise CannotBe("nobody", wanted=other)
        done = await merge_customers(self._room.store, other, visit.customer_id, visit.actor, visit.now, source=SOURCE)
        return RedirectResponse(f"{visit.path}?done=merge&merge={done.id}", 303)

    async def _unmerge(self, visit: Visit, given: Form) -> Response:
        merge = given.get("merge", "")
        if not is_id(merge):
            raise CannotBe("no_merge")
        await undo_merge(self._room.store, merge, visit.actor, visit.now)
        return visit.done("unmerge")

    async def _distinct(self, visit: Visit, given: Form) -> Response:
        other = given.get("other", "")
        if not is_id(other):
            raise CannotBe("nobody", wanted=other)
        async with self._room.store.write() as connection:
            await keep_distinct(connection, visit.customer_id, other, visit.actor, visit.now)
        return RedirectResponse("/desk/customers/likely", 303) if given.get("back") else visit.done("distinct")


async def _found(connection: AsyncConnection, wanted: str) -> str:
    try:
        return await find_customer(connection, wanted)
    except Refused:
        raise CannotBe("nobody", wanted=wanted) from None
