"""The gateway: ``POST /sys/send.php`` and ``/sys/balance.php`` with ``fmt=3``, reports and messages by a posted form.

Shape: https://smsc.ru/api/http/ (read 2026-11). Errors come with HTTP 200, and before anything is accepted.
"""

from dataclasses import dataclass
from itertools import count
from urllib.parse import urlencode

from aiohttp import web

from sandbox.clock import BusinessClock
from sandbox.faults import Faults
from sandbox.guard import read_object
from sandbox.ledger import Ledger
from sandbox.outbound import Outbound
from sandbox.people import People, Person
from sandbox.settings import apply_settings
from sandbox.wire import json_response, read_form, suffer

DELIVERED_AFTER = 3.0  # seconds of business time after acceptance
TEXT_LIMIT = 1000
DELIVERED, WRONG_NUMBER = "1", "22"
ERRORS = {
    1: "parameters error",
    2: "invalid login or key",
    3: "not enough money",
    6: "message is denied",
    7: "invalid phone number",
    9: "too many requests",
}


@dataclass(slots=True)
class GatewaySettings:
    """``key`` is the account's; reports and messages are posted to ``webhook_url``, if any."""

    key: str = "sandbox-key-of-the-gateway"
    webhook_url: str | None = None
    balance: str = "100.50"


class GatewayApi:
    """Routes and what happens behind them."""

    def __init__(
        self, *, clock: BusinessClock, people: People, ledger: Ledger, faults: Faults, outbound: Outbound
    ) -> None:
        self._clock = clock
        self._people = people
        self._ledger = ledger
        self._faults = faults
        self._outbound = outbound
        self._numbers = count(1001)
        self.settings = GatewaySettings()

    def routes(self) -> list[web.RouteDef]:
        """What to mount."""
        return [
            web.post("/sys/send.php", self.send),
            web.post("/sys/balance.php", self.balance),
            web.post("/control/gateway", self.set_up),
            web.post("/control/gateway/write", self.write),
        ]

    async def send(self, request: web.Request) -> web.StreamResponse:
        """Accept a message, or say why not; recorded before anything is answered."""
        form = {name: values[-1] for name, values in (await read_form(request)).items()}
        phone, text = "+" + form.get("phones", "").lstrip("+"), form.get("mes", "")
        fault = self._faults.strike("gateway", "sms", phone)
        error = self._complaint(form, phone, text)
        if fault is not None and fault.kind == "status":
            error = fault.error or 9
        if error:
            self._record(phone, text, code=error, fault=fault.label if fault else None)
            return json_response({"error": ERRORS.get(error, "error"), "error_code": error})
        if fault is not None and fault.kind == "drop_before":
            self._record(phone, text, code=0, fault=fault.label)
            await suffer(request, fault)
            return web.Response()
        number = next(self._numbers)
        self._record(phone, text, provider_id=str(number), fault=fault.label if fault else None)
        person = self._people.by_phone.get(phone)
        self._clock.schedule(DELIVERED_AFTER, lambda: self._arrive(number, phone, person, text))
        if fault is not None:
            await suffer(request, fault)
        return json_response({"id": number, "cnt": 1})

    async def balance(self, request: web.Request) -> web.Response:
        """The account's money."""
        form = {name: values[-1] for name, values in (await read_form(request)).items()}
        if form.get("apikey") != self.settings.key:
            return json_response({"error": ERRORS[2], "error_code": 2})
        return json_response({"balance": self.settings.balance})

    async def set_up(self, request: web.Request) -> web.Response:
        """POST gateway {key, webhook_url, balance}."""
        return json_response(apply_settings(self.settings, await read_object(request)))

    async def write(self, request: web.Request) -> web.Response:
        """POST {"person", "text"}: the person writes to the company."""
        body = await read_object(request)
        person, text = self._people.get(str(body.get("person"))), str(body.get("text") or "")
        self._people.post(person, "sms", "customer", text)
        number = str(next(self._numbers))
        told = {"sms_id": number, "phone": (person.phone or "").lstrip("+"), "mes": text}
        return json_response({"taken": await self._post(told)})

    def _complaint(self, form: dict[str, str], phone: str, text: str) -> int:
        if form.get("apikey") != self.settings.key:
            return 2
        if not phone[1:].isdigit() or not 7 <= len(phone) - 1 <= 15:
            return 7
        return 1 if not text or len(text) > TEXT_LIMIT or form.get("fmt") != "3" else 0

    def _record(
        self, phone: str, text: str, *, provider_id: str | None = None, code: int | None = None, fault: str | None
    ) -> None:
        self._ledger.record(
            "gateway", "sms", account="gateway", to=phone, accepted=provider_id is not None,
            provider_id=provider_id, text=text, code=code, fault=fault,
        )  # fmt: skip

    async def _arrive(self, number: int, phone: str, person: Person | None, text: str) -> None:
        reaches = person is not None and person.sms
        if person is not None and reaches:
            self._people.post(person, "sms", "company", text, provider_id=str(number), status="delivered")
        status = DELIVERED if reaches else WRONG_NUMBER
        copies = self._faults.copies("gateway", "sms", phone)
        for _ in range(copies):
            await self._post({"id": str(number), "phone": phone.lstrip("+"), "status": status, "err": "0"})

    async def _post(self, fields: dict[str, str]) -> bool:
        if self.settings.webhook_url is None:
            return False
        headers = {"Content-Type": "application/x-www-form-urlencoded"}
        answer = await self._outbound.request(
            "POST", self.settings.webhook_url, data=urlencode(fields).encode(), headers=headers
        )
        return answer.ok
