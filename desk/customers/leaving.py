"""What leaves with a customer: everything that is held about them as a file, and the customer for good."""

from collections.abc import Awaitable, Callable
from importlib.metadata import version

from starlette.responses import Response
from starlette.routing import Route

from campaigns.customers.card import everything_held
from campaigns.customers.erasing import erase_customer
from core.agents import Role
from desk.customers.card import Card, card_of
from desk.customers.changing import note_export
from desk.customers.refusing import CannotBe
from desk.customers.room import Form, Room, Visit
from desk.rendering import HEADERS


class Leaving:
    """Marketers may hand out what is held; admins may erase."""

    def __init__(self, room: Room, again: Callable[[Visit, str, Form], Awaitable[Response]]) -> None:
        self._room, self._again = room, again

    def routes(self) -> list[Route]:
        """Paths below ``/desk``."""
        may, room = self._room.guard.page, self._room
        return [
            Route("/customers/{id}/export", may(room.acted(self._export, self._again), Role.MARKETER),
                  methods=["POST"]),
            Route("/customers/{id}/erase", may(room.shown(self._sure), Role.ADMIN), methods=["GET"]),
            Route("/customers/{id}/erase", may(room.acted(self._erase, self._refused), Role.ADMIN), methods=["POST"]),
        ]  # fmt: skip

    async def _export(self, visit: Visit, given: Form) -> Response:
        """The file that ``otklik customer export`` gives."""
        import orjson

        async with self._room.store.write() as connection:
            await note_export(connection, visit.customer_id, visit.actor, visit.now)
        async with self._room.store.read() as connection:
            held = await everything_held(connection, visit.customer_id)
        told = {"exported_at": visit.now.isoformat(), "otklik": version("otklik"), "held": held}
        named = {"content-disposition": f'attachment; filename="customer-{visit.customer_id}.json"'}
        content = orjson.dumps(told, option=orjson.OPT_INDENT_2)
        return Response(content, 200, {**HEADERS, **named}, media_type="application/json")

    async def _sure(self, visit: Visit) -> Response:
        return await self._refused(visit, "", {}, 200)

    async def _refused(self, visit: Visit, problem: str, given: Form, status: int = 422) -> Response:
        """The question before: what goes and what stays."""
        async with self._room.store.read() as connection:
            card = await card_of(connection, visit.customer_id, visit.now)
            held = await everything_held(connection, visit.customer_id)
        rows = sum(map(len, held.values()))
        return visit.page("erase", status, card=card, rows=rows, word=word_of(card), problem=problem)

    async def _erase(self, visit: Visit, given: Form) -> Response:
        async with self._room.store.read() as connection:
            card = await card_of(connection, visit.customer_id, visit.now)
        if " ".join(given.get("word", "").split()) != word_of(card):
            raise CannotBe("erase_word", word=word_of(card))
        done = await erase_customer(self._room.store, visit.customer_id, visit.actor, visit.now)
        return visit.page("erased", done=done)


def word_of(card: Card) -> str:
    """What somebody types who means it: whom they erase."""
    return " ".join((card.name or card.external_id or card.id[-6:]).split())
