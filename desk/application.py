"""The desk as one application below ``/desk``: its pages, its live line, its files."""

from collections.abc import Mapping
from urllib.parse import urlsplit

from starlette.applications import Starlette
from starlette.responses import Response
from starlette.routing import Mount, WebSocketRoute
from starlette.staticfiles import StaticFiles
from starlette.types import Scope

from core.clock import Clock
from core.wakeup import Wakeup
from desk.access.pages import Door
from desk.answers.pages import AnswerPages
from desk.campaigns.editing.answer_pages import AnswerFilePages
from desk.campaigns.editing.flow_pages import FlowPages
from desk.campaigns.editing.pages import EditorPages
from desk.campaigns.editing.workbench import Workbench
from desk.campaigns.pages import CampaignPages
from desk.campaigns.trial_pages import TrialPages
from desk.customers.pages import CustomerPages
from desk.guard import Guard
from desk.health.pages import HealthPages
from desk.inbox.pages import InboxPages
from desk.live.feed import Feed
from desk.live.socket import LivePages
from desk.me.pages import MyPages
from desk.mentions import MentionPages
from desk.rendering import STATIC
from desk.team.pages import TeamPages
from storage.store import Store

_KEPT: Mapping[str, str] = {"cache-control": "public, max-age=31536000, immutable", "x-content-type-options": "nosniff"}


class _Static(StaticFiles):
    """Files whose addresses hold a mark of their content: kept for ever."""

    async def get_response(self, path: str, scope: Scope) -> Response:
        response = await super().get_response(path, scope)
        response.headers.update(_KEPT)
        return response


def desk_application(
    store: Store,
    clock: Clock,
    wakeup: Wakeup,
    feed: Feed,
    *,
    secret: str,
    public_url: str,
    bench: Workbench | None = None,
) -> Starlette:
    """The application. ``feed`` runs beside it; links and cookies are as safe as ``public_url`` is.

    Without a ``bench`` campaigns are only looked at and steered.
    """
    guard = Guard(store, secure=urlsplit(public_url).scheme == "https")
    inbox, live = InboxPages(store, clock, wakeup, guard), LivePages(store, guard, feed)
    return Starlette(
        routes=[
            *Door(store, guard, secret).routes(),
            WebSocketRoute("/live", live.serve),
            Mount("/static", _Static(directory=STATIC)),
            *inbox.routes(),
            *CustomerPages(store, clock, wakeup, guard, secret=secret).routes(),
            *EditorPages(store, clock, wakeup, guard, bench).routes(),
            *TrialPages(store, clock, wakeup, guard, bench).routes(),
            *CampaignPages(store, clock, guard, can_write=bench is not None).routes(),
            *FlowPages(store, clock, guard, bench).routes(),
            *AnswerFilePages(store, clock, guard, bench).routes(),
            *AnswerPages(store, clock, guard, can_write=bench is not None).routes(),
            *MentionPages(store, guard).routes(),
            *HealthPages(store, clock, guard).routes(),
            *TeamPages(store, clock, wakeup, guard).routes(),
            *MyPages(store, guard, secret).routes(),
        ]
    )
