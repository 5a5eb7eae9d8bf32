"""What this worker tells of itself: that it lives, and how its accounts stand."""

from collections.abc import Iterable, Sequence

from bot.topics.mirroring import TopicDesk
from channels.dispatch import ChannelDispatcher
from channels.resting import Told
from core.standing import SPOOL, Standing
from otklik.accounts import Account
from storage.heartbeats import beat
from storage.spool import DiskSpool
from storage.store import Store


class SignsOfLife:
    """One worker's. ``deaf`` is kept by who fetches: by account, why nothing can be fetched. ``desks`` have groups."""

    def __init__(
        self, store: Store, worker: str, accounts: Iterable[Account], dispatchers: Sequence[ChannelDispatcher],
        spool: DiskSpool,
    ) -> None:  # fmt: skip
        self.deaf: dict[str, str] = {}
        self.desks: list[TopicDesk] = []
        self._store = store
        self._worker = worker
        self._accounts = accounts
        self._dispatchers = dispatchers
        self._spool = spool

    async def give(self) -> None:
        """Write them down for the other processes, the desk's and the command line's among them."""
        standings = [self._standing(account) for account in self._accounts]
        standings += [refusal for desk in self.desks for refusal in desk.refusals]
        aside = await self._spool.aside()
        if aside:
            standings.append(Standing(str(self._spool.folder), SPOOL, "fault", str(aside)))
        async with self._store.write() as connection:
            await beat(connection, self._worker, standings)

    def _standing(self, account: Account) -> Standing:
        rate = account.adapter.capabilities.rate
        rests = [one.rest.trouble for one in self._dispatchers if one.adapter is account.adapter]
        trouble, why, since = rests[0] if rests else Told()
        return Standing(
            account.name, account.channel, trouble, why, since, deaf=self.deaf.get(account.name, ""),
            rate=rate.messages / rate.seconds if rate is not None else 0.0,
        )  # fmt: skip
