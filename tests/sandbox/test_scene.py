"""The clock, scripted customers, the control and page interfaces, and the process itself."""

import asyncio
import os
import signal
import subprocess
import sys
import time
from datetime import timedelta
from pathlib import Path
from typing import Any

import aiohttp
import aiosmtplib
import orjson
import pytest
from aiohttp import web

from otklik.demo.processes import kept_port
from sandbox.clock import BusinessClock, ClockBackwardsError
from sandbox.spool import Spool
from tests.sandbox.browser import until
from tests.sandbox.scene import START, Company, Running, running
from tests.sandbox.test_mail import client, mail

DEFAULT = "AC0123456789abcdef0123456789abcdef"


async def send_sms(sandbox: Running, to: str, body: str) -> int:
    headers = {"Authorization": aiohttp.encode_basic_auth(DEFAULT, "sandbox-token-of-twilio")}
    url = f"{sandbox.url}/2010-04-01/Accounts/{DEFAULT}/Messages.json"
    form = {"To": to, "From": "+12025550100", "Body": body}
    async with sandbox.client.post(url, data=form, headers=headers) as response:
        return response.status


async def test_actions_happen_in_order_of_instant_and_to_their_end() -> None:
    clock = BusinessClock(START)
    done: list[tuple[str, int]] = []

    def action(name: str, then: float | None = None) -> Any:
        async def act() -> None:
            await asyncio.sleep(0)
            done.append((name, (clock.now() - START).seconds))
            if then is not None:
                clock.schedule(then, action(f"{name}+"))

        return act

    for seconds, name in ((30, "c"), (10, "a"), (20, "b")):
        clock.schedule(seconds, action(name, 5 if name == "a" else 60))
    assert await clock.set(START + timedelta(seconds=30)) == 4
    assert done == [("a", 10), ("a+", 15), ("b", 20), ("c", 30)]
    assert clock.pending == 2
    with pytest.raises(ClockBackwardsError):
        await clock.set(START)


async def test_a_flowing_clock_acts_by_itself() -> None:
    async with running() as sandbox:
        happened = asyncio.Event()

        async def act() -> None:
            happened.set()

        sandbox.world.clock.schedule(3600, act)
        to = (START + timedelta(seconds=3599.9)).isoformat()
        await sandbox.post("/control/clock", {"now": to, "flow": True})
        async with asyncio.timeout(60):
            await happened.wait()
        assert (await sandbox.get("/control/clock"))["flowing"]


async def test_an_action_that_fails_does_not_stop_the_clock(caplog: pytest.LogCaptureFixture) -> None:
    clock = BusinessClock(START)

    async def fail() -> None:
        raise RuntimeError("no")

    clock.schedule(1, fail)
    assert await clock.set(START + timedelta(seconds=2)) == 1
    assert clock.failed == 1
    assert "failed" in caplog.text


SCRIPTED = [
    {
        "key": f"p{number:03}",
        "email": f"p{number:03}@example.org",
        "phone": f"+1202555{number + 100:04}",
        "sms": True,
        "telegram": {"user_id": number + 1, "started": True},
        "script": [
            {"on": {"channel": "email", "nth": 1}, "after": 60 * (number % 7), "do": "reply", "text": f"r{number}"},
            {"on": {"channel": "email", "nth": 2}, "after": 60, "do": "buy", "amount": "10.50"},
            {"on": {"channel": "sms", "contains": "stop?"}, "after": 30 + number, "do": "stop"},
        ],
    }
    for number in range(40)
]


async def test_two_runs_of_one_script_are_the_same(company: Company) -> None:
    runs = []
    for _ in range(2):
        company.requests.clear()
        async with running(SCRIPTED, seed=3, rate_scale=1000) as sandbox:
            await sandbox.post("/control/twilio", {"inbound_url": f"{company.url}/in"})
            await sandbox.post("/control/shop", {"events_url": f"{company.url}/shop", "token": "t"})
            await sandbox.post("/control/faults", [{"provider": "smtp", "kind": "status", "code": 451, "rate": 0.2}])

            async def letters(keys: list[dict[str, Any]], sandbox: Running = sandbox) -> None:
                async with client(sandbox) as smtp:
                    for person in keys:
                        try:
                            await smtp.send_message(mail(person["email"], message_id=f"<{person['key']}@x>"))
                        except aiosmtplib.SMTPDataError:
                            continue

            for _ in range(2):
                await asyncio.gather(*(letters(SCRIPTED[place::4]) for place in range(4)))
                for person in SCRIPTED[:20]:
                    await send_sms(sandbox, str(person["phone"]), "stop?")
                await sandbox.later(3600)
            ledger = await sandbox.ledger()
        entries = sorted(orjson.dumps({**entry, "n": 0}) for entry in ledger)
        told = sorted((request.path, request.body) for request in company.requests)
        runs.append((entries, told))
    assert runs[0][0] == runs[1][0]
    assert runs[0][1] == runs[1][1]
    paths = [path for path, _ in runs[0][1]]
    assert paths.count("/in") == 20
    assert 10 < paths.count("/shop") < 40
    assert sum(b'"code":21610' in entry for entry in runs[0][0]) == 20


