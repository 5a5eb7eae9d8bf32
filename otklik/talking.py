"""Wiring of the bot: the answers in force, flows in time, what both ask of the outside, and what agents are told there.

What waits for somebody else's server (a flow's webhook, an endpoint that words answers) has a runner of its own, so
that nothing else waits with it.
"""

from collections.abc import Awaitable, Callable, Iterable

from sqlalchemy.ext.asyncio import AsyncConnection

from bot.answers.flows import FlowAnswers
from bot.answers.live import LiveAnswers
from bot.answers.wording import WORD_ANSWER, AnswerWording, Endpoint, Wording
from bot.context import Voice
from bot.flows.calling import FlowCaller
from bot.flows.carrying import FLOW_WEBHOOK
from bot.flows.happening import begin_by_events
from bot.flows.opened import CampaignFlows
from bot.flows.running import time_out_runs
from bot.handoff.alerting import Alerts
from bot.handoff.ownership import Request
from bot.handoff.requesting import request_person
from campaigns.engine import FLOW
from campaigns.live import workspace_config
from campaigns.running.commands import CommandRunner
from channels.telegram.adapter import TelegramAdapter
from core.actors import SYSTEM
from core.clock import Clock
from desk.search.indexing import SearchIndex
from otklik.accounts import Account
from otklik.settings import Configuration
from storage.store import Store


class Bot:
    """What the bot knows and waits for, in one process."""

    def __init__(
        self, store: Store, clock: Clock, configuration: Configuration, accounts: Iterable[Account] = ()
    ) -> None:
        self._store = store
        self._clock = clock
        self._live = LiveAnswers()
        self._answers = FlowAnswers(self._live, clock)
        settings = configuration.settings
        self._caller = FlowCaller(store, clock, configuration.secret, answers=self._answers)
        self.calling = CommandRunner(store, clock, {FLOW_WEBHOOK: self._caller})
        self.opening = CommandRunner(store, clock, {FLOW: CampaignFlows(store, clock, answers=self._answers)})
        self._wording: Wording | None = None
        self.wording: CommandRunner | None = None
        if settings.answers_url:
            endpoint = Endpoint(
                settings.answers_url, settings.answers_model, settings.answers_key, settings.answers_seconds
            )
            self._wording = Wording(endpoint)
            worded = AnswerWording(store, clock, self._live, self._wording, self._hand_over)
            self.wording = CommandRunner(store, clock, {WORD_ANSWER: worded})
        bots = (account.adapter for account in accounts if isinstance(account.adapter, TelegramAdapter))
        bot = next(bots, None)
        self.alerts = Alerts(store, clock, bot.staff(), settings.public_url) if bot is not None else None

    async def voice(self) -> Voice:
        """What it has to say now; to be asked for outside of any transaction.

        Raises:
            StoreUnavailable: the answers cannot be read.
        """
        index = await self._live.refresh(self._store)
        return Voice(index, endpoint=self.wording is not None, answers=self._answers)

    @property
    def runners(self) -> tuple[Callable[[], Awaitable[int]], ...]:
        """What calls other servers, tells agents, reads along for the search: each with its own loop."""
        calls = tuple(runner.run_once for runner in (self.opening, self.calling, self.wording) if runner is not None)
        told = (self.alerts.run_once,) if self.alerts is not None else ()
        return (*calls, *told, SearchIndex(self._store).keep_up)

    async def tick(self) -> int:
        """Let questions of flows time out, and events begin flows; gives how many runs moved."""
        timed_out = await time_out_runs(self._store, self._clock, answers=self._answers)
        return timed_out + await begin_by_events(self._store, self._clock, answers=self._answers)

    async def close(self) -> None:
        """End open connections."""
        await self._caller.close()
        if self._wording is not None:
            await self._wording.close()

    async def _hand_over(self, connection: AsyncConnection, conversation_id: str, why: str) -> None:
        config = await workspace_config(connection)
        await request_person(connection, conversation_id, Request(why), config, actor=SYSTEM, now=self._clock.now())
