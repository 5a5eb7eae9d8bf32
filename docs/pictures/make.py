"""The README's pictures, from a real run: ``make screenshots``.

Needs Chromium (``CHROMIUM``, default /usr/bin/chromium). Runs ``otklik demo`` at a pseudo-terminal and draws what it
printed as ``demo.svg``. Then it plays on the pages that the demo keeps up: two agents sign in, customers ask for a
person, one of the agents answers, and all is photographed: the phones, the desk in English and in Persian, at the width
of a phone, and a campaign.
"""

import asyncio
import os
import pty
import re
import signal
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import aiohttp
from playwright.async_api import async_playwright
from rich.console import Console
from rich.text import Text

HERE = Path(__file__).parent
WIDTH = 100
DEADLINE_SECONDS = 600.0
LARGEST = 300_000
"""Bytes of one picture."""
PHONES = re.compile(r"http://127\.0\.0\.1:\d+/\?lang=\w+")
DESK = re.compile(r"http://127\.0\.0\.1:\d+/desk\b")
PASSWORD = re.compile(r"\b[a-z2-9]{4}(?:-[a-z2-9]{4}){2}\b")
VERDICT = "the store and the oracle agree"
LAST_LINE = "Ctrl-C ends the demo"
CODES = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]")
VERA, MARTIN = "vera@shop.example.com", "martin@shop.example.com"
WRITTEN = (
    ("en", "whatsapp", "Do you gift-wrap? I would like to talk to a person, please."),
    ("fa", "telegram", "سلام! کتابم هنوز نرسیده. می‌خواهم با اپراتور صحبت کنم."),
    ("ru", "whatsapp", "Можно поменять адрес доставки? Позовите оператора, пожалуйста."),
    ("en", "email", "I have moved house. Could I speak to someone about my order, please?"),
    ("en", "sms", "human"),
)
"""What others write meanwhile: in which language, and where."""
NOTE = "The courier says it left Leeds this morning."
ANSWER = "I am so sorry! It was stuck in Leeds and left this morning: you will have it tomorrow by noon."
THANKS = "Thank you, that is all I wanted to know. You are quick!"
CONSOLED = "سلام! بسته شما امروز صبح از انبار رفت و فردا به دستتان می‌رسد."


@dataclass(frozen=True, slots=True)
class Run:
    """A demo that stays up, with what it printed."""

    pid: int
    printed: str

    def found(self, pattern: re.Pattern[str]) -> str:
        return str(pattern.findall(CODES.sub("", self.printed))[-1])


def draw(printed: str, target: Path) -> None:
    """The run as a picture of a terminal: its stages, the report, one story and the verdict."""
    lines = [line.rstrip("\r") for line in printed.split("\n")]
    plain = [Text.from_ansi(line).plain for line in lines]
    last = next(number for number, line in enumerate(plain) if VERDICT in line)
    stories = [number for number, line in enumerate(plain) if re.search(r" in winback: ", line)]
    shown = lines[: stories[1]] + lines[last:] if len(stories) > 1 else lines
    shown = shown[: next((number for number, line in enumerate(shown) if PHONES.search(line)), len(shown))]
    with Path(os.devnull).open("w") as nowhere:
        console = Console(record=True, width=WIDTH, file=nowhere, force_terminal=True, legacy_windows=False)
        for line in shown:
            console.print(Text.from_ansi(PASSWORD.sub("…", line)), highlight=False)
    picture = console.export_svg(title="make demo", unique_id="otklik")
    picture = re.sub(r"@font-face \{.*?\}", "", picture, flags=re.DOTALL)  # a picture asks no other server for letters
    target.write_text("\n".join(line.rstrip() for line in picture.splitlines()) + "\n", encoding="utf-8")


class Customers:
    """The sandbox's people, who write when they are told to."""

    def __init__(self, session: aiohttp.ClientSession, sandbox: str) -> None:
        self._session = session
        self._sandbox = sandbox

    async def write(self, key: str, channel: str, text: str) -> None:
        deed = {"do": "write", "channel": channel, "text": text}
        async with self._session.post(f"{self._sandbox}/api/people/{key}/do", json=deed) as response:
            response.raise_for_status()

    async def who_asked(self) -> Any:
        """Who wrote last of themselves: they ask for a person."""
        async with self._session.get(f"{self._sandbox}/api/people", params={"active": "1", "wrote": "1"}) as response:
            return (await response.json())["people"][0]

    async def all_write(self) -> None:
        """Those of :data:`WRITTEN`, each a customer to whom nothing came yet."""
        async with self._session.get(f"{self._sandbox}/api/people", params={"limit": "200"}) as response:
            quiet = [person for person in (await response.json())["people"] if not person["last"]]
        for lang, channel, text in WRITTEN:
            person = next(one for one in quiet if one["lang"] == lang and _has(one, channel))
            quiet.remove(person)
            await self.write(person["key"], channel, text)


def _has(person: dict[str, Any], channel: str) -> bool:
    if channel == "telegram":
        return bool(person["telegram"]) and person["telegram"]["started"] and not person["telegram"]["blocked"]
    return bool(person[channel]) and not str(person["phone"]).startswith("+98")


