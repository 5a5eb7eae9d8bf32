"""The answers in force, indexed: built again, off the loop, when what is applied has changed."""

import asyncio

from sqlalchemy.ext.asyncio import AsyncConnection

from bot.answers.index import Index
from campaigns.applying.answers import answers_version, applied_answers
from storage.store import Store


class LiveAnswers:
    """One process's index. Whoever is about to ask brings it up to date first, outside of any transaction."""

    def __init__(self) -> None:
        self.index = Index.build(())
        self._version = ""
        self._building = asyncio.Lock()

    async def refresh(self, store: Store) -> Index:
        """The index of what is applied now; most of the time one look at one row.

        Raises:
            StoreUnavailable: then the index is as it was.
        """
        async with store.read() as connection:
            return await self.refreshed(connection)

    async def refreshed(self, connection: AsyncConnection) -> Index:
        """The same by a connection that only reads: building takes up to a second a thousand answers."""
        if await answers_version(connection) == self._version:
            return self.index
        async with self._building:
            version = await answers_version(connection)
            if version != self._version:
                answers = await applied_answers(connection)
                self.index = await asyncio.to_thread(Index.build, answers)
                self._version = version
        return self.index
