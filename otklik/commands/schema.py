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
    FLOW = "flow"


def schema(
    part: Annotated[Part, typer.Argument(help="Which file.")] = Part.CAMPAIGN,
) -> None:
    """Print the JSON Schema of a workspace's files, for your editor.

    Example: otklik schema campaign > campaign.schema.json
    """
    from bot.flows.schema import flow_schema
    from campaigns.schema import schema_of

    made = flow_schema() if part is Part.FLOW else schema_of(part.value)
    typer.echo(json.dumps(made, indent=2, ensure_ascii=False))
