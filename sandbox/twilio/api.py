"""The HTTP side of the Messages API: authentication, create, fetch, list."""

from collections.abc import Mapping
from datetime import timedelta
from itertools import islice
from urllib.parse import urlencode

from aiohttp import web

from sandbox.clock import BusinessClock, from_micros
from sandbox.faults import Fault, Faults
from sandbox.ledger import Ledger
from sandbox.people import People
from sandbox.twilio import requests
from sandbox.twilio.account import API_VERSION, Account, TwilioMessage, parse_date, rfc2822
from sandbox.twilio.delivery import Delivery
from sandbox.twilio.errors import CODES, TwilioError, error_body
from sandbox.twilio.media import Media
from sandbox.wire import json_response, read_form, suffer

PAGE_SIZE = 50
PAGE_LIMIT = 1000


class TwilioApi:
    """Routes under ``/2010-04-01/Accounts/{Sid}``."""

    def __init__(
        self,
        *,
        clock: BusinessClock,
        account: Account,
        people: People,
        ledger: Ledger,
        faults: Faults,
        delivery: Delivery,
    ) -> None:
        self._clock = clock
        self._account = account
        self._people = people
        self._ledger = ledger
        self._faults = faults
        self._delivery = delivery
        self._opened = clock.micros()
        self.media: Media | None = None

    def routes(self) -> list[web.RouteDef]:
        """What to mount."""
        root = f"/{API_VERSION}/Accounts/{{sid}}"
        return [
            web.post(f"{root}/Messages.json", self.create),
            web.get(f"{root}/Messages.json", self.list_messages),
            web.get(f"{root}/Messages/{{message}}.json", self.fetch),
            web.get(f"{root}.json", self.fetch_account),
            *(self.media.routes() if self.media is not None else ()),
        ]

    async def create(self, request: web.Request) -> web.StreamResponse:
        """Accept a message, or refuse it as Twilio does. Recorded before anything is answered."""
        form = await read_form(request)
        to = form.get("To", [""])[-1].strip()
        channel = "whatsapp" if to.startswith("whatsapp:") else "sms"
        number = to.removeprefix("whatsapp:")
        try:
            self._authenticate(request)
            fault = self._faults.strike("twilio", channel, number)
            if fault is not None and (fault.kind == "drop_before" or (fault.kind == "status" and not fault.accepted)):
                self._refuse(channel, number, form, fault.error or fault.code, fault.label)
                return await self._misbehave(request, fault)
            message = self.take(form, fault.label if fault else None)
        except TwilioError as error:
            self._refuse(channel, number, form, error.code, None)
            return json_response(error.as_json(), error.status)
        answer = json_response(self._json(message), 201)
        if fault is None:
            return answer
        return await self._misbehave(request, fault, answer)

    def take(self, form: dict[str, list[str]], fault: str | None = None) -> TwilioMessage:
        """Accept the message of ``form`` into the account and the ledger; TwilioError when it is refused."""
        message = requests.build(form, self._account, self._people, self._clock.micros())
        self._account.keep(message)
        self._ledger.record(
            "twilio",
            message.channel,
            account=self._account.settings.account_sid,
            to=message.number,
            accepted=True,
            provider_id=message.sid,
            text=message.body,
            fault=fault,
        )
        self._delivery.begin(message)
        return message

    async def fetch(self, request: web.Request) -> web.Response:
        """One message."""
        try:
            self._authenticate(request)
        except TwilioError as error:
            return json_response(error.as_json(), error.status)
        message = self._account.messages.get(request.match_info["message"])
        if message is None:
            missing = TwilioError(20404, request.path)
            return json_response(missing.as_json(), missing.status)
        return json_response(self._json(message))

    async def list_messages(self, request: web.Request) -> web.Response:
        """Messages, the newest first, by To, From and DateSent (``DateSent<`` and ``DateSent>`` as bounds)."""
        query = request.query
        try:
            self._authenticate(request)
            size = min(max(int(query.get("PageSize", PAGE_SIZE)), 1), PAGE_LIMIT)
            page = max(int(query.get("Page", 0)), 0)
            bounds = _bounds(query)
        except TwilioError as error:
            return json_response(error.as_json(), error.status)
        except ValueError as error:
            return json_response(error_body(400, 20001, f"Invalid parameter: {error}"), 400)
        everything = self._account.by_to.get(query["To"], []) if "To" in query else [*self._account.messages.values()]
        sender = query.get("From")
        found = (
            message
            for message in reversed(everything)
            if (sender is None or message.sender == sender) and _within(message, bounds)
        )
        start = page * size
        chosen = list(islice(found, start, start + size + 1))
        more, chosen = len(chosen) > size, chosen[:size]
        base = f"/{API_VERSION}/Accounts/{self._account.settings.account_sid}/Messages.json"
        kept = {name: value for name, value in query.items() if name not in ("Page", "PageToken", "PageSize")}

        def uri(number: int) -> str:
            token = {"PageToken": f"PAMM{number}"} if number else {}
            return f"{base}?{urlencode({**kept, 'PageSize': size, 'Page': number, **token})}"

        return json_response(
            {
                "messages": [self._json(message) for message in chosen],
                "page": page,
                "page_size": size,
                "start": start,
                "end": start + max(len(chosen) - 1, 0),
                "uri": uri(page),
                "first_page_uri": uri(0),
                "next_page_uri": uri(page + 1) if more else None,
                "previous_page_uri": uri(page - 1) if page else None,
            }
        )

    async def fetch_account(self, request: web.Request) -> web.Response:
        """The account itself: what a check of the credentials asks for."""
        try:
            self._authenticate(request)
        except TwilioError as error:
            return json_response(error.as_json(), error.status)
        sid = self._account.settings.account_sid
        base = f"/{API_VERSION}/Accounts/{sid}"
        return json_response(
            {
                "auth_token": self._account.settings.token,
                "date_created": rfc2822(self._opened),
                "date_updated": rfc2822(self._opened),
                "friendly_name": "Sandbox",
                "owner_account_sid": sid,
                "sid": sid,
                "status": "active",
                "subresource_uris": {"messages": f"{base}/Messages.json"},
                "type": "Full",
                "uri": f"{base}.json",
            }
        )

    def _json(self, message: TwilioMessage) -> dict[str, object]:
        return self._account.as_json(message, CODES[message.error][1] if message.error else None)

    def _authenticate(self, request: web.Request) -> None:
        self._account.authenticate(request)

    def _refuse(self, channel: str, to: str, form: dict[str, list[str]], code: int, fault: str | None) -> None:
        account, text = self._account.settings.account_sid, requests.text_of(form)
        self._ledger.record(
            "twilio", channel, account=account, to=to, accepted=False, text=text, code=code, fault=fault
        )

    async def _misbehave(
        self, request: web.Request, fault: Fault, answer: web.Response | None = None
    ) -> web.StreamResponse:
        if fault.kind == "status":
            code = fault.error or {429: 20429, 401: 20003, 404: 20404}.get(fault.code, 20500)
            words = fault.body or CODES.get(code, (0, "Error"))[1]
            headers = {"Retry-After": str(fault.retry_after)} if fault.retry_after is not None else None
            return json_response(error_body(fault.code, code, words), fault.code, headers)
        await suffer(request, fault)
        return answer or web.Response()


_Bounds = tuple[int | None, int | None]


def _bounds(query: Mapping[str, str]) -> _Bounds:
    """[from, to) in microseconds of the DateSent filters."""
    from_, to = None, None
    for name in ("DateSent", "DateSent<", "DateSent>"):
        text = query.get(name)
        if not text:
            continue
        instant, whole_day = parse_date(text)
        start = int(instant.timestamp() * 1_000_000)
        end = int((instant + timedelta(days=1)).timestamp() * 1_000_000) if whole_day else start + 1_000_000
        if name != "DateSent<":
            from_ = start
        if name != "DateSent>":
            to = end if name == "DateSent" or whole_day else start + 1_000_000
    return from_, to


def _within(message: TwilioMessage, bounds: _Bounds) -> bool:
    from_, to = bounds
    if from_ is None and to is None:
        return True
    at = from_micros(message.sent or message.created).replace(microsecond=0)
    micros = int(at.timestamp()) * 1_000_000
    return (from_ is None or micros >= from_) and (to is None or micros < to)
