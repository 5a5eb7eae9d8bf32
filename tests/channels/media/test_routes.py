"""``GET /media/{token}``: one file for a day, to whoever has its signed address, and nothing else."""

import hashlib
from datetime import timedelta

import pytest
from fastapi import FastAPI

from channels.media.links import LIFE, MEDIA, MediaLinks
from channels.media.routes import File, media_router
from channels.tracking import CLICK
from core.clock import machine_now
from core.errors import StoreUnavailable
from core.messages import Attachment
from core.tokens import Signer
from tests.channels.asgi import Answer, call

SECRET = "a secret of a test"
CONTENT = b"\xff\xd8picture"
DIGEST = hashlib.sha256(CONTENT).hexdigest()
LINKS = MediaLinks(SECRET, "https://shop.example/")
ATTACHMENT = Attachment("a.jpg", "image/jpeg", len(CONTENT), blob=DIGEST)


class Kept:
    def __init__(self, media_type: str = "image/jpeg", *, away: bool = False) -> None:
        self.media_type, self.away, self.asked = media_type, away, 0

    async def file(self, digest: str, largest: int) -> File | None:
        self.asked += 1
        if self.away:
            raise StoreUnavailable("away")
        return File(CONTENT, self.media_type) if digest == DIGEST and largest >= len(CONTENT) else None


async def ask(token: str, kept: Kept | None = None, method: str = "GET") -> Answer:
    application = FastAPI()
    application.include_router(media_router(kept or Kept(), SECRET))
    return await call(application, method, f"/media/{token}")


async def test_the_file_comes_as_what_it_is_and_runs_nowhere() -> None:
    url = LINKS.url(ATTACHMENT)
    assert url.startswith("https://shop.example/media/")
    answer = await ask(url.rpartition("/")[2])
    assert (answer.status, answer.body, answer.headers["content-type"]) == (200, CONTENT, "image/jpeg")
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert answer.headers["content-disposition"] == "attachment"
    assert (await ask(url.rpartition("/")[2], method="HEAD")).status == 200


async def test_a_reader_has_a_file_for_months_under_its_name() -> None:
    url = LINKS.readers_url(Attachment("the list/1.jpg", "image/jpeg", len(CONTENT), blob=DIGEST))
    path = url.removeprefix("https://shop.example/media/")
    assert path.endswith("/the%20list%2F1.jpg")
    assert url == LINKS.readers_url(Attachment("the list/1.jpg", "image/jpeg", len(CONTENT), blob=DIGEST))
    token = path.partition("/")[0]
    assert (await ask(f"{token}/list.jpg")).body == CONTENT
    assert (await ask(f"{LINKS.token(DIGEST, machine_now() - LIFE)}/list.jpg")).status == 404
    assert int(token[64:72], 16) - machine_now().timestamp() > 89 * 86_400


@pytest.mark.parametrize("kind", ["text/html", "image/svg+xml", "application/javascript", ""])
async def test_what_a_browser_would_run_goes_out_as_bytes(kind: str) -> None:
    answer = await ask(LINKS.token(DIGEST, machine_now() + LIFE), Kept(kind))
    assert answer.headers["content-type"] == "application/octet-stream"


def _tokens() -> dict[str, str]:
    good = LINKS.token(DIGEST, machine_now() + LIFE)
    payload = good[:72]
    return {
        "ended": LINKS.token(DIGEST, machine_now() - timedelta(seconds=2)),
        "prolonged": payload[:64] + "ffffffff" + good[72:],
        "of another file": "0" * 64 + good[64:],
        "unsigned": payload,
        "of another purpose": Signer(SECRET, CLICK).sign(payload),
        "of another secret": Signer("another", MEDIA).sign(payload),
        "too short": Signer(SECRET, MEDIA).sign(DIGEST),
        "another word": "x",
    }


@pytest.mark.parametrize("what", _tokens())
async def test_other_tokens_are_worth_nothing_and_ask_nobody(what: str) -> None:
    kept = Kept()
    assert (await ask(_tokens()[what], kept)).status == 404
    assert kept.asked == 0


async def test_a_file_that_is_gone_is_404_and_a_store_that_is_away_503() -> None:
    assert (await ask(LINKS.token("0" * 64, machine_now() + LIFE))).status == 404
    assert (await ask(LINKS.token(DIGEST, machine_now() + LIFE), Kept(away=True))).status == 503
