"""Who may use the API, and what they were answered."""

from datetime import datetime
from typing import Any

from sqlmodel import Field, SQLModel

from core.ids import new_id
from storage.types import Id, Instant, Json


class ApiKey(SQLModel, table=True):
    """A key of the API. Its secret is shown once; ``hash`` is the SHA-256 (hex) of it. Times are machine time."""

    __tablename__ = "api_keys"

    id: str = Field(default_factory=new_id, sa_type=Id, primary_key=True)
    name: str = Field(unique=True)
    hash: str
    scopes: list[str] = Field(sa_type=Json)
    created_at: datetime = Field(sa_type=Instant)
    created_by: str = ""
    expires_at: datetime | None = Field(default=None, sa_type=Instant)
    revoked_at: datetime | None = Field(default=None, sa_type=Instant)
    last_used_at: datetime | None = Field(default=None, sa_type=Instant)


class ApiResponse(SQLModel, table=True):
    """What a request with an ``Idempotency-Key`` was answered, kept for a day. ``request`` is the hash of its body.

    ``key_id`` is the API key's; the setting's token has none and is ``environment``.
    """

    __tablename__ = "api_responses"

    key_id: str = Field(primary_key=True)
    idempotency_key: str = Field(primary_key=True)
    request: str
    status: int
    body: Any = Field(sa_type=Json)
    at: datetime = Field(sa_type=Instant, index=True)
