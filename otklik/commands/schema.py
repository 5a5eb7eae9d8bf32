"""``otklik schema``: the JSON Schemas that editors complete and check by."""

import json
from enum import StrEnum
from typing import Annotated

import typer


class Part(StrEnum):
    """The files that have a schema."""

    CAMPAIGN = "campaign"
    WORKSPACE = "workspace"
    SEGMENTS = "segments"
    OFFERS = "offers"


def schema(
    part: Annotated[Part, typer.Argument(help="Which file.")] = Part.CAMPAIGN,
) -> None:
    """Print the JSON Schema of a workspace's files, for your editor.

    Example: otklik schema campaign > campaign.schema.json
    """
    from campaigns.schema import schema_of

    typer.echo(json.dumps(schema_of(part.value), indent=2, ensure_ascii=False))
