"""Talking: what the bot says to a message that was just logged. Pure.

This is the one place where both ways of handling a message, by itself and in a batch, ask for an answer.
"""

from dataclasses import dataclass
from typing import Any, Literal

from bot.context import Context
from bot.conversations import planned_row
from bot.keywords import script_language
from core import catalogue
from core.machines.conversation import LIVE_CHAT
from core.messages import TELEGRAM, InboundMessage
from core.purposes import Purpose

Guest = Literal["stranger", "joined", "consented"]
"""Who opens the bot: somebody without a link, whose link joined them to a customer, and who may hear offers there."""


@dataclass(frozen=True, slots=True)
class Heard:
    """A message in its conversation, whose fence is ``token``. ``locale`` is the customer's, as far as it is known."""

    inbound: InboundMessage
    customer_id: str
    identity_id: str
    conversation_id: str
    message_id: str
    locale: str = ""
    token: int = 0


@dataclass(frozen=True, slots=True)
class Said:
    """An answer by its texts in the catalogue. ``token`` keeps a repeat from being said again."""

    token: str
    text: str
    subject: str
    purpose: Purpose


def opens_the_bot(inbound: InboundMessage) -> bool:
    """Pressing Start is how a chat begins: it answers nothing and agrees to nothing by itself."""
    return inbound.sender.channel == TELEGRAM and inbound.text.strip().partition(" ")[0].partition("@")[0] == "/start"


def bot_is_silent(conversation: Any) -> bool:
    """Whether the bot has nothing to say in the conversation: people have it, or its customer is blocked."""
    return conversation.state in LIVE_CHAT or conversation.blocked_at is not None


def talk(inbound: InboundMessage, guest: Guest = "stranger") -> Said | None:
    """What the bot answers; None where it has nothing to say."""
    if opens_the_bot(inbound):
        return Said("welcome", f"welcome.{guest}", "help.subject", Purpose.CONVERSATION)
    return None


def language_for(locale: str, inbound: InboundMessage, context: Context) -> str:
    """What the customer reads, as far as anything tells."""
    return locale or inbound.locale or script_language(inbound.text) or context.config.locale


def said_row(heard: Heard, said: Said, context: Context) -> dict[str, Any]:
    """The answer on a messenger as the message that is to leave."""
    language = language_for(heard.locale, heard.inbound, context)
    return planned_row(
        customer_id=heard.customer_id,
        identity_id=heard.identity_id,
        channel=heard.inbound.sender.channel,
        conversation_id=heard.conversation_id,
        client_token=f"{said.token}:{heard.message_id}",
        purpose=said.purpose,
        content={"text": catalogue.text(language, said.text, brand=context.config.brand.name)},
        now=context.now,
        owner_token=heard.token,
    )
