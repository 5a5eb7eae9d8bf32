"""What staff cannot do to a customer, said in their own language."""

from core.catalogue import DEFAULT, text
from core.errors import Refused
from desk.rendering import Reader


class CannotBe(Refused):
    """Something that staff asked for cannot be; ``name`` is its text in the desk's catalogue (``desk.customers_…``)."""

    def __init__(self, name: str, **values: object) -> None:
        super().__init__(text(DEFAULT, f"desk.customers_{name}", **values))
        self.name, self.values = name, values

    def said_to(self, reader: Reader) -> str:
        """In the reader's language."""
        return reader.say(f"customers_{self.name}", **self.values)
