"""What a server of the Bot API's shape can do, as data.

Telegram: https://core.telegram.org/bots/api (10.1, read 2026-11). Bale: https://docs.bale.ai (read 2026-11), the same
addresses and answers with fewer methods: every text is Markdown of its own kind, a webhook carries no secret, and the
bot is not told who blocked it.
"""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Dialect:
    """One kind of server. Limits are in UTF-16 units (texts), bytes (data, files) and pieces (buttons, albums).

    ``styles`` is how a text says how it looks: ``entities`` beside it, or ``markdown`` within it. ``secret_header``
    says whether the webhook's secret comes in a header; otherwise it is part of the webhook's address.
    ``paid_broadcast`` says whether it sells more messages a second, ``replies`` whether a message may answer another.
    """

    name: str
    title: str
    base_url: str
    styles: str = "entities"
    secret_header: bool = True
    paid_broadcast: bool = False
    replies: bool = False
    allowed_updates: tuple[str, ...] = ()
    methods: frozenset[str] = frozenset()
    text_limit: int = 4096
    caption_limit: int = 1024
    callback_bytes: int = 64
    buttons: int = 100
    album: int = 10
    photo_bytes: int = 10 * 1024 * 1024
    upload_bytes: int = 50 * 1024 * 1024
    download_bytes: int = 20 * 1024 * 1024

    @property
    def menus(self) -> bool:
        """Whether a bot can give itself menus, by scope and language."""
        return self.methods >= _MENUS

    @property
    def topics(self) -> bool:
        """Whether it has groups with topics."""
        return self.methods >= _FORUM


_COMMON = frozenset(
    {
        "getMe",
        "getUpdates",
        "setWebhook",
        "deleteWebhook",
        "sendMessage",
        "sendPhoto",
        "sendDocument",
        "sendMediaGroup",
        "editMessageText",
        "answerCallbackQuery",
        "getFile",
    }
)

_FORUM = frozenset({"createForumTopic", "closeForumTopic", "reopenForumTopic"})
_MENUS = frozenset({"getMyCommands", "setMyCommands"})

TELEGRAM = Dialect(
    name="telegram",
    title="Telegram",
    base_url="https://api.telegram.org",
    paid_broadcast=True,
    replies=True,
    allowed_updates=("message", "edited_message", "callback_query", "my_chat_member"),
    methods=_COMMON | {"editMessageReplyMarkup", "sendVoice"} | _FORUM | _MENUS,
)
BALE = Dialect(
    name="bale",
    title="Bale",
    base_url="https://tapi.bale.ai",
    styles="markdown",
    secret_header=False,
    methods=_COMMON,
)
DIALECTS = {dialect.name: dialect for dialect in (TELEGRAM, BALE)}
