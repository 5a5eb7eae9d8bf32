"""The control interface (``/control/…``): for tests, the demo's director and whoever sets a scene."""

from typing import Any

from aiohttp import web

from sandbox.clock import iso, parse_instant
from sandbox.guard import read_json, read_object
from sandbox.settings import apply_settings
from sandbox.telegram.dialects import DIALECTS
from sandbox.wire import json_response
from sandbox.world import World

_LINES_A_WRITE = 500
WISH_WAIT = 20.0  # seconds a director's poll waits at most


class Control:
    """Routes over one world."""

    def __init__(self, world: World) -> None:
        self._world = world

    def routes(self) -> list[web.RouteDef]:
        """What to mount."""
        return [
            web.get("/control/state", self.state),
            web.get("/control/clock", self.get_clock),
            web.post("/control/clock", self.set_clock),
            web.get("/control/next", self.next),
            web.get("/control/ledger", self.ledger),
            web.get("/control/ledger/count", self.count),
            web.get("/control/faults", self.get_faults),
            web.post("/control/faults", self.add_faults),
            web.delete("/control/faults", self.clear_faults),
            web.post("/control/people", self.add_people),
            web.post("/control/mail", self.set_mail),
            web.post("/control/imap", self.set_imap),
            web.post("/control/telegram", self.set_telegram),
            web.post("/control/twilio", self.set_twilio),
            web.post("/control/shop", self.set_shop),
            web.post("/control/wish", self.wish),
            web.get("/control/wishes", self.wishes),
            web.post("/control/notice", self.notice),
        ]

    async def state(self, request: web.Request) -> web.Response:
        """GET state."""
        return json_response(self._world.state())

    async def get_clock(self, request: web.Request) -> web.Response:
        """GET clock: {"now", "flowing"}."""
        clock = self._world.clock
        return json_response({"now": iso(clock.micros()), "flowing": clock.flowing})

    async def set_clock(self, request: web.Request) -> web.Response:
        """POST clock {"now": ISO, "flow": bool}: answers when all that fell due was performed."""
        body = await read_object(request)
        performed = await self._world.clock.set(parse_instant(str(body.get("now"))), flow=bool(body.get("flow")))
        now = iso(self._world.clock.micros())
        self._world.live.publish("clock", now=now, flowing=self._world.clock.flowing)
        upcoming = self._world.clock.next()
        return json_response({"now": now, "performed": performed, "next": None if upcoming is None else iso(upcoming)})

    async def next(self, request: web.Request) -> web.Response:
        """GET next: {"next": ISO or null}."""
        upcoming = self._world.clock.next()
        return json_response({"next": None if upcoming is None else iso(upcoming)})

    async def ledger(self, request: web.Request) -> web.StreamResponse:
        """GET ledger?after=&provider=&accepted=&limit=: JSON lines, streamed."""
        query = request.query
        provider = query.get("provider")
        if provider not in (None, "smtp", "telegram", "twilio", "gateway"):
            raise ValueError("'provider' must be smtp, telegram, twilio or gateway")
        accepted = {"true": True, "1": True, "false": False, "0": False}.get(query.get("accepted", ""))
        limit = int(query["limit"]) if "limit" in query else None
        response = web.StreamResponse(headers={"Content-Type": "application/x-ndjson"})
        await response.prepare(request)
        kept: list[bytes] = []
        for line in self._world.ledger.lines(int(query.get("after", 0)), provider, accepted=accepted, limit=limit):
            kept.append(line)
            if len(kept) == _LINES_A_WRITE:
                await response.write(b"".join(kept))
                kept.clear()
        if kept:
            await response.write(b"".join(kept))
        await response.write_eof()
        return response

    async def count(self, request: web.Request) -> web.Response:
        """GET ledger/count."""
        return json_response(self._world.ledger.count())

    async def get_faults(self, request: web.Request) -> web.Response:
        """GET faults: the rules in force with their hits."""
        return json_response({"rules": [rule.as_json() for rule in self._world.faults.rules]})

    async def add_faults(self, request: web.Request) -> web.Response:
        """POST faults [rule, …]: put in force after those there are."""
        body = await read_json(request)
        rules = body if isinstance(body, list) else [body]
        added = self._world.faults.add(rules)
        return json_response({"rules": [rule.as_json() for rule in added]})

    async def clear_faults(self, request: web.Request) -> web.Response:
        """DELETE faults: behave."""
        self._world.faults.clear()
        return json_response({"rules": []})

    async def add_people(self, request: web.Request) -> web.Response:
        """POST people [person, …]."""
        added = self._world.add_people(await read_json(request))
        for person in added[:200]:
            self._world.people.changed(person)
        return json_response({"added": len(added), "people": len(self._world.people)})

    async def set_mail(self, request: web.Request) -> web.Response:
        """POST mail {company_domains, strangers, greylist, require_auth, size_limit}."""
        body = await read_object(request)
        smtp: dict[str, Any] = {name: body.pop(name) for name in ("require_auth", "size_limit") if name in body}
        if "company_domains" in body:
            domains = body["company_domains"]
            if not isinstance(domains, list) or not domains:
                raise ValueError("'company_domains' is a list of domains")
            body["company_domains"] = {str(domain).casefold() for domain in domains}
        if body.get("strangers", "refuse") not in ("refuse", "accept"):
            raise ValueError("'strangers' is refuse or accept")
        shown = apply_settings(self._world.office.settings, body) | apply_settings(self._world.smtp_settings, smtp)
        return json_response(shown)

    async def set_imap(self, request: web.Request) -> web.Response:
        """POST imap {"up": bool, "renumber": true}: take the server away; give it a new UIDVALIDITY."""
        body = await read_object(request)
        mailbox = self._world.mailbox
        answer: dict[str, Any] = {}
        if body.get("renumber"):
            answer["uid_validity"] = await mailbox.renumber()
        if body.get("up") is False:
            await mailbox.close()
        elif body.get("up"):
            await mailbox.open()
        return json_response({"up": mailbox.up, **answer})

    async def set_telegram(self, request: web.Request) -> web.Response:
        """POST telegram {token, username, rate_scale, dialect}: dialect bale is a server with fewer methods."""
        body = await read_object(request)
        bot = self._world.bot
        if "token" in body and ":" not in str(body["token"]):
            raise ValueError("'token' is written as 100001:secret")
        if body.get("dialect", "telegram") not in DIALECTS:
            raise ValueError(f"'dialect' is one of {', '.join(DIALECTS)}")
        bot.dialect = str(body.get("dialect", bot.dialect))
        bot.token = str(body.get("token", bot.token))
        bot.username = str(body.get("username", bot.username))
        bot.limits.scale = float(str(body.get("rate_scale", bot.limits.scale)))
        shown = {"token": bot.token, "username": bot.username, "rate_scale": bot.limits.scale}
        return json_response({**shown, "dialect": bot.dialect})

    async def set_twilio(self, request: web.Request) -> web.Response:
        """POST twilio {account_sid, token, numbers, services, contents, inbound_url, …}."""
        return json_response(apply_settings(self._world.account.settings, await read_object(request)))

    async def set_shop(self, request: web.Request) -> web.Response:
        """POST shop {"events_url", "token"}."""
        return json_response(apply_settings(self._world.shop.settings, await read_object(request)))

    async def wish(self, request: web.Request) -> web.Response:
        """POST wish {"kind": …}: kept for the director."""
        wish = await read_object(request)
        if not wish.get("kind"):
            raise ValueError("a wish has a 'kind'")
        number = await self._world.wishes.add(wish)
        self._world.live.publish("wish", wish={**wish, "n": number})
        return json_response({"n": number})

    async def wishes(self, request: web.Request) -> web.Response:
        """GET wishes?after=N&wait=seconds: waits up to 20 s."""
        wait = min(float(request.query.get("wait", WISH_WAIT)), WISH_WAIT)
        return json_response({"wishes": await self._world.wishes.after(int(request.query.get("after", 0)), wait)})

    async def notice(self, request: web.Request) -> web.Response:
        """POST notice {…}: shown on every page."""
        self._world.live.notice(await read_object(request))
        return json_response({"ok": True})
