"""The team's pages: the list, one agent, and what an admin does to them. Everything works by forms."""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Any

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import Route

from campaigns.definition.desk import MAIN_QUEUE
from core.actors import Actor
from core.agents import Role
from core.catalogue import LANGUAGES
from core.clock import Clock, machine_now
from core.errors import Refused
from core.ids import is_id
from core.wakeup import DESK, Wakeup
from desk.access import account, agents
from desk.access.sessions import SignedIn
from desk.guard import Guard, reader_of
from desk.rendering import page
from desk.team.fields import MOST_CHATS, WEEKDAYS, filled, is_locale
from desk.team.listing import member, members
from storage.store import Store

LONGEST_FIELD = 400
MAX_FIELDS = 150
Act = Callable[[Request, SignedIn, Any], Awaitable[Response]]


class TeamPages:
    """For admins only."""

    def __init__(self, store: Store, clock: Clock, wakeup: Wakeup, guard: Guard) -> None:
        self._store = store
        self._clock = clock
        self._wakeup = wakeup
        self._guard = guard

    def routes(self) -> list[Route]:
        """Paths below ``/desk``."""
        acts: Mapping[str, Act] = {
            "password": self._password, "second-factor": self._second_factor, "disable": self._disable,
            "back": self._back,
        }  # fmt: skip
        return [
            Route("/team", self._guard.page(self._list, Role.ADMIN), methods=["GET"]),
            Route("/team", self._guard.page(self._add, Role.ADMIN), methods=["POST"]),
            Route("/team/{id}", self._guard.page(self._one, Role.ADMIN), methods=["GET"]),
            Route("/team/{id}", self._guard.page(self._acting(self._change), Role.ADMIN), methods=["POST"]),
            *(
                Route(f"/team/{{id}}/{name}", self._guard.page(self._acting(act), Role.ADMIN), methods=["POST"])
                for name, act in acts.items()
            ),
        ]

    async def _list(self, request: Request, me: SignedIn) -> Response:
        return await self._listed(me)

    async def _listed(self, me: SignedIn, status: int = 200, refused: str = "", given: Any = None) -> Response:
        workspace = await self._guard.workspace()
        async with self._store.read() as connection:
            found = await members(connection, workspace.zone, self._clock.now())
        return page(
            "team/list.html", reader_of(me, workspace.zone), status, brand=workspace.brand.name, me=me, members=found,
            roles=list(Role), locales=LANGUAGES, refused=refused, given=given or {},
        )  # fmt: skip

    async def _add(self, request: Request, me: SignedIn) -> Response:
        form, _ = await _fields(request)
        reader = reader_of(me, "UTC")
        role = form.get("role", "")
        locale = form.get("locale", "")
        if role not in set(Role) or not is_locale(locale) or len(form.get("name", "")) > 100:
            return await self._listed(me, 422, reader.say("team_wrong_name"), form)
        try:
            async with self._store.write() as connection:
                made = await agents.add_agent(
                    connection, form.get("email", ""), form.get("name", ""), actor=_actor(me), now=machine_now(),
                    role=Role(role), locale=locale, languages=[locale],
                )  # fmt: skip
                row = await member(connection, made)
                assert row is not None  # noqa: S101  it was just written
                lent = await agents.lend_password(connection, row.email, actor=_actor(me), now=machine_now())
        except Refused:
            return await self._listed(me, 422, reader.say("team_wrong_email"), form)
        return await self._shown(me, row, lent=lent)

    async def _one(self, request: Request, me: SignedIn) -> Response:
        row = await self._found(request)
        if row is None:
            return RedirectResponse("/desk/team", 303)
        return await self._shown(me, row, done=request.query_params.get("done", "") == "1")

    async def _change(self, request: Request, me: SignedIn, row: Any) -> Response:
        form, queues = await _fields(request)
        reader = reader_of(me, "UTC")
        given = filled(form, queues)
        if given.wrong:
            words = " ".join(reader.say(f"team_wrong_{name}") for name in given.wrong)
            return await self._shown(me, row, 422, refused=words, given=form, queues=queues)
        async with self._store.write() as connection:
            await agents.change(connection, row.email, given.columns, actor=_actor(me), now=machine_now())
        self._wakeup.notify(DESK)
        return RedirectResponse(f"/desk/team/{row.id}?done=1", 303)

    async def _password(self, request: Request, me: SignedIn, row: Any) -> Response:
        if row.disabled_at is not None:
            return RedirectResponse(f"/desk/team/{row.id}", 303)
        async with self._store.write() as connection:
            lent = await agents.lend_password(connection, row.email, actor=_actor(me), now=machine_now())
        return await self._shown(me, row, lent=lent)

    async def _second_factor(self, request: Request, me: SignedIn, row: Any) -> Response:
        async with self._store.write() as connection:
            await account.turn_off(connection, row.id, actor=_actor(me), now=machine_now())
        return RedirectResponse(f"/desk/team/{row.id}?done=1", 303)

    async def _disable(self, request: Request, me: SignedIn, row: Any) -> Response:
        async with self._store.write() as connection:
            await agents.disable(connection, row.email, actor=_actor(me), now=self._clock.now())
        self._wakeup.notify(DESK)
        return RedirectResponse(f"/desk/team/{row.id}?done=1", 303)

    async def _back(self, request: Request, me: SignedIn, row: Any) -> Response:
        async with self._store.write() as connection:
            await agents.let_back(connection, row.email, actor=_actor(me), now=machine_now())
            lent = await agents.lend_password(connection, row.email, actor=_actor(me), now=machine_now())
            row = await member(connection, row.id)
        return await self._shown(me, row, lent=lent)

    def _acting(self, act: Act) -> Callable[[Request, SignedIn], Awaitable[Response]]:
        """A form of one agent's page; what is refused is said on it."""

        async def acted(request: Request, me: SignedIn) -> Response:
            row = await self._found(request)
            if row is None:
                return RedirectResponse("/desk/team", 303)
            try:
                return await act(request, me, row)
            except agents.OnlyAdmin:
                words = reader_of(me, "UTC").say("team_only_admin")
            except agents.TelegramTaken as error:
                words = reader_of(me, "UTC").say("team_telegram_taken", name=error.name)
            return await self._shown(me, row, 409, refused=words)

        return acted

    async def _found(self, request: Request) -> Any | None:
        agent_id = request.path_params["id"]
        if not is_id(agent_id):
            return None
        async with self._store.read() as connection:
            return await member(connection, agent_id)

    async def _shown(
        self, me: SignedIn, row: Any, status: int = 200, *, refused: str = "", lent: str = "", done: bool = False,
        given: Mapping[str, str] | None = None, queues: Sequence[str] | None = None,
    ) -> Response:  # fmt: skip
        """One agent's page; ``given`` is what was typed and refused, ``lent`` a password to show once."""
        workspace = await self._guard.workspace()
        chosen = list(row.skills if queues is None else queues)
        return page(
            "team/agent.html", reader_of(me, workspace.zone), status, brand=workspace.brand.name, me=me, agent=row,
            form=_form(row) | dict(given or {}), chosen=chosen, roles=list(Role), locales=LANGUAGES,
            queues=sorted({MAIN_QUEUE, *workspace.desk.queues, *chosen}), weekdays=_weekdays(me.locale),
            most=MOST_CHATS, zone=workspace.zone, refused=refused, lent=lent, done=done,
        )  # fmt: skip


