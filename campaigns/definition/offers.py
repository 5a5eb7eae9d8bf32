"""``offers.yaml`` once read: what may be promised to a customer. Pinned with the version that promises it."""

from typing import Literal

from pydantic import Field

from campaigns.definition.values import Name, Value
from campaigns.periods import Period


class Offer(Value):
    """A promise. One grant a customer and ``product``, over all campaigns.

    ``code`` is the same for all, or empty where each customer gets one of their own (``codes: unique``, imported from a
    file). It is good for ``valid`` from the grant. ``low_stock`` codes left raise an alert.
    """

    name: Name
    title: str = ""
    product: Name
    codes: Literal["same", "unique", "none"] = "none"
    code: str = ""
    valid: Period | None = None
    low_stock: int = Field(default=0, ge=0)
