"""The Bot API's refusals."""


class TelegramError(Exception):
    """An answer ``{"ok": false, …}``; ``retry_after`` in seconds, ``migrate_to`` a chat's new id."""

    def __init__(
        self, code: int, description: str, retry_after: int | None = None, migrate_to: int | None = None
    ) -> None:
        super().__init__(description)
        self.code = code
        self.description = description
        self.retry_after = retry_after
        self.migrate_to = migrate_to

    def as_json(self) -> dict[str, object]:
        """The body of the answer; its HTTP status is ``code``."""
        body: dict[str, object] = {"ok": False, "error_code": self.code, "description": self.description}
        if self.retry_after is not None:
            body["parameters"] = {"retry_after": self.retry_after}
        if self.migrate_to is not None:
            body["parameters"] = {"migrate_to_chat_id": self.migrate_to}
        return body


_REASONS = {400: "Bad Request", 401: "Unauthorized", 403: "Forbidden", 404: "Not Found", 409: "Conflict"}


def refused(code: int, words: str) -> TelegramError:
    """``Bad Request: words`` and its kin."""
    return TelegramError(code, f"{_REASONS[code]}: {words}")


def too_many(retry_after: int) -> TelegramError:
    """429 with the seconds to wait."""
    return TelegramError(429, f"Too Many Requests: retry after {retry_after}", retry_after)


def migrated(chat: int) -> TelegramError:
    """400 with the id under which the group goes on."""
    return TelegramError(400, "Bad Request: group chat was upgraded to a supergroup chat", migrate_to=chat)


UNAUTHORIZED = TelegramError(401, "Unauthorized")
NOT_FOUND = TelegramError(404, "Not Found")
