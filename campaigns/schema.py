"""JSON Schemas (draft 2020-12) of the workspace's files, for editors. The readers decide; these help while typing."""

from campaigns.schemas.campaign import campaign
from campaigns.schemas.parts import Schema
from campaigns.schemas.segments import segments
from campaigns.schemas.workspace import offers, workspace

PARTS = ("campaign", "workspace", "segments", "offers")


def schema_of(part: str) -> Schema:
    """The schema of one of :data:`PARTS`.

    Raises:
        KeyError: for another word.
    """
    made = {"campaign": _campaign, "workspace": workspace, "segments": segments, "offers": offers}[part]()
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", "title": f"Otklik {part}", **made}


def _campaign() -> Schema:
    return campaign(segments()["$defs"]["condition"])