async def photograph(run: Run) -> None:
    """Play the scene, and look at it."""
    phones, desk = run.found(PHONES), run.found(DESK)
    async with async_playwright() as playwright, aiohttp.ClientSession() as session:
        browser = await playwright.chromium.launch(
            executable_path=os.environ.get("CHROMIUM", "/usr/bin/chromium"), args=["--no-sandbox", "--disable-gpu"]
        )
        customers = Customers(session, phones.partition("/?")[0])
        asked = await customers.who_asked()
        page = await seated(browser, run, VERA, width=1440, height=900)
        await page.locator(".line .owner").nth(1).wait_for()  # those who wait get the first who is there
        martin = await seated(browser, run, MARTIN)
        await customers.all_write()
        await page.locator(".line").nth(len(WRITTEN)).wait_for()
        await answer(page, customers, asked)
        await shot(page, "desk.png")
        await page.set_viewport_size({"width": 390, "height": 844})
        await page.evaluate("document.getElementById('thread').scrollTop = 1e6")
        await shot(page, "desk-phone.png")

        await page.set_viewport_size({"width": 1280, "height": 900})
        await page.emulate_media(color_scheme="dark")
        await page.goto(f"{desk}/campaigns")
        await page.get_by_text("winback").first.click()
        await page.get_by_text("The journey").wait_for()
        await shot(page, "campaign.png")

        await page.goto(f"{desk}/me")
        await page.locator("select[name=locale]").select_option("fa")
        await page.locator("form:has(select[name=locale]) button").click()
        await page.locator("html[lang=fa]").wait_for()
        await page.goto(f"{desk}/inbox?view=open")
        await page.locator(".line", has_text="اپراتور").locator("a").first.click()
        await take(page)
        await page.locator(".composer textarea").fill(CONSOLED)
        await page.keyboard.press("Control+Enter")
        await page.locator(".entry.agent").get_by_text(CONSOLED[:20]).wait_for()
        await shot(page, "desk-fa.png")

        look = await browser.new_page(viewport={"width": 1280, "height": 800})
        await look.goto(f"{phones}&phones={asked['key']},{(await customers.who_asked())['key']}")
        await look.wait_for_selector("html[data-ready]")
        await look.locator(".seat.group [data-topic]", has_text=asked["name"]).click()
        await look.locator(f'.seat[data-key="{asked["key"]}"] .app[data-app=telegram]').click()
        await shot(look, "phones.png")
        await martin.close()
        await browser.close()


async def seated(browser: Any, run: Run, email: str, width: int = 1280, height: int = 800) -> Any:
    """A page of an agent who has signed in."""
    context = await browser.new_context(viewport={"width": width, "height": height}, color_scheme="light")
    context.set_default_timeout(60_000)
    page = await context.new_page()
    await page.goto(f"{run.found(DESK)}/sign-in")
    await page.fill("[name=email]", email)
    await page.fill("[name=password]", run.found(PASSWORD))
    await page.click("button.act")
    await page.wait_for_selector(".views")
    return page


async def take(page: Any) -> None:
    """The open chat is theirs then, if it was not."""
    await page.locator(".composer").wait_for()
    while await page.locator("[data-key=a]").count():
        await page.locator("[data-key=a]").first.click()
        await page.wait_for_timeout(500)


async def answer(page: Any, customers: Customers, asked: dict[str, Any]) -> None:
    """Open the chat of who asked, take it, write a note, answer; they thank for it."""
    await page.locator(".line", has_text=asked["name"]).locator("a").click()
    await take(page)
    await page.locator("[name=mode][value=note]").check()
    await page.locator(".composer textarea").fill(NOTE)
    await page.keyboard.press("Control+Enter")
    await page.locator(".entry.note").wait_for()
    await page.locator("[name=mode][value=answer]").check()
    await page.locator(".composer textarea").fill(ANSWER)
    await page.keyboard.press("Control+Enter")
    await page.locator(".entry.agent .s-accepted, .entry.agent .s-delivered, .entry.agent .s-read").wait_for()
    await customers.write(asked["key"], "telegram", THANKS)
    await page.locator(".entry.customer").get_by_text(THANKS).wait_for()


async def shot(page: Any, name: str) -> None:
    await page.evaluate("document.fonts.ready")
    await page.evaluate("document.activeElement?.blur()")
    await page.wait_for_timeout(600)
    await page.screenshot(path=HERE / name, animations="disabled")
    size = (HERE / name).stat().st_size
    if size > LARGEST:
        raise SystemExit(f"{name} has {size:,} bytes, more than {LARGEST:,}: make it smaller")


def run_demo() -> Run:
    """Start the demo, and wait until it stays up.

    Raises:
        SystemExit: it does not come so far; says what it printed.
    """
    pid, terminal = pty.fork()
    if pid == 0:
        os.environ |= {"TTY_INTERACTIVE": "0", "COLUMNS": str(WIDTH), "LINES": "50", "TERM": "xterm-256color"}
        os.execv(sys.executable, [sys.executable, "-m", "otklik", "demo"])
    printed = b""
    deadline = time.monotonic() + DEADLINE_SECONDS
    while time.monotonic() < deadline:
        try:
            chunk = os.read(terminal, 65536)
        except OSError:  # the demo ended
            break
        printed += chunk
        text = printed.decode(errors="replace")
        if LAST_LINE in text and VERDICT in text:
            return Run(pid, text)
    os.kill(pid, signal.SIGTERM)
    raise SystemExit(f"the demo did not come to its phones:\n{printed.decode(errors='replace')}")


def main() -> None:
    """Make them all."""
    run = run_demo()
    try:
        draw(run.printed, HERE / "demo.svg")
        asyncio.run(photograph(run))
    finally:
        os.kill(run.pid, signal.SIGTERM)
        os.waitpid(run.pid, 0)


if __name__ == "__main__":
    main()
