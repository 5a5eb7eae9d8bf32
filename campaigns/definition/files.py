"""A file that a campaign's messages carry, as its version names it."""

from pydantic import Field

from campaigns.definition.values import Value


class KeptFile(Value):
    """``blob`` is the SHA-256 (hex) under which the store keeps the bytes, ``size`` how many they are."""

    blob: str = Field(min_length=64, max_length=64)
    size: int = Field(ge=0)
    media_type: str
