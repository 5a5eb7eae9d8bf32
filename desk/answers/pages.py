"""The room of answers: what was asked in vain, where to write it, how often answers helped, and a question to try."""

from datetime import datetime, timedelta

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from bot.answers.index import THRESHOLD
from bot.answers.live import LiveAnswers
from bot.answers.looking import Finding, look_up
from bot.answers.unanswered import tallies, unanswered
from campaigns.periods import zone_named
from campaigns.templates.localised import local_date
from core.agents import Role
from core.clock import Clock
from core.formatting import plain
from core.marks import parsed
from desk.access.sessions import SignedIn
from desk.answers.writing import draft
from desk.guard import Guard, reader_of
from desk.rendering import page
from storage.store import Store

SPANS = (7, 30, 90, 365)
USUAL_SPAN = 30
"""Days to look back."""
LANGUAGES = ("en", "ru", "fa")
MOST, LONGEST = 100, 300


class AnswerPages:
    """For marketers: read here, written in the workspace's files (``can_write``: those can be edited on the desk)."""

    def __init__(self, store: Store, clock: Clock, guard: Guard, *, can_write: bool = False) -> None:
        self._store = store
        self._can_write = can_write
        self._clock = clock
        self._guard = guard
        self._live = LiveAnswers()

    def routes(self) -> list[Route]:
        """Paths below ``/desk``."""
        return [Route("/answers", self._guard.page(self._show, Role.MARKETER), methods=["GET"])]

    async def _show(self, request: Request, me: SignedIn) -> Response:
        workspace, given = await self._guard.workspace(), request.query_params
        days = next((span for span in SPANS if str(span) == given.get("days")), USUAL_SPAN)
        language = given.get("language", "") if given.get("language") in LANGUAGES else ""
        since = self._clock.now() - timedelta(days=days)
        index = await self._live.refresh(self._store)
        async with self._store.read() as connection:
            asked = await unanswered(connection, since, language=language, limit=MOST)
            said = await tallies(connection, since)
        known = {one.key: one for one in index.answers}
        question = given.get("q", "").strip()[:LONGEST]
        reader = reader_of(me, workspace.zone)

        def day(at: datetime) -> str:
            return local_date(at.astimezone(zone_named(reader.zone)).date(), reader.locale)

        return page(
            "answers/page.html", reader, brand=workspace.brand.name, me=me, day=day,
            days=days, spans=SPANS, language=language, languages=LANGUAGES, answers=known, most=MOST,
            asked=[(one, draft(one, index.answers, workspace.locale)) for one in asked],
            tallies={one.answer: one for one in said}, silent=sorted(known.keys() - {one.answer for one in said}),
            question=question, finding=look_up(index, question, me.locale) if question else None,
            may_write=self._can_write, topics=sorted({one.topic for one in index.answers}),
            words=told, sure=round(100 * THRESHOLD),
        )  # fmt: skip


def told(finding: Finding) -> str:
    """What would be said."""
    return plain(parsed(finding.best.body)) if finding.best is not None else ""
