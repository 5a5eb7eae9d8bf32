"""What the parts of a definition are made of."""

from collections.abc import Mapping
from decimal import Decimal
from typing import Annotated, Any, Self

from pydantic import BaseModel, ConfigDict, Field, PlainSerializer, StringConstraints

Name = Annotated[str, StringConstraints(pattern=r"^[a-z0-9][a-z0-9_-]{0,62}$")]
TemplateName = Annotated[str, StringConstraints(pattern=r"^@?[a-z0-9][a-z0-9_+-]{0,126}$")]
"""A folder of the workspace's; ``@FLOW`` and ``@FLOW+FOLDER`` are the first words of a flow."""
Words = Annotated[frozenset[str], PlainSerializer(sorted)]
"""A set whose JSON has an order: what is hashed and compared must not depend on a process's hash seed."""
Clock = Annotated[str, StringConstraints(pattern=r"^([01]\d|2[0-3]):[0-5]\d$")]
"""A wall-clock time, ``HH:MM``."""
Currency = Annotated[str, StringConstraints(pattern=r"^[A-Z]{3}$")]
Share = Annotated[Decimal, Field(ge=0, le=1, decimal_places=6), PlainSerializer(str)]
"""A part of the whole, from 0 to 1."""
Amount = Annotated[Decimal, Field(ge=0, decimal_places=6), PlainSerializer(str)]
"""An amount of money in whole units of its currency."""
Plain = Mapping[str, Any]
"""JSON data."""


class Value(BaseModel):
    """A frozen value that travels into the store and back; unknown keys are refused."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    def __copy__(self) -> Self:
        """A copy of the fields alone: what was worked out of them may not hold where ``model_copy`` changes some."""
        copied = super().__copy__()
        for name in copied.__dict__.keys() - type(self).model_fields.keys():
            del copied.__dict__[name]
        return copied
