"""Reading a mapping strictly, periods included."""

from campaigns.periods import Period
from core.reading.fields import KINDS, kind_of
from core.reading.fields import Fields as PlainFields

__all__ = ["KINDS", "Fields", "kind_of"]


class Fields(PlainFields):
    """The keys of one mapping of a workspace."""

    def period(self, key: str, default: Period | None = None) -> Period | None:
        """A period such as ``3d``."""
        return self.parsed(key, Period.parse, default)
