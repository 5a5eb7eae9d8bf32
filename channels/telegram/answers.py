"""What the Bot API's refusals mean.

Texts are the official server's (telegram-bot-api, read 2026-11): they are the only thing that tells one 400 or 403 from
another. The first row that fits wins; a row without words fits every answer of its status.
"""

from dataclasses import dataclass

from core.errors import ChannelFault, PermanentFailure, PermanentKind, SendFailure, TransientFailure, UnknownOutcome
from core.text import clipped


@dataclass(frozen=True, slots=True)
class Answer:
    """A response that is not "ok". ``retry_after`` is seconds; ``migrate_to`` a chat id of up to 52 bits."""

    status: int
    description: str
    retry_after: float | None = None
    migrate_to: int | None = None


class NotOk(Exception):
    """Raised by the client for every answer that is not "ok"; never leaves this folder."""

    def __init__(self, answer: Answer) -> None:
        super().__init__(f"{answer.status} {answer.description}")
        self.answer = answer


_KIND = PermanentKind

REFUSALS: tuple[tuple[int, str, PermanentKind], ...] = (
    (403, "blocked by the user", _KIND.BLOCKED),
    (403, "user is deactivated", _KIND.BAD_ADDRESS),
    (403, "can't initiate conversation", _KIND.BAD_ADDRESS),  # never pressed Start
    (403, "can't send messages to bots", _KIND.BAD_ADDRESS),
    (403, "kicked", _KIND.BLOCKED),
    (403, "not a member", _KIND.BLOCKED),
    (403, "", _KIND.REJECTED),
    (400, "chat not found", _KIND.BAD_ADDRESS),
    (400, "user not found", _KIND.BAD_ADDRESS),
    (400, "peer_id_invalid", _KIND.BAD_ADDRESS),
    (400, "upgraded to a supergroup", _KIND.BAD_ADDRESS),
    (400, "message is too long", _KIND.CONTENT_REFUSED),
    (400, "caption is too long", _KIND.CONTENT_REFUSED),
    (400, "text is empty", _KIND.CONTENT_REFUSED),
    (400, "text must be non-empty", _KIND.CONTENT_REFUSED),
    (400, "can't parse", _KIND.CONTENT_REFUSED),
    (400, "button", _KIND.CONTENT_REFUSED),
    (400, "reply markup", _KIND.CONTENT_REFUSED),
    (400, "reply_markup", _KIND.CONTENT_REFUSED),
    (400, "url", _KIND.CONTENT_REFUSED),
    (400, "", _KIND.REJECTED),
    (413, "", _KIND.CONTENT_REFUSED),
)


def failure_of(answer: Answer) -> SendFailure | ChannelFault:
    """The one failure that ``answer`` to a send means."""
    status, words = answer.status, answer.description.lower()
    code, detail = str(status), clipped(answer.description, 300) or f"HTTP {status}"
    if status == 429:
        return TransientFailure(detail, code=code, retry_after=answer.retry_after)
    if status in (401, 404):
        return ChannelFault(f"Telegram does not know this bot token ({detail}); get it from @BotFather", code=code)
    if 300 <= status < 400:
        return ChannelFault(f"Telegram's address answers with a redirect ({status}); correct base_url", code=code)
    if status == 409:
        return ChannelFault(f"another program uses this bot ({detail}); stop it, or give it its own bot", code=code)
    if answer.migrate_to is not None:
        moved = str(answer.migrate_to)
        return TransientFailure(f"the group moved to chat {moved}", code=code, retry_after=0.0, moved_to=moved)
    for refused, needle, kind in REFUSALS:
        if status == refused and needle in words:
            return PermanentFailure(kind, detail, code=code)
    if 400 <= status < 500:
        return PermanentFailure(_KIND.REJECTED, detail, code=code)
    return UnknownOutcome(f"Telegram answered {status}: {detail}", code=code)


def is_unchanged(answer: Answer) -> bool:
    """Whether an edit was refused because the message reads like that already."""
    return answer.status == 400 and "message is not modified" in answer.description.lower()