async def test_the_shop_tells_of_orders(sandbox: Running, company: Company) -> None:
    await sandbox.post("/control/shop", {"events_url": f"{company.url}/events", "token": "secret"})
    assert await sandbox.do("anna", do="buy", amount="12.00", currency="EUR") == "200"
    (request,) = company.requests
    assert request.headers["Authorization"] == "Bearer secret"
    assert orjson.loads(request.body) == {
        "source": "shop", "external_id": "anna-order-1", "customer": "anna", "name": "order",
        "at": "2026-12-01T10:00:00Z", "amount": "12.00", "currency": "EUR",
    }  # fmt: skip


async def test_a_click_stays_on_this_machine(sandbox: Running, company: Company) -> None:
    def away(_: Any) -> web.Response:
        return web.Response(status=302, headers={"Location": "https://shop.example.com/offer"})

    company.answer = away
    raw = f"Subject: x\r\n\r\nhttps://example.org/a {company.url}/c/2\r\n".encode()
    await sandbox.world.office.accept("hello@shop.example.com", ["anna@example.org"], raw, None)
    assert await sandbox.do("anna", do="click") == "302 at https://shop.example.com/offer"
    assert [request.path for request in company.requests] == ["/c/2"]
    (shown,) = (await sandbox.get("/api/people/anna"))["threads"]["email"]
    assert shown["clicks"] == ["https://shop.example.com/offer"]


async def test_an_absent_receiver_is_waited_for_while_the_clock_stands(sandbox: Running, company: Company) -> None:
    with kept_port() as port:
        token = "100001:sandbox-token"
        await sandbox.post(f"/bot{token}/setWebhook", {"url": f"http://127.0.0.1:{port}/"})
        writing = asyncio.create_task(sandbox.do("anna", do="write", channel="telegram", text="hi"))
        await until(lambda: sandbox.world.outbound.unanswered)
        back = web.Application()
        back.router.add_route("*", "/{path:.*}", company.handle)
        returned = web.AppRunner(back)
        await returned.setup()
        await web.TCPSite(returned, "127.0.0.1", port).start()
        assert await writing == "delivered"
        assert sandbox.world.updates.undelivered == 0
        await returned.cleanup()


async def test_pages_hear_what_happens_and_slow_ones_are_told_to_read_again(sandbox: Running) -> None:
    async with sandbox.client.ws_connect(f"{sandbox.url}/api/live") as page:
        assert (await page.receive_json())["type"] == "hello"
        await sandbox.post("/control/notice", {"text": "it begins"})
        assert (await page.receive_json())["notice"] == {"text": "it begins"}
        await sandbox.do("anna", do="write", channel="telegram", text="hi")
        frame = await page.receive_json()
        assert (frame["type"], frame["person"], frame["app"], frame["message"]["text"]) == (
            "message", "anna", "telegram", "hi",
        )  # fmt: skip
    live = sandbox.world.live
    await until(lambda: not live.watched)  # the page is gone
    queue = live.join()
    for number in range(600):
        live.publish("notice", notice={"n": number})
    assert queue.qsize() == 501
    assert not live.watched
    assert (await sandbox.get("/api/state"))["notices"] == [{"text": "it begins"}]


async def test_wishes_are_waited_for(sandbox: Running) -> None:
    waiting = asyncio.create_task(sandbox.get("/control/wishes", after=0, wait=20))
    assert (await sandbox.post("/control/wish", {"kind": "advance", "days": 3}))["n"] == 1
    assert (await waiting)["wishes"] == [{"kind": "advance", "days": 3, "n": 1}]
    assert (await sandbox.get("/control/wishes", after=1, wait=0))["wishes"] == []


async def test_foreign_pages_and_hosts_are_refused(sandbox: Running) -> None:
    for headers, status in (
        ({"Origin": "https://evil.example.org"}, 403),
        ({"Origin": "null"}, 403),
        ({"Host": "rebound.example.org"}, 403),
        ({"Origin": sandbox.url}, 200),
    ):
        async with sandbox.client.get(f"{sandbox.url}/api/state", headers=headers) as response:
            assert response.status == status, headers


