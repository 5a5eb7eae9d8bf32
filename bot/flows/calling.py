"""Webhooks of flows: one signed POST within its time-out; what comes back moves the run on, and so does a failure."""

import asyncio
from typing import TYPE_CHECKING, Any

import orjson
import structlog

from bot.flows.carrying import Answers, no_answers
from bot.flows.effects import Called
from bot.flows.running import resume
from campaigns.running.calling import signature
from campaigns.running.commands import Finish, OpenCommand
from campaigns.templates.sandbox import plain_data
from core.clock import Clock, machine_now
from storage.intake import storable
from storage.store import Store

if TYPE_CHECKING:
    from aiohttp import ClientSession

log = structlog.get_logger(__name__)

LONGEST_ANSWER = 64_000
"""Bytes of what comes back."""


class FlowCaller:
    """Carries out ``flow_webhook`` commands. A call may come twice, with the same ``webhook-id``, after a crash."""

    def __init__(self, store: Store, clock: Clock, secret: str, *, answers: Answers = no_answers) -> None:
        self._store = store
        self._clock = clock
        self._secret = secret
        self._answers = answers
        self._session: ClientSession | None = None

    async def __call__(self, command: OpenCommand, finish: Finish) -> None:
        """POST once, and let the flow go on by what came of it."""
        told = command.payload
        ok, data = await self._answer(command)
        signal = Called(str(told["step"]), ok, data)
        async with self._store.write() as connection:
            await resume(connection, str(told["run_id"]), signal, self._clock.now(), answers=self._answers)
            await finish(connection)

    async def _answer(self, command: OpenCommand) -> tuple[bool, Any]:
        from aiohttp import ClientError

        url = str(command.payload["url"])
        try:
            async with asyncio.timeout(float(command.payload["seconds"])):
                return True, await self._post(command, url)
        except (TimeoutError, ClientError, OSError, ValueError, TypeError) as error:
            why = str(error) or type(error).__name__
            log.warning("a flow's webhook failed", flow=command.payload["flow"], url=url, error=why[:300])
            return False, None

    async def _post(self, command: OpenCommand, url: str) -> Any:
        told, at = command.payload, machine_now()
        content = {
            "type": "flow.step",
            "timestamp": self._clock.now().isoformat(),
            "data": {
                "flow": told["flow"], "step": told["step"], "run": told["run_id"],
                "customer": {"id": told["customer_id"]}, **dict(told.get("data") or {}),
            },
        }  # fmt: skip
        body = orjson.dumps(content)
        headers = {
            "content-type": "application/json",
            "webhook-id": command.id,
            "webhook-timestamp": str(int(at.timestamp())),
            "webhook-signature": signature(self._secret, command.id, at, body),
        }
        async with self._http().post(url, data=body, headers=headers, allow_redirects=False) as answer:
            said = await answer.content.read(LONGEST_ANSWER + 1)
            if not 200 <= answer.status < 300:
                raise ValueError(f"answered {answer.status}")
            if len(said) > LONGEST_ANSWER:
                raise ValueError(f"answered more than {LONGEST_ANSWER} bytes")
            return plain_data(storable(orjson.loads(said))) if said.strip() else {}

    def _http(self) -> "ClientSession":
        from aiohttp import ClientSession, ClientTimeout

        if self._session is None:
            self._session = ClientSession(timeout=ClientTimeout(total=None))
        return self._session

    async def close(self) -> None:
        """End open connections."""
        if self._session is not None:
            await self._session.close()
