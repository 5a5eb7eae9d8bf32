"""The page as the server paints it: policies, escaping, languages, letters, its catalogues."""

import html
import re
from string import Formatter
from typing import Any

import aiohttp
import orjson
import pytest

from sandbox.page import STATIC, texts
from sandbox.reckoning import hue, initials
from tests.sandbox.scene import Running, running

HOSTILE = '<img src=x onerror="window.pwned=1"></script><script>window.pwned=1</script>'


async def fetch(sandbox: Running, path: str, **headers: str) -> tuple[int, str, Any]:
    async with sandbox.client.get(sandbox.url + path, headers=headers) as response:
        return response.status, await response.text(), response.headers


async def test_first_paint_tells_everything_without_scripts(sandbox: Running) -> None:
    sandbox.world.people.post(sandbox.world.people.get("anna"), "sms", "company", "Ten per cent off")
    status, page, _ = await fetch(sandbox, "/")
    assert status == 200
    body = page.partition('<script type="application/json"')[0]
    for words in ("Anna Stone", "Борис", "Ten per cent off", "10:00", "2026-12-01"):
        assert words in body


@pytest.mark.parametrize(("lang", "direction"), [("en", "ltr"), ("ru", "ltr"), ("fa", "rtl")])
async def test_language_and_direction(sandbox: Running, lang: str, direction: str) -> None:
    _, page, _ = await fetch(sandbox, f"/?lang={lang}")
    assert f'<html lang="{lang}" dir="{direction}">' in page
    assert html.escape(texts(lang)["title"], quote=False).replace("'", "&#39;") in page


async def test_default_language_is_the_option() -> None:
    async with running(lang="fa") as sandbox:
        _, page, _ = await fetch(sandbox, "/?lang=de")
        assert '<html lang="fa" dir="rtl">' in page
        assert "۱۴۰۵/۰۹/۱۰" in page


async def test_page_policy_allows_no_inline_script(sandbox: Running) -> None:
    _, page, headers = await fetch(sandbox, "/")
    policy = headers["Content-Security-Policy"]
    assert "default-src 'none'" in policy
    assert "script-src 'self'" in policy
    assert "unsafe" not in policy
    assert headers["X-Content-Type-Options"] == "nosniff"
    scripts = re.findall(r"<script\b([^>]*)>", page)
    assert all("src=" in tag or 'type="application/json"' in tag for tag in scripts)
    assert not re.search(r"\s(on\w+|style)=", page.partition('<script type="application/json"')[0])


async def test_hostile_people_stay_text() -> None:
    people = [{"key": f"k{HOSTILE}", "name": HOSTILE, "email": "h@example.org", "phone": "+12025550111", "sms": True}]
    async with running(people) as sandbox:
        person = sandbox.world.people.get(people[0]["key"])
        sandbox.world.people.post(person, "email", "company", HOSTILE, subject=HOSTILE, author=HOSTILE)
        sandbox.world.live.notice({"kind": "report", "text": HOSTILE})
        _, page, _ = await fetch(sandbox, "/")
        assert "<img" not in page
        assert "<script>window" not in page
        boot = re.search(r'<script type="application/json" id="boot">(.*?)</script>', page, re.DOTALL)
        assert boot is not None
        assert orjson.loads(boot[1])["phones"][0]["name"] == HOSTILE


async def test_phones_can_be_named_in_the_address(sandbox: Running) -> None:
    _, page, _ = await fetch(sandbox, "/?phones=dana,nobody,boris,dana")
    assert re.findall(r'class="seat" data-key="(\w+)"', page) == ["dana", "boris"]


async def test_those_with_most_to_tell_are_suggested(sandbox: Running) -> None:
    people = sandbox.world.people
    people.post(people.get("chloe"), "sms", "company", "Hello")
    for channel in ("email", "sms"):
        people.post(people.get("dana"), channel, "company", "Hello")
    _, page, _ = await fetch(sandbox, "/")
    shown = re.findall(r'class="seat" data-key="(\w+)"', page)
    assert shown[0] == "dana"
    assert "boris" in shown[:2]  # another language comes before more of the same


async def test_other_names_of_this_machine_are_refused(sandbox: Running) -> None:
    for path in ("/", "/letter/anna/1"):
        status, _, _ = await fetch(sandbox, path, Host="rebound.example.com")
        assert status == 403


