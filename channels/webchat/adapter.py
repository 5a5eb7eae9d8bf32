"""The web chat as a channel: sending is keeping a line in the visitor's window, which their browser then shows.

The provider is this very program, so that its answer is never lost: a line is kept under our message's id, and keeping
it again changes nothing. A visitor who is away finds it when they come back; what they do not see in time goes on by
email (:mod:`bot.continuation`).
"""

from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

import orjson

from channels.adapter import Capabilities
from channels.webchat.frames import MAX_TEXT, Said
from channels.webchat.hub import Hub
from channels.webchat.lines import Lines
from channels.webchat.settings import WebchatSettings
from channels.webchat.visitors import NewVisitors
from core.errors import ConfigurationError, PermanentFailure, PermanentKind, StoreUnavailable, TransientFailure
from core.ids import ID_LENGTH
from core.machines.message import MessageState
from core.messages import (
    WEBCHAT,
    Address,
    ChannelEvent,
    ContactLeft,
    DeliveryReport,
    InboundMessage,
    OutboundMessage,
    RawInbound,
    Receipt,
)

SESSIONS = 4
BUTTONS = 20


class WebchatAdapter:
    """One chat for the sites in its settings. ``lines`` is given to it before it opens."""

    def __init__(self, settings: WebchatSettings) -> None:
        self.settings = settings
        self.hub = Hub(settings.windows, settings.windows_per_visitor)
        self.new_visitors = NewVisitors(settings.new_visitors, settings.new_visitors_per_network)
        self.lines: Lines | None = None
        self.capabilities = Capabilities(
            channel=WEBCHAT,
            text_limit=MAX_TEXT,
            buttons=BUTTONS,
            reports_delivery=True,
            reports_reading=True,
            sessions=SESSIONS,
        )

    def __repr__(self) -> str:
        return f"WebchatAdapter({self.account!r})"

    @property
    def account(self) -> str:
        return self.settings.account

    async def open(self) -> None:
        """Needs nothing but its lines."""
        if self.lines is None:
            raise ConfigurationError(f"{self.account}: nobody keeps the chat's lines")

    async def close(self) -> None:
        """Windows are closed by the server that they are connected to."""

    async def check(self) -> str:
        """One sentence about where the window may stand."""
        return f"the chat may stand on {', '.join(self.settings.origins)}"

    async def send(self, message: OutboundMessage) -> Receipt:
        """Put the message into its visitor's window.

        Raises:
            PermanentFailure: an address that is no visitor's, an empty or overlong text, too many buttons, files.
            TransientFailure: the store is away; trying again is safe.
        """
        visitor, content = _checked(message)
        if self.lines is None:
            raise TransientFailure("the chat is not open yet")
        try:
            line = await self.lines.add(visitor, "out", message.id, message.text, content)
        except StoreUnavailable as error:
            raise TransientFailure(str(error)) from error
        self.hub.nudge(visitor)
        return Receipt(line.id)

    def parse(self, raw: RawInbound) -> list[ChannelEvent]:
        """One stored delivery of a window: a line, an address that was left, or how far our lines came. Pure.

        Of what is no such delivery it makes nothing.
        """
        said = _decoded(raw.payload)
        visitor, account, key = _word(said, "visitor"), raw.account, raw.key
        sender = Address(WEBCHAT, visitor)
        if not visitor:
            return []
        match said.get("kind"):
            case "reached":
                state = MessageState.READ if said.get("seen") else MessageState.DELIVERED
                lines = said.get("lines")
                ids = [id_ for id_ in lines if isinstance(id_, str) and id_] if isinstance(lines, list) else []
                return [
                    DeliveryReport(account=account, provider_id=id_, status=state, key=f"{key}:{id_}") for id_ in ids
                ]
            case "email":
                return [ContactLeft(account, key, sender, *(_word(said, name) for name in ("email", "name", "locale")))]
            case _:
                return [
                    InboundMessage(
                        account=account,
                        key=key,
                        sender=sender,
                        text=_word(said, "text"),
                        button=_word(said, "button"),
                        sender_name=_word(said, "name"),
                        locale=_word(said, "locale"),
                        customer=_word(said, "customer"),
                        zone=_word(said, "zone"),
                    )
                ]


def delivery(
    account: str, visitor: str, said: Said, *, name: str, locale: str, customer: str, zone: str = ""
) -> RawInbound:
    """What a visitor said, as it is stored before it is acknowledged."""
    payload: dict[str, Any] = {"kind": "email" if said.email else "line", "visitor": visitor}
    payload |= {
        field: value
        for field, value in {**asdict(said), "name": name, "locale": locale, "customer": customer, "zone": zone}.items()
        if value and field != "key"
    }
    return RawInbound(account, WEBCHAT, f"{visitor}:{said.key}", orjson.dumps(payload))


def reached(account: str, visitor: str, lines: list[str], *, seen: bool) -> RawInbound:
    """How far our lines came, as a delivery."""
    payload = {"kind": "reached", "visitor": visitor, "lines": lines, "seen": seen}
    return RawInbound(account, WEBCHAT, f"{visitor}:{'seen' if seen else 'got'}:{lines[-1]}", orjson.dumps(payload))


def _decoded(payload: bytes) -> Mapping[str, Any]:
    try:
        said = orjson.loads(payload)
    except orjson.JSONDecodeError:
        return {}
    return said if isinstance(said, dict) else {}


def _word(said: Mapping[str, Any], name: str) -> str:
    value = said.get(name)
    return value if isinstance(value, str) else ""


def _checked(message: OutboundMessage) -> tuple[str, dict[str, Any]]:
    """The visitor and what goes into the window beside the text."""
    visitor = message.to.value
    if len(visitor) != ID_LENGTH:
        raise PermanentFailure(PermanentKind.BAD_ADDRESS, f"{visitor!r} is no visitor of the chat")
    if message.attachments:
        raise PermanentFailure(PermanentKind.UNSUPPORTED, "the chat carries no files; send a link")
    if not message.text.strip():
        raise PermanentFailure(PermanentKind.CONTENT_REFUSED, "the text is empty")
    if len(message.text) > MAX_TEXT:
        raise PermanentFailure(
            PermanentKind.CONTENT_REFUSED, f"the text has {len(message.text)} characters; the chat takes {MAX_TEXT}"
        )
    if len(message.buttons) > BUTTONS:
        raise PermanentFailure(PermanentKind.CONTENT_REFUSED, f"the chat shows at most {BUTTONS} buttons")
    buttons = [{"label": one.label, "value": one.value or one.label, "url": one.url} for one in message.buttons]
    content: dict[str, Any] = {}
    if buttons:
        content["buttons"] = buttons
    if message.spans:
        content["spans"] = [asdict(span) for span in message.spans]
    if message.replaces:
        content["replaces"] = message.replaces
    return visitor, content