def _form(row: Any) -> dict[str, str]:
    """An agent as the form's fields."""
    shift = {
        f"{end}_{day}": times[at] for day, times in row.shift.items() for at, end in enumerate(("from", "to"))
    }  # fmt: skip
    return {
        "name": row.name, "role": row.role.value, "languages": ", ".join(row.languages), "capacity": str(row.capacity),
        "telegram": row.telegram or "", "locale": row.locale, "zone": row.zone, **shift,
    }  # fmt: skip


def _weekdays(locale: str) -> list[tuple[int, str]]:
    """Weekdays by name, in the order of the language's week; Monday is 0."""
    from babel import Locale

    spoken = Locale.parse(locale.replace("-", "_"))
    first = 5 if spoken.language == "fa" else 0  # the week begins on Saturday in Iran
    return [(day, str(spoken.days["stand-alone"]["wide"][day])) for day in (*WEEKDAYS[first:], *WEEKDAYS[:first])]


async def _fields(request: Request) -> tuple[dict[str, str], list[str]]:
    """The form's texts, and the queues that are ticked."""
    async with request.form(max_files=0, max_fields=MAX_FIELDS) as form:
        texts = {name: value[:LONGEST_FIELD] for name, value in form.items() if isinstance(value, str)}
        queues = [value[:64] for value in form.getlist("queue") if isinstance(value, str)]
    return texts, queues


def _actor(me: SignedIn) -> Actor:
    return Actor("agent", me.id)
