"""The customer's page: the card, the timeline, the story of a campaign, and the forms that change something."""

from collections.abc import Mapping
from typing import Any

from starlette.requests import Request
from starlette.responses import HTMLResponse, RedirectResponse, Response
from starlette.routing import Route

from bot.context import REPLY, START, Context
from bot.proofs import ask_for_proof
from campaigns.composing.links import CHOICE
from campaigns.customers.resembling import resembling
from core.agents import Role
from core.clock import Clock
from core.errors import Refused
from core.ids import is_id
from core.messages import EMAIL, SMS
from core.wakeup import Wakeup
from core.wakeup import outbox as outbox_topic
from desk.access.sessions import SignedIn
from desk.campaigns.figures import Figures
from desk.customers import changing
from desk.customers.card import card_of
from desk.customers.changing import Spoken, change_fields, filled, note_consent
from desk.customers.journeys import campaign_names, told
from desk.customers.leaving import Leaving
from desk.customers.pairs import Pairs
from desk.customers.refusing import CannotBe
from desk.customers.room import Form, Room, Visit
from desk.customers.telling import Telling
from desk.customers.timeline import Filters, Kind, cursor_of, timeline
from desk.guard import Guard
from desk.rendering import HEADERS, rendered
from storage.store import Store

DONE = frozenset({"fields", "tag", "consent", "proof", "proof_already", "merge", "unmerge", "distinct"})
"""What the page may be told was done (texts ``desk.customers_done_…``)."""


class CustomerPages:
    """Everybody on the desk may look and change fields; marketers consent and merges; admins erase."""

    def __init__(self, store: Store, clock: Clock, wakeup: Wakeup, guard: Guard, *, secret: str) -> None:
        self._room = Room(store, clock, wakeup, guard, secret)

    def routes(self) -> list[Route]:
        """Paths below ``/desk``."""
        room = self._room
        may, shown = room.guard.page, room.shown
        acts: Mapping[str, tuple[Any, Role]] = {
            "fields": (self._fields, Role.AGENT), "tag": (self._tag, Role.AGENT), "untag": (self._untag, Role.AGENT),
            "proof": (self._proof, Role.AGENT), "consent": (self._consent, Role.MARKETER),
        }  # fmt: skip
        return [
            Route("/customers", may(self._to_the_search), methods=["GET"]),
            *Pairs(room, self.again).routes(),
            *Leaving(room, self.again).routes(),
            Route("/customers/{id}", may(shown(self._page)), methods=["GET"]),
            Route("/customers/{id}/why", may(shown(self._why)), methods=["GET"]),
            Route("/customers/{id}/why/{campaign}", may(shown(self._why)), methods=["GET"]),
            *(
                Route(f"/customers/{{id}}/{name}", may(room.acted(act, self.again), role), methods=["POST"])
                for name, (act, role) in acts.items()
            ),
        ]

    async def _to_the_search(self, request: Request, me: SignedIn) -> Response:
        return RedirectResponse("/desk/search", 303)

    async def _page(self, visit: Visit) -> Response:
        if visit.request.headers.get("x-desk") == "part":
            return await self._older(visit)
        return await self.again(visit, "", {}, 200)

    async def again(self, visit: Visit, problem: str, given: Form, status: int = 422) -> Response:
        """The whole page; ``problem`` is what was refused, ``given`` what stood in the form then."""
        asked = visit.request.query_params
        filters, before = _filters(visit), cursor_of(asked.get("before", ""))
        async with self._room.store.read() as connection:
            card = await card_of(connection, visit.customer_id, visit.now)
            happened = await timeline(connection, visit.customer_id, filters, before)
            alike = await resembling(connection, visit.customer_id) if visit.me.role.allows(Role.MARKETER) else []
            campaigns = await campaign_names(connection)
        done = asked.get("done", "")
        return visit.page(
            "page", status, card=card, timeline=happened, filters=filters, kinds=Kind, before=before, alike=alike,
            campaigns=campaigns, problem=problem, given=given, done=done if done in DONE and not problem else "",
            undo=asked.get("merge", "") if is_id(asked.get("merge", "")) else "",
            channels=sorted({one.channel for one in card.places}),
        )  # fmt: skip

    async def _older(self, visit: Visit) -> Response:
        """The next page of the timeline, for the script that puts it below the one that is there."""
        filters, before = _filters(visit), cursor_of(visit.request.query_params.get("before", ""))
        async with self._room.store.read() as connection:
            happened = await timeline(connection, visit.customer_id, filters, before)
        telling = Telling(Figures(visit.reader))
        html = rendered(
            "customers/timeline.html", visit.reader, timeline=happened, filters=filters, telling=telling,
            customer_id=visit.customer_id,
        )  # fmt: skip
        return HTMLResponse(html, 200, dict(HEADERS))

    async def _why(self, visit: Visit) -> Response:
        """What a campaign did for the customer, and what it did not, and why."""
        name = visit.request.path_params.get("campaign") or visit.request.query_params.get("campaign", "")
        async with self._room.store.read() as connection:
            card = await card_of(connection, visit.customer_id, visit.now)
            campaigns = await campaign_names(connection)
            try:
                story = await told(connection, visit.customer_id, name)
            except Refused:
                story = None
        return visit.page("why", 200 if story else 404, card=card, campaigns=campaigns, story=story, name=name)

    async def _fields(self, visit: Visit, given: Form) -> Response:
        read = filled(given)
        if read.wrong:
            names = [visit.reader.say(f"customers_field_{name}") for name in read.wrong]
            raise CannotBe("wrong_fields", fields=", ".join(names))
        async with self._room.store.write() as connection:
            await change_fields(connection, visit.customer_id, read.fields, visit.actor, visit.now)
        return visit.done("fields")

    async def _tag(self, visit: Visit, given: Form) -> Response:
        async with self._room.store.write() as connection:
            await changing.tag(connection, visit.customer_id, given.get("tag", ""), visit.actor, visit.now)
        return visit.done("tag")

    async def _untag(self, visit: Visit, given: Form) -> Response:
        async with self._room.store.write() as connection:
            await changing.untag(connection, visit.customer_id, given.get("tag", ""), visit.actor, visit.now)
        return visit.done("tag")

    async def _consent(self, visit: Visit, given: Form) -> Response:
        identity = given.get("identity", "")
        if given.get("said") not in ("yes", "no"):
            raise CannotBe("consent_which")
        said = Spoken(
            given["said"] == "yes", identity if is_id(identity) else "", given.get("source", ""),
            given.get("wording", ""),
        )  # fmt: skip
        async with self._room.store.write() as connection:
            await note_consent(connection, visit.customer_id, said, visit.actor, visit.now)
        return visit.done("consent")

    async def _proof(self, visit: Visit, given: Form) -> Response:
        """Send a code to an address that the customer says is theirs: they say it in the chat."""
        address = given.get("address", "").strip()
        channel = EMAIL if "@" in address else SMS
        signer = self._room.signer
        context = Context(visit.workspace, visit.now, visit.now, signer(REPLY), signer(START), signer(CHOICE))
        async with self._room.store.write() as connection:
            asked = await ask_for_proof(connection, visit.customer_id, channel, address, context)
        if asked.outcome in ("bad_address", "too_many"):
            raise CannotBe(f"proof_{asked.outcome}")
        self._room.wakeup.notify(outbox_topic(channel))
        return visit.done("proof" if asked.outcome == "sent" else "proof_already")


def _filters(visit: Visit) -> Filters:
    asked = visit.request.query_params
    kind = asked.get("kind", "")
    return Filters(Kind(kind) if kind in set(Kind) else None, asked.get("channel", "")[:40])
