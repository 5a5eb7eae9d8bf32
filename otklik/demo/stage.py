"""The stage: a temporary store and workspace, the sandbox, and the worker that can be killed and started again."""

import os
import re
import shutil
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any

import orjson

from campaigns.applying import apply
from campaigns.templates.sources import take_apart
from campaigns.workspace.loader import Workspace, load_workspace
from core.actors import Actor
from core.catalogue import text
from otklik.demo.cast import BOT, Cast
from otklik.demo.director import Director
from otklik.demo.processes import Child, start_child
from otklik.demo.staff import Staff
from storage import migrate
from storage.store import Store

STARTER = Path(__file__).parents[1] / "starter"
SECRET = "a-demo-signs-its-links-with-this"  # noqa: S105  the demo's own, on loopback
API_TOKEN = "demo-shop-token"  # noqa: S105  as above
SANDBOX_TOKEN = f"{BOT}:sandbox-token"
SANDBOX_NUMBER = "+12025550100"
SANDBOX_SID = "AC" + "0123456789abcdef" * 2
SANDBOX_AUTH = "sandbox-token-of-twilio"
LOCALES = {"en": "en-GB", "ru": "ru-RU", "fa": "fa-IR"}
"""What the shop speaks where nobody says otherwise."""
DESK_GROUP = -1_001_000_000_001
"""The staff's group in the sandbox's Telegram."""
RATES = "200"
"""The demo's providers, and so its sender, are this many times faster than real ones."""


@dataclass(slots=True)
class Stage:
    """Everything that the demo started, to be struck at the end."""

    folder: Path
    store: Store
    workspace: Workspace
    start: datetime
    sandbox: Child
    port: int
    worker: Child | None = None
    campaign_files: list[Path] = field(default_factory=list)

    @property
    def sandbox_url(self) -> str:
        return str(self.sandbox.announced["http"])

    @property
    def worker_url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def environment(self, now: datetime) -> dict[str, str]:
        """The worker's settings: the same as anybody's, with the sandbox for every provider."""
        twilio = {"ACCOUNT_SID": SANDBOX_SID, "AUTH_TOKEN": SANDBOX_AUTH, "BASE_URL": self.sandbox_url, "RATE": "80"}
        channels = {
            "EMAIL_HOST": "127.0.0.1",
            "EMAIL_PORT": str(self.sandbox.announced["smtp_port"]),
            "EMAIL_TLS": "none",
            "EMAIL_SENDER": "vera@shop.example.com",
            "EMAIL_SENDER_NAME": self.workspace.config.brand.name,
            "EMAIL_REPLY_ADDRESS": "reply@shop.example.com",
            "EMAIL_SESSIONS": "5",
            "EMAIL_IMAP_HOST": "127.0.0.1",
            "EMAIL_IMAP_PORT": str(self.sandbox.announced["imap_port"]),
            "EMAIL_IMAP_TLS": "none",
            "EMAIL_IMAP_USERNAME": "otklik",
            "EMAIL_IMAP_PASSWORD": "sandbox",
            "EMAIL_IMAP_HISTORY": "all",
            "TELEGRAM_TOKEN": SANDBOX_TOKEN,
            "TELEGRAM_BASE_URL": self.sandbox_url,
            "TELEGRAM_BOT_NAME": "otklik_demo_bot",
            "TELEGRAM_POLL_SECONDS": "5",
            "TELEGRAM_DESK_GROUPS": str(DESK_GROUP),
            "SMS_SENDER": SANDBOX_NUMBER,
            "WHATSAPP_SENDER": SANDBOX_NUMBER,
            "WEBCHAT_ORIGINS": "*",
            **{f"TWILIO_{name}": value for name, value in twilio.items()},
        }
        settings = {
            "DATABASE_URL": database_url(self.folder),
            "DATA_DIR": str(self.folder / "data"),
            "SECRET": SECRET,
            "API_TOKEN": API_TOKEN,
            "PUBLIC_URL": self.worker_url,
            "PORT": str(self.port),
            "CLOCK": "virtual",
            "NOW": now.isoformat(),
            "RATE_SCALE": RATES,
            "LOG_LEVEL": "warning",
        }
        return {f"OTKLIK_{name}": value for name, value in {**settings, **channels}.items()}

    async def start_worker(self, now: datetime) -> None:
        """Start the sender at the virtual instant ``now``."""
        arguments = ["otklik", "run", "--announce", "--attached"]
        self.worker = await start_child(arguments, self.folder / "worker.log", self.environment(now), self.folder)

    async def strike(self) -> None:
        """Stop everything."""
        if self.worker is not None:
            await self.worker.stop()
        await self.sandbox.stop()
        await self.store.close()


