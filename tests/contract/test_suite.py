"""The suite itself: adapters that misbehave, each in one way, fail the test that is there for it."""

import asyncio
import inspect
import subprocess
import sys
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from otklik.contract import (
    DROP,
    DROPPED,
    FAULT,
    MESSAGE_ID,
    SILENCE,
    SILENT,
    UNKNOWN,
    ChannelContract,
    Driver,
    Fact,
    Http,
    Running,
    accepted,
    closed_port,
    http_server,
    permanent,
    transient,
)
from otklik.plugin import (
    Address,
    Capabilities,
    ChannelFault,
    ConfigurationError,
    OutboundMessage,
    PermanentFailure,
    PermanentKind,
    Purpose,
    Receipt,
    SendFailure,
    TransientFailure,
    UnknownOutcome,
    never_left,
    read_settings,
)


@dataclass(frozen=True, slots=True)
class PagerSettings:
    account: str
    url: str
    key: str = field(repr=False)
    timeout: float = 5.0


class Pager:
    """Does everything right. Each way of doing it wrong is a subclass below."""

    kind = "pager"
    attempts = 1

    def __init__(self, settings: PagerSettings) -> None:
        self.settings = settings
        self.client: aiohttp.ClientSession | None = None
        self.capabilities = Capabilities(channel=self.kind, text_limit=200, sessions=2)

    @property
    def account(self) -> str:
        return self.settings.account

    async def open(self) -> None:
        self.client = aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(self.settings.timeout))

    async def send(self, message: OutboundMessage) -> Receipt:
        body = self.render(message)
        try:
            status, text = await self.post(body)
        except (aiohttp.ClientError, TimeoutError) as error:
            if never_left(error):
                raise TransientFailure("no connection") from None
            raise UnknownOutcome("no answer") from None
        if status == 200:
            return Receipt(text)
        raise {
            401: ChannelFault("the key is wrong"),
            422: PermanentFailure(PermanentKind.CONTENT_REFUSED, "refused"),
            429: TransientFailure("too many", retry_after=7),
        }[status]

    async def post(self, body: str) -> tuple[int, str]:
        assert self.client is not None
        async with self.client.post(self.settings.url, data=body.encode()) as answer:
            return answer.status, await answer.text()

    def render(self, message: OutboundMessage) -> str:
        if message.buttons or message.attachments:
            raise PermanentFailure(PermanentKind.UNSUPPORTED, "text only")
        if len(message.text) > self.capabilities.text_limit:
            raise PermanentFailure(PermanentKind.CONTENT_REFUSED, "too long")
        return message.text

    async def check(self) -> str:
        try:
            await self.post("")
        except aiohttp.ClientError:
            raise ConfigurationError("url: nobody answers there") from None
        return "it answers"

    async def close(self) -> None:
        if self.client is not None:
            await self.client.close()


class TriesAgain(Pager):
    async def send(self, message: OutboundMessage) -> Receipt:
        try:
            return await super().send(message)
        except UnknownOutcome:
            return await super().send(message)


class GuessesUnsent(Pager):
    async def send(self, message: OutboundMessage) -> Receipt:
        try:
            return await super().send(message)
        except UnknownOutcome:
            raise TransientFailure("surely not") from None


class CutsTexts(Pager):
    def render(self, message: OutboundMessage) -> str:
        return super().render(replace(message, text=message.text[:200]))


class DropsButtons(Pager):
    def render(self, message: OutboundMessage) -> str:
        return super().render(replace(message, buttons=()))


class DropsFiles(Pager):
    def render(self, message: OutboundMessage) -> str:
        return super().render(replace(message, attachments=()))


class Talks(Pager):
    def __repr__(self) -> str:
        return f"Talks({self.settings.key})"


class StaysOpen(Pager):
    async def close(self) -> None:
        """Forgets its client."""
        assert self.client is not None
        _LEFT.append(self.client)


class WorksOn(Pager):
    async def post(self, body: str) -> tuple[int, str]:
        return await asyncio.shield(asyncio.ensure_future(super().post(body)))

    async def close(self) -> None:
        _LEFT.append(self.client)


class ClosesOnce(Pager):
    async def close(self) -> None:
        assert self.client is not None, "not open"
        await self.client.close()
        self.client = None


class WritesHeaders(Pager):
    def render(self, message: OutboundMessage) -> str:
        return f"To: {message.to.value}\n\n{super().render(message)}"


_LEFT: list[Any] = []


