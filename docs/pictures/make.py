"""The README's pictures, from a real run: ``make pictures``. Needs Chromium (``CHROMIUM``, default /usr/bin/chromium).

Runs ``otklik demo`` at a pseudo-terminal, draws what it printed as ``demo.svg``, then looks at the phones page that it
keeps up and saves that as ``phones.png``.
"""

import asyncio
import os
import pty
import re
import signal
import sys
import time
from pathlib import Path

from playwright.async_api import async_playwright
from rich.console import Console
from rich.text import Text

HERE = Path(__file__).parent
WIDTH = 100
DEADLINE_SECONDS = 600.0
PHONES = re.compile(r"http://127\.0\.0\.1:\d+/\?lang=\w+")
VERDICT = "the store and the oracle agree"


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
            console.print(Text.from_ansi(line), highlight=False)
    picture = console.export_svg(title="make demo", unique_id="otklik")
    picture = re.sub(r"@font-face \{.*?\}", "", picture, flags=re.DOTALL)  # a picture asks no other server for letters
    target.write_text("\n".join(line.rstrip() for line in picture.splitlines()) + "\n", encoding="utf-8")


async def photograph(url: str, target: Path) -> None:
    """The phones page as it stands after the campaign."""
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(
            executable_path=os.environ.get("CHROMIUM", "/usr/bin/chromium"), args=["--no-sandbox"]
        )
        page = await browser.new_page(viewport={"width": 1440, "height": 900})
        await page.goto(url)
        await page.wait_for_selector(".seat")
        await page.evaluate("document.fonts.ready")
        await page.screenshot(path=target, animations="disabled")
        await browser.close()


def run_demo() -> tuple[int, str, str]:
    """Start the demo; its process id, what it printed up to the phones' address, and that address."""
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
        found = PHONES.search(text)
        if found and text.endswith("\n") and VERDICT in text:
            return pid, text, found.group()
    os.kill(pid, signal.SIGTERM)
    raise SystemExit(f"the demo did not come to its phones:\n{printed.decode(errors='replace')}")


def main() -> None:
    """Draw both."""
    pid, printed, url = run_demo()
    try:
        draw(printed, HERE / "demo.svg")
        asyncio.run(photograph(url, HERE / "phones.png"))
    finally:
        os.kill(pid, signal.SIGTERM)
        os.waitpid(pid, 0)


if __name__ == "__main__":
    main()