async def test_static_files_do_not_lead_out(sandbox: Running) -> None:
    assert (await fetch(sandbox, "/static/app.js"))[0] == 200
    async with aiohttp.ClientSession(requote_redirect_url=False) as client:
        from yarl import URL

        for path in ("/static/../page.py", "/static/%2e%2e/page.py", "/static/..%2fpage.py", "/static/%2fetc%2fpasswd"):
            async with client.get(URL(sandbox.url + path, encoded=True)) as response:
                assert response.status == 404


async def test_letter_is_powerless_and_keeps_remote_content_out(sandbox: Running) -> None:
    raw = b"From: a@shop.example.com\r\nContent-Type: text/html; charset=utf-8\r\n\r\n<p>Hi<script>1</script></p>"
    place = sandbox.world.spool.put(raw)
    message = sandbox.world.people.post(sandbox.world.people.get("anna"), "email", "company", "Hi", raw=place)
    status, body, headers = await fetch(sandbox, f"/letter/anna/{message.number}")
    policy = headers["Content-Security-Policy"]
    assert status == 200
    assert "<p>Hi" in body
    assert "default-src 'none'" in policy
    assert policy.endswith("sandbox allow-same-origin")
    assert "script-src" not in policy
    assert "http:" not in policy
    _, _, asked = await fetch(sandbox, f"/letter/anna/{message.number}?remote=1")
    assert "img-src data: http: https:;" in asked["Content-Security-Policy"]
    for path in ("/letter/anna/999", "/letter/nobody/1", "/letter/boris/1"):
        assert (await fetch(sandbox, path))[0] == 404


async def test_counts_and_director_are_in_the_state(sandbox: Running) -> None:
    people = sandbox.world.people
    anna = people.get("anna")
    people.post(anna, "sms", "company", "Hello")
    people.post(anna, "sms", "customer", "Hi")
    state = await sandbox.get("/api/state")
    assert (state["reached"], state["wrote"], state["directed"]) == ({"sms": 1}, {"sms": 1}, False)
    await sandbox.get("/control/wishes", wait=0)
    assert (await sandbox.get("/api/state"))["directed"] is True


async def test_people_are_narrowed_by_app_and_answer(sandbox: Running) -> None:
    people = sandbox.world.people
    people.post(people.get("anna"), "sms", "company", "Hello")
    people.post(people.get("dana"), "email", "company", "Hello")
    people.post(people.get("dana"), "email", "customer", "Hi")

    async def keys(**query: str) -> list[str]:
        return [person["key"] for person in (await sandbox.get("/api/people", **query))["people"]]

    assert await keys(app="sms") == ["anna"]
    assert await keys(wrote="1") == ["dana"]
    assert await keys(app="sms", wrote="1") == []
    assert await keys(query="DANA", active="1") == ["dana"]


def holes(text: str | dict[str, str]) -> set[str]:
    forms = text.values() if isinstance(text, dict) else [text]
    return {name for form in forms for _, name, _, _ in Formatter().parse(form) if name}


@pytest.mark.parametrize("lang", ["ru", "fa"])
def test_catalogues_match(lang: str) -> None:
    english = texts("en")
    other = texts(lang)
    assert other.keys() == english.keys()
    assert {key for key in english if holes(english[key]) != holes(other[key])} == set()


def test_every_text_that_scripts_name_exists() -> None:
    english = texts("en")
    for script in STATIC.glob("*.js"):
        for key in re.findall(r"""\bt\(\s*"([\w.]+)"(?!\s*\+)""", script.read_text("utf-8")):
            assert key in english, f"{script.name} names {key}"


def test_plural_forms_are_those_of_the_language() -> None:
    for lang, forms in (("en", {"one", "other"}), ("ru", {"one", "few", "many", "other"}), ("fa", {"one", "other"})):
        assert {key for key, text in texts(lang).items() if isinstance(text, dict) and text.keys() != forms} == set()


def test_scripts_never_take_markup() -> None:
    for script in STATIC.glob("*.js"):
        found = re.findall(
            r"innerHTML|outerHTML|insertAdjacentHTML|document\.write|\beval\(|new Function", script.read_text()
        )
        assert not found, script.name


@pytest.mark.parametrize(
    ("name", "expected"),
    [("Anna Stone", "AS"), ("Мария", "М"), ("A b c", "AC"), ("<img>", "·"), ("", "·"), ("  ", "·")],
)
def test_initials(name: str, expected: str) -> None:
    assert initials(name) == expected


def test_hue_is_one_of_eight() -> None:
    assert {hue(f"person-{number}") for number in range(100)} == set(range(8))
