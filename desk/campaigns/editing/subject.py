"""What an editor is open for: a campaign, a flow of the bot, or the answers of one topic."""

import re
from dataclasses import dataclass
from enum import StrEnum

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncConnection

from campaigns.applying import Change
from campaigns.applying.answers import answers_version
from storage.outbox.columns import table
from storage.tables import Campaign, Flow

_CAMPAIGNS, _FLOWS = table(Campaign), table(Flow)


class Kind(StrEnum):
    """Named as :class:`campaigns.applying.Change` names its subjects."""

    CAMPAIGN = "campaign"
    FLOW = "flow"
    ANSWERS = "answers"


ROOMS = {Kind.CAMPAIGN: "campaigns", Kind.FLOW: "flows", Kind.ANSWERS: "answers"}
"""The workspace's folder of each, and the part of a page's address."""


@dataclass(frozen=True, slots=True)
class Subject:
    """``file`` is where it stands in the workspace, or would; answers have one more a language."""

    kind: Kind
    name: str
    file: str

    def holds(self, change: Change) -> bool:
        """Whether a change is one of its own. Answers come into force whole."""
        return change.subject == self.kind and (self.kind is Kind.ANSWERS or change.name == self.name)

    async def standing(self, connection: AsyncConnection) -> str:
        """What the store has of it; empty if it has nothing. A campaign: its version and the one to be approved."""
        if self.kind is Kind.ANSWERS:
            return await answers_version(connection)
        if self.kind is Kind.FLOW:
            version = await connection.scalar(select(_FLOWS.c.version).where(_FLOWS.c.name == self.name))
            return str(version or "")
        wanted = select(_CAMPAIGNS.c.version, _CAMPAIGNS.c.pending).where(_CAMPAIGNS.c.name == self.name)
        row = (await connection.execute(wanted)).first()
        return f"{row.version}:{row.pending}" if row is not None else ""


def naming(kind: Kind, name: str) -> re.Pattern[str]:
    """The line of a file that says that it is the one of that name."""
    return re.compile(rf"(?m)^{kind}:[ \t]*(['\"]?){re.escape(name)}\1[ \t]*(#.*)?$")