class PagerDriver(Driver):
    kind = "pager"
    message = OutboundMessage(MESSAGE_ID, Address("pager", "anna"), Purpose.MARKETING, "Still interested?")
    secrets = ("the-key-of-a-test",)
    facts = (
        Fact("accepted", Http(200, "pg-1"), accepted("pg-1")),
        Fact("throttled", Http(429), transient(7)),
        Fact(SILENT, SILENCE, UNKNOWN),
        Fact(DROPPED, DROP, UNKNOWN),
        Fact("wrong credentials", Http(401), FAULT),
        Fact("content refused", Http(422), permanent(PermanentKind.CONTENT_REFUSED)),
    )

    def __init__(self, kind: type[Pager] = Pager) -> None:
        self._kind = kind

    def adapter(self, options: Any) -> Any:
        return self._kind(read_settings(PagerSettings, "one", options))

    def _options(self, url: str) -> dict[str, object]:
        return {"url": url, "key": self.secrets[0], "timeout": 0.3}

    def unreachable(self) -> dict[str, object]:
        return self._options(f"http://127.0.0.1:{closed_port()}")

    @asynccontextmanager
    async def provider(self, script: Http) -> AsyncIterator[Running]:
        async with http_server(script) as server:
            yield server.running(self._options(server.url))


BREACHES: list[tuple[type[Pager], str, dict[str, Any]]] = [
    (TriesAgain, "test_each_answer_has_its_outcome", {"fact": DROPPED}),
    (GuessesUnsent, "test_each_answer_has_its_outcome", {"fact": SILENT}),
    (CutsTexts, "test_a_text_over_the_limit_is_refused_or_split_never_cut", {"letter": "w"}),
    (DropsButtons, "test_buttons_are_carried_or_refused", {}),
    (DropsFiles, "test_attachments_are_carried_or_refused", {}),
    (Talks, "test_secrets_stay_inside", {}),
    (StaysOpen, "test_closing_ends_every_connection", {}),
    (WorksOn, "test_a_cancelled_send_leaves_no_task_and_no_connection", {}),
    (ClosesOnce, "test_closing_twice_or_unopened_is_no_error", {}),
    (WritesHeaders, "test_a_line_break_in_a_field_starts_no_line_of_its_own", {"field": "address"}),
]


def _test(driver: PagerDriver, name: str, given: dict[str, Any]) -> Callable[[], Awaitable[None]]:
    case = ChannelContract()
    case.driver = driver
    if "fact" in given:
        given = {"fact": driver.fact(given["fact"])}
    return lambda: getattr(case, name)(**given)


@pytest.fixture(autouse=True)
async def _nothing_left() -> AsyncIterator[None]:
    yield
    while _LEFT:
        await _LEFT.pop().close()


@pytest.mark.parametrize(("breach", "name", "given"), BREACHES, ids=lambda value: getattr(value, "__name__", ""))
async def test_a_breach_is_seen(
    breach: type[Pager], name: str, given: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    await _test(PagerDriver(), name, given)()
    monkeypatch.setattr("otklik.contract.suite.DEADLINE", 0.5)  # what never comes about is not waited for
    with pytest.raises((AssertionError, SendFailure, pytest.fail.Exception)):
        await _test(PagerDriver(breach), name, given)()


def test_a_driver_that_leaves_out_a_fact_is_seen() -> None:
    class Forgetful(PagerDriver):
        facts = PagerDriver.facts[1:]

    case = ChannelContract()
    case.driver = Forgetful()
    with pytest.raises(AssertionError):
        case.test_the_driver_shows_what_every_driver_must()


GOES_ELSEWHERE = """
import socket

def test_it(loopback_only):
    try:
        socket.create_connection(("192.0.2.1", 9), 1)
    except OSError:
        pass
"""


def test_going_elsewhere_is_seen(tmp_path: Path) -> None:
    """The guard of the plugin stops a connection to anywhere but this machine, and fails the test."""
    (tmp_path / "test_it.py").write_text(GOES_ELSEWHERE)
    command = [sys.executable, "-m", "pytest", "-p", "no:cacheprovider", "test_it.py"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False, timeout=240)
    assert "1 passed, 1 error" in done.stdout
    assert "not go where its settings lead, but to 192.0.2.1" in done.stdout


def test_every_part_is_in_the_whole() -> None:
    names = {name for name, _ in inspect.getmembers(ChannelContract, inspect.isfunction) if name.startswith("test_")}
    assert {name for _, name, _ in BREACHES} <= names