def database_url(folder: Path) -> str:
    """The demo's own store."""
    return f"sqlite:///{folder / 'demo.sqlite3'}"


async def set_stage(folder: Path, cast: Cast, start: datetime, *, port: int, seed: int, lang: str) -> Stage:
    """Open the store, copy the example workspace, start the sandbox; nothing is imported yet.

    The sender will listen on ``port``.
    """
    shop = folder / "shop"
    shutil.copytree(STARTER, shop)
    settings = shop / "otklik.yaml"
    settings.write_text(settings.read_text("utf-8").replace("locale: en-GB", f"locale: {LOCALES[lang]}"), "utf-8")
    workspace = load_workspace(shop)
    store = await Store.open(database_url(folder))
    await migrate.upgrade(store)
    sandbox = await start_child(
        ["sandbox", "--people", str(cast.people_file), "--ledger", str(folder / "ledger.jsonl"),
         "--virtual-now", start.isoformat(), "--rate-scale", RATES, "--seed", str(seed), "--lang", lang,
         "--parent-pid", str(os.getpid())],
        folder / "sandbox.log", {}, folder,
    )  # fmt: skip
    return Stage(folder, store, workspace, start, sandbox, port)


async def connect_providers(stage: Stage, director: Director) -> None:
    """Tell the sandbox where Otklik listens, and which WhatsApp templates are approved."""
    contents: dict[str, str] = {}
    for body in stage.workspace.campaigns.values():
        for path, written in body.templates.items():
            source = take_apart(path, written)
            if source.content_sid:
                contents[source.content_sid] = approved_text(source.body.source)
    url = stage.sandbox_url
    await director.post(
        f"{url}/control/twilio", {"inbound_url": f"{stage.worker_url}/webhooks/whatsapp", "contents": contents}
    )
    await director.post(f"{url}/control/shop", {"events_url": f"{stage.worker_url}/api/events", "token": API_TOKEN})


def approved_text(template: str) -> str:
    """What the provider has approved: the template's own words with its places numbered."""
    number = iter(range(1, 100))
    return re.sub(r"\{\{.*?\}\}", lambda _: f"{{{{{next(number)}}}}}", template)


async def open_group(stage: Stage, staff: Staff, director: Director, lang: str) -> None:
    """Give the agents who use Telegram an account in the sandbox, and the staff's group with its topics."""
    title = text(lang, "demo.group", brand=stage.workspace.config.brand.name)
    members = {}
    for agent in staff.agents:
        if agent.telegram:
            user = {"user_id": agent.telegram, "started": True}
            await director.post(
                f"{stage.sandbox_url}/control/people",
                [{"key": agent.email, "name": agent.name, "lang": lang, "country": "GB", "telegram": user}],
            )
            members[agent.email] = "administrator"
    group = {"id": DESK_GROUP, "title": title, "members": members}
    await director.post(f"{stage.sandbox_url}/control/telegram/groups", group)


async def apply_workspace(stage: Stage, now: datetime) -> None:
    """Apply the workspace as an operator would."""
    await apply(stage.store, stage.workspace, Actor("operator", "demo"), now)


def read_ledger(stage: Stage) -> Iterator[dict[str, Any]]:
    """The providers' ledger, from its file, entry by entry."""
    with (stage.folder / "ledger.jsonl").open("rb") as file:
        for line in file:
            yield orjson.loads(line)
