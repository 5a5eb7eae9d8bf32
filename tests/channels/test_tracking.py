"""Clicks, opens and unsubscribing: signed, safe from scanners, in the recipient's language."""

import re
from dataclasses import dataclass

import pytest
from fastapi import FastAPI

from channels.pages import LOCALES
from channels.tracking import CLICK, NOT_NOW, OPEN, UNSUBSCRIBE, tracking_router
from core.catalogue import text
from core.errors import StoreUnavailable
from core.ids import new_id
from core.tokens import Signer
from tests.channels.asgi import call

SECRET = "workspace-secret"
LINK = "0123456789"
TARGET = "https://shop.example/sale?a=1&b=%D0%B4"
ONE_CLICK = b"List-Unsubscribe=One-Click"
MULTIPART = (
    b'--x\r\nContent-Disposition: form-data; name="List-Unsubscribe"\r\n\r\nOne-Click\r\n--x--\r\n'  # RFC 8058 §8.2
)


@dataclass(frozen=True)
class Who:
    locale: str
    brand: str


class Engagement:
    """Remembers what was recorded."""

    def __init__(self, message_id: str) -> None:
        self.message_id = message_id
        self.recorded: list[tuple[object, ...]] = []
        self.who = Who("ru-RU", "Книги & <b>Ко</b>")
        self.away = False
        self.target = TARGET

    def _present(self) -> None:
        if self.away:
            raise StoreUnavailable("the database is locked")

    async def clicked(self, message_id: str, link_id: str) -> str | None:
        self._present()
        if (message_id, link_id) != (self.message_id, LINK):
            return None
        self.recorded.append(("clicked", message_id, link_id))
        return self.target

    async def opened(self, message_id: str) -> None:
        self._present()
        self.recorded.append(("opened", message_id))

    async def recipient(self, message_id: str) -> Who | None:
        self._present()
        return self.who if message_id == self.message_id else None

    async def unsubscribed(self, message_id: str, *, one_click: bool) -> None:
        self._present()
        self.recorded.append(("unsubscribed", message_id, one_click))

    async def rested(self, message_id: str) -> None:
        self._present()
        self.recorded.append(("rested", message_id))


class Healthy:
    def __init__(self) -> None:
        self.list: list[str] = []

    async def problems(self) -> list[str]:
        return self.list


@pytest.fixture
def engagement() -> Engagement:
    return Engagement(new_id())


@pytest.fixture
def health() -> Healthy:
    return Healthy()


@pytest.fixture
def application(engagement: Engagement, health: Healthy) -> FastAPI:
    application = FastAPI()
    application.include_router(tracking_router(engagement, health, secret=SECRET))
    return application


def path(purpose: str, payload: str) -> str:
    token = Signer(SECRET, purpose).sign(payload)
    return {CLICK: f"/c/{token}", OPEN: f"/o/{token}.gif", UNSUBSCRIBE: f"/u/{token}", NOT_NOW: f"/n/{token}"}[purpose]


@pytest.mark.parametrize("locale", LOCALES)
async def test_only_the_button_asks_for_quiet(application: FastAPI, engagement: Engagement, locale: str) -> None:
    engagement.who = Who(locale, "Paper Boat")
    target = path(NOT_NOW, engagement.message_id)
    asked = await call(application, "GET", target)
    assert (asked.status, engagement.recorded) == (200, [])
    assert text(locale, "page.rest_button") in asked.body.decode()
    done = await call(application, "POST", target, b"confirm=yes")
    assert (done.status, engagement.recorded) == (200, [("rested", engagement.message_id)])
    assert text(locale, "page.rested_title") in done.body.decode()
    for foreign in ("/n/" + path(UNSUBSCRIBE, engagement.message_id)[3:], "/u/" + target[3:]):
        assert (await call(application, "POST", foreign, b"")).status == 404


async def test_a_click_is_recorded_and_led_to_its_stored_target(application: FastAPI, engagement: Engagement) -> None:
    answer = await call(application, "GET", path(CLICK, engagement.message_id + LINK))
    assert (answer.status, answer.headers["location"]) == (302, TARGET)
    assert engagement.recorded == [("clicked", engagement.message_id, LINK)]
    assert answer.headers["cache-control"] == "no-store"


async def test_a_head_records_nothing(application: FastAPI, engagement: Engagement) -> None:
    for target in (
        path(CLICK, engagement.message_id + LINK),
        path(OPEN, engagement.message_id),
        path(UNSUBSCRIBE, engagement.message_id),
    ):
        answer = await call(application, "HEAD", target)
        assert (answer.status, "location" in answer.headers) == (200, False)
    assert engagement.recorded == []


async def test_tampered_links_lead_nowhere(application: FastAPI, engagement: Engagement) -> None:
    true = path(CLICK, engagement.message_id + LINK)
    for target in (
        true[:-1] + ("0" if true[-1] != "0" else "1"),
        path(CLICK, engagement.message_id + "9" * 10),
        path(CLICK, engagement.message_id),
        "/c/" + path(OPEN, engagement.message_id + LINK)[3:-4],
        true + "?url=https://evil.example/",
        "/c/x",
    ):
        answer = await call(application, "GET", target)
        if answer.status == 302:
            assert answer.headers["location"] == TARGET
        else:
            assert (answer.status, "location" in answer.headers) == (404, False)
    assert (await call(application, "GET", path(CLICK, engagement.message_id + "9" * 10))).status == 404