@pytest.mark.parametrize(
    ("path", "body", "words"),
    [
        ("/control/faults", [{"provider": "smtp", "kind": "explode"}], "'kind' must be one of"),
        ("/control/faults", [{"provider": "smtp", "kind": "hang", "foo": 1}], "unknown field 'foo'"),
        ("/control/faults", [{"provider": "smtp", "kind": "slow", "seconds": "5"}], "'seconds' must be a number"),
        ("/control/people", [{"key": "x", "email": 5}], "'email' must be a string"),
        ("/control/people", [{"key": "x", "telegram": 5}], "write telegram as"),
        ("/control/people", [{"name": "x"}], 'give an object with a "key"'),
        ("/control/people", [{"key": "x", "script": [{"do": "dance"}]}], "person 1 (x): 'do' is 'dance'"),
        ("/control/people", [{"key": "x", "hat": 1}], "unexpected keyword argument 'hat'"),
        ("/control/clock", {"now": "2026-12-01T10:00:00"}, "has no zone"),
        ("/control/clock", {"now": "2020-01-01T00:00:00Z"}, "does not go back"),
        ("/control/twilio", {"inbound_url": "https://example.org"}, "not on this machine"),
        ("/control/mail", {"strangers": 1}, "refuse or accept"),
        ("/api/people/anna/do", {"do": "press"}, "has no message"),
    ],
)
async def test_mistakes_are_told_in_words(sandbox: Running, path: str, body: Any, words: str) -> None:
    assert words in (await sandbox.post(path, body, status=400))["error"]


async def test_people_are_found_and_threads_are_bounded(sandbox: Running) -> None:
    for number in range(210):
        await sandbox.do("anna", do="write", channel="telegram", text=f"n{number}")
    thread = (await sandbox.get("/api/people/anna"))["threads"]["telegram"]
    assert (len(thread), thread[-1]["text"]) == (200, "n209")
    assert [found["key"] for found in (await sandbox.get("/api/people", active=1))["people"]] == ["anna"]
    assert [found["key"] for found in (await sandbox.get("/api/people", query="example.ORG", limit=2))["people"]] == [
        "anna", "boris",
    ]  # fmt: skip


async def test_many_people_load_quickly() -> None:
    script = [{"on": {"channel": "email", "nth": 1}, "after": 60, "do": "reply", "text": "yes"}]
    many = [
        {"key": f"c{n}", "email": f"c{n}@example.org", "phone": f"+1202{n:07}", "sms": True, "script": script}
        for n in range(25_000)
    ]
    async with running(many) as sandbox:
        assert len(sandbox.world.people) == 25_000
        assert len({id(person.script) for person in sandbox.world.people.by_key.values()}) == 1


def test_old_mails_give_way() -> None:
    spool = Spool(capacity=100)
    places = [spool.put(bytes([65 + number]) * 30) for number in range(5)]
    assert [spool.get(place) is not None for place in places] == [False, False, True, True, True]
    assert spool.get(places[3]) == b"D" * 30
    assert spool.put(b"x" * 101) is None
    spool.close()


def test_the_process_starts_serves_and_stops(tmp_path: Path) -> None:
    people, ledger = tmp_path / "people.json", tmp_path / "ledger.jsonl"
    people.write_bytes(orjson.dumps([{"key": "anna", "email": "anna@example.org"}]))
    command = [sys.executable, "-m", "sandbox", "--people", str(people), "--ledger", str(ledger)]
    command += ["--parent-pid", str(os.getpid())]
    began = time.monotonic()
    with subprocess.Popen(command, stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        try:
            ready = orjson.loads(process.stdout.readline())
            assert time.monotonic() - began < 10
            raw = b"Subject: x\r\nMessage-ID: <1@x>\r\n\r\nhi\r\n"
            asyncio.run(
                aiosmtplib.send(raw, sender="a@shop.example.com", recipients=["anna@example.org"],
                                hostname="127.0.0.1", port=ready["smtp_port"], start_tls=False)
            )  # fmt: skip
            (entry,) = [orjson.loads(line) for line in ledger.read_bytes().splitlines()]
            assert entry["otklik_id"] == "1"
        finally:
            process.send_signal(signal.SIGTERM)
        assert process.wait(60) == 0


def test_the_process_stops_with_its_parent() -> None:
    with subprocess.Popen([sys.executable, "-c", "import sys; sys.stdin.read()"], stdin=subprocess.PIPE) as parent:
        command = [sys.executable, "-m", "sandbox", "--parent-pid", str(parent.pid)]
        with subprocess.Popen(command, stdout=subprocess.PIPE) as process:
            assert process.stdout is not None
            try:
                assert orjson.loads(process.stdout.readline())["http"].startswith("http://127.0.0.1:")
                parent.communicate()
                assert process.wait(60) == 0
            finally:
                process.kill()


def test_wrong_options_are_told(tmp_path: Path) -> None:
    people = tmp_path / "people.json"
    people.write_bytes(orjson.dumps([{"key": "x", "mailbox": "odd"}]))
    for arguments, words in (
        (["--host", "0.0.0.0"], b"this machine only"),  # noqa: S104 - that it is refused is the point
        (["--virtual-now", "tomorrow"], b"is not an instant"),
        (["--people", str(people)], b"'mailbox' must be one of"),
    ):
        done = subprocess.run(
            [sys.executable, "-m", "sandbox", *arguments], capture_output=True, timeout=120, check=False
        )
        assert done.returncode == 2
        assert words in done.stderr
        assert b"Traceback" not in done.stderr
