"""Files beside messages: those of customers are kept for who has the account's credentials, ours are fetched."""

import base64
import binascii
from dataclasses import dataclass

from aiohttp import web

from sandbox.guard import read_object
from sandbox.outbound import NotLoopbackError, Outbound
from sandbox.people import People
from sandbox.twilio.account import API_VERSION, Account
from sandbox.twilio.errors import TwilioError
from sandbox.twilio.inbound import Inbound
from sandbox.wire import json_response

MOST = 10


@dataclass(frozen=True, slots=True)
class File:
    """A file with its type."""

    media_type: str
    content: bytes

    def __str__(self) -> str:
        return f"[{self.media_type}, {len(self.content)} bytes]"


class Media:
    """Twilio's store of files. ``GET …/Media/{sid}`` wants credentials and redirects to where none are needed."""

    def __init__(self, *, account: Account, people: People, inbound: Inbound, outbound: Outbound) -> None:
        self._account = account
        self._people = people
        self._inbound = inbound
        self._outbound = outbound
        self._files: dict[str, File] = {}

    def routes(self) -> list[web.RouteDef]:
        """What to mount."""
        return [
            web.get(f"/{API_VERSION}/Accounts/{{sid}}/Messages/{{message}}/Media/{{media}}", self.find),
            web.get("/media/{media}", self.give),
            web.post("/control/twilio/picture", self.send_files),
        ]

    async def find(self, request: web.Request) -> web.Response:
        """Where a file lies, for who proves to be the account."""
        try:
            self._account.authenticate(request)
        except TwilioError as error:
            return json_response(error.as_json(), error.status)
        if request.match_info["media"] not in self._files:
            missing = TwilioError(20404, request.path)
            return json_response(missing.as_json(), missing.status)
        return web.Response(status=307, headers={"Location": f"/media/{request.match_info['media']}"})

    async def give(self, request: web.Request) -> web.Response:
        """The file; whoever shows credentials here has been led to give them away."""
        file = self._files.get(request.match_info["media"])
        if file is None or "Authorization" in request.headers:
            return web.Response(status=404 if file is None else 400)
        return web.Response(body=file.content, content_type=file.media_type)

    async def send_files(self, request: web.Request) -> web.Response:
        """POST {"person", "channel", "text", "files": [{"type", "base64"}]}: the person sends files."""
        body = await read_object(request)
        person = self._people.get(str(body.get("person")))
        given = body.get("files")
        if not isinstance(given, list) or not 0 < len(given) <= MOST:
            raise ValueError(f"'files' is a list of up to {MOST}")
        channel = str(body.get("channel"))
        if channel not in ("sms", "whatsapp"):
            raise ValueError("'channel' is sms or whatsapp")
        origin = str(request.url.origin())
        files = [(self._keep(person.phone or "", one), one) for one in given]
        sid = self._account.settings.account_sid
        media = [
            (self._files[name].media_type, f"{origin}/{API_VERSION}/Accounts/{sid}/Messages/{{message}}/Media/{name}")
            for name, _ in files
        ]
        taken = await self._inbound.write(person, channel, str(body.get("text") or ""), media=media)
        return json_response({"taken": taken, "media": [name for name, _ in files]})

    def _keep(self, phone: str, given: object) -> str:
        if not isinstance(given, dict):
            raise ValueError("a file is {'type', 'base64'}")  # noqa: TRY004 - told as 400
        try:
            content = base64.b64decode(str(given.get("base64")), validate=True)
        except binascii.Error:
            raise ValueError("'base64' is not base64") from None
        name = self._account.new_sid("ME", f"file of {phone}")
        self._files[name] = File(str(given.get("type") or "application/octet-stream"), content)
        return name

    async def fetched(self, urls: list[str]) -> list[File] | None:
        """The files that a message of the company names; None where one of them cannot be had."""
        files = []
        for url in urls:
            try:
                answer = await self._outbound.request("GET", url)
            except NotLoopbackError:
                return None
            if not answer.ok:
                return None
            files.append(File(answer.content_type, answer.body))
        return files