@pytest.mark.parametrize("target", ["javascript:alert(1)", "data:text/html,x", "//evil.example/", ""])
async def test_a_stored_target_of_another_scheme_is_not_followed(
    application: FastAPI, engagement: Engagement, target: str
) -> None:
    engagement.target = target
    answer = await call(application, "GET", path(CLICK, engagement.message_id + LINK))
    assert (answer.status, "location" in answer.headers) == (404, False)


async def test_an_open_is_recorded_and_a_forged_or_failed_one_still_shows_a_picture(
    application: FastAPI, engagement: Engagement
) -> None:
    answer = await call(application, "GET", path(OPEN, engagement.message_id))
    assert (answer.status, answer.headers["content-type"], answer.body[:6]) == (200, "image/gif", b"GIF89a")
    forged = await call(application, "GET", "/o/forged.gif")
    engagement.away = True
    failed = await call(application, "GET", path(OPEN, engagement.message_id))
    assert forged.body == failed.body == answer.body
    assert engagement.recorded == [("opened", engagement.message_id)]


async def test_a_get_only_asks(application: FastAPI, engagement: Engagement) -> None:
    answer = await call(application, "GET", path(UNSUBSCRIBE, engagement.message_id))
    assert answer.status == 200
    assert '<form method="post">' in answer.text
    assert text("ru", "page.ask_title") in answer.text
    assert engagement.recorded == []


@pytest.mark.parametrize(
    ("body", "one_click"), [(ONE_CLICK, True), (MULTIPART, True), (b"confirm=yes", False), (b"", False)]
)
async def test_a_post_unsubscribes(application: FastAPI, engagement: Engagement, body: bytes, one_click: bool) -> None:
    answer = await call(application, "POST", path(UNSUBSCRIBE, engagement.message_id), body)
    assert (answer.status, "set-cookie" in answer.headers) == (200, False)
    assert text("ru", "page.done_title") in answer.text
    assert engagement.recorded == [("unsubscribed", engagement.message_id, one_click)]


async def test_a_forged_or_foreign_token_unsubscribes_nobody(application: FastAPI, engagement: Engagement) -> None:
    for target in ("/u/" + engagement.message_id + "0" * 16, path(UNSUBSCRIBE, new_id())):
        assert (await call(application, "POST", target, ONE_CLICK)).status == 404
    foreign = Signer(SECRET, CLICK).sign(engagement.message_id)
    assert (await call(application, "POST", f"/u/{foreign}", ONE_CLICK)).status == 404
    assert engagement.recorded == []


async def test_servers_that_fold_case_do_no_harm(application: FastAPI, engagement: Engagement) -> None:
    target = "/u/" + path(UNSUBSCRIBE, engagement.message_id)[3:].upper()
    assert (await call(application, "POST", target, ONE_CLICK)).status == 200


async def test_a_large_form_is_refused(application: FastAPI, engagement: Engagement) -> None:
    answer = await call(application, "POST", path(UNSUBSCRIBE, engagement.message_id), [b"a" * 5000, b"b" * 5000])
    assert (answer.status, engagement.recorded) == (413, [])


async def test_nothing_is_claimed_while_the_store_is_away(application: FastAPI, engagement: Engagement) -> None:
    engagement.away = True
    for method, target in (
        ("GET", path(CLICK, engagement.message_id + LINK)),
        ("POST", path(UNSUBSCRIBE, engagement.message_id)),
    ):
        answer = await call(application, method, target, ONE_CLICK, {"accept-language": "fa-IR,en;q=0.5"})
        assert (answer.status, answer.headers["retry-after"]) == (503, "60")
        assert text("fa", "page.busy_title") in answer.text


@pytest.mark.parametrize(
    ("locale", "accept", "shown"),
    [
        ("fa", "ru", 'lang="fa" dir="rtl"'),
        ("ru_RU", "", 'lang="ru" dir="ltr"'),
        ("de", "", 'lang="en" dir="ltr"'),
        ("", "de-DE,ru;q=0.8,en;q=0.5", 'lang="ru" dir="ltr"'),
        ("", "", 'lang="en" dir="ltr"'),
    ],
)
async def test_pages_speak_the_recipients_language(
    application: FastAPI, engagement: Engagement, locale: str, accept: str, shown: str
) -> None:
    engagement.who = Who(locale, "Books")
    target = path(UNSUBSCRIBE, engagement.message_id)
    answer = await call(application, "GET", target, headers={"accept-language": accept} if accept else {})
    assert f"<html {shown}>" in answer.text


async def test_a_page_is_self_contained_and_escapes_the_brand(application: FastAPI, engagement: Engagement) -> None:
    answer = await call(application, "GET", path(UNSUBSCRIBE, engagement.message_id))
    assert "Книги &amp; &lt;b&gt;Ко&lt;/b&gt;" in answer.text
    assert not re.search(r"<script|src=|href=|url\(|@import", answer.text)
    assert "default-src 'none'" in answer.headers["content-security-policy"]
    assert answer.headers["referrer-policy"] == "no-referrer"


@pytest.mark.parametrize("locale", LOCALES)
@pytest.mark.parametrize("name", ["ask", "done"])
def test_pages_name_the_sender(locale: str, name: str) -> None:
    assert "Lantern" in text(locale, f"page.{name}", brand="Lantern")


async def test_health(application: FastAPI, health: Healthy) -> None:
    assert (await call(application, "GET", "/healthz")).status == 200
    health.list = ["the database is locked"]
    answer = await call(application, "GET", "/healthz")
    assert answer.status == 503
    assert "the database is locked" in answer.text
