"""The company's mailbox, served over IMAP by pymap with its in-memory backend."""

# ruff: noqa: SLF001 - pymap has no interface for a restored mailbox with a new UIDVALIDITY

import asyncio
import logging
from argparse import Namespace
from datetime import datetime
from uuid import uuid4

from proxyprotocol.sock import SocketInfo
from pymap.backend.dict import Config, DictBackend
from pymap.backend.dict.mailbox import MailboxData
from pymap.imap import IMAPServer
from pymap.parsing.message import AppendMessage
from pysasl.hashing import Cleartext

_log = logging.getLogger("sandbox.imap")

USER = "otklik"
PASSWORD = "sandbox"  # noqa: S105 - the sandbox's published password


class CompanyMailbox:
    """One account with an INBOX. Can be taken away and be given a new UIDVALIDITY, as servers do."""

    def __init__(self) -> None:
        self._config: Config | None = None
        self._server: asyncio.Server | None = None
        self._inbox: MailboxData | None = None
        self._sessions: set[asyncio.Task[None]] = set()
        self._host = ""
        self.port = 0
        self.delivered = 0

    @property
    def up(self) -> bool:
        """Whether the server listens."""
        return self._server is not None

    async def start(self, host: str, port: int) -> None:
        """Listen on ``host``; ``port`` 0 takes a free one, kept over later stops and starts."""
        logging.getLogger("pymap").setLevel(logging.ERROR)
        arguments = Namespace(
            host=host, port=port, debug=False, cert=None, key=None, tls=False,
            inherited_sockets=None, proxy_protocol=None, passlib_cfg=None,
            demo_data=False, demo_user=USER, demo_password=PASSWORD,
        )  # fmt: skip
        backend, config = await DictBackend.init(
            arguments, reject_dnsbl=False, invalid_user_sleep=0.0, hash_context=Cleartext()
        )
        config.apply_context()
        self._config, self._backend = config, backend
        async with backend.login.demo_user_identity.new_session() as session:
            self._inbox = await session.mailbox_set.get_mailbox("INBOX")
        self._host, self.port = host, port
        await self.open()

    async def open(self) -> None:
        """Listen again on the same port."""
        if self._server is not None or self._config is None:
            return
        handle = IMAPServer(self._backend.login, self._config)

        async def session(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            who = SocketInfo.get(writer, None, unique_id=uuid4().bytes)
            task = asyncio.create_task(handle(reader, writer, who))
            self._sessions.add(task)
            try:
                await asyncio.wait((task,))
            finally:
                task.cancel()
                self._sessions.discard(task)
            error = None if task.cancelled() else task.exception()
            if error is not None and not isinstance(error, ConnectionError) and not writer.is_closing():
                _log.error("an IMAP session failed: %r", error)  # of a client that is gone, pymap's errors say nothing

        self._server = await asyncio.start_server(session, self._host, self.port)
        self.port = self._server.sockets[0].getsockname()[1]

    async def close(self) -> None:
        """Stop listening and drop who is connected."""
        if self._server is None:
            return
        server, self._server = self._server, None
        server.close()
        for task in list(self._sessions):
            task.cancel()
        if self._sessions:
            await asyncio.wait(self._sessions, timeout=2)

    async def deliver(self, raw: bytes, at: datetime) -> None:
        """Put a mail into the INBOX; clients in IDLE hear of it."""
        if self._inbox is None:
            raise RuntimeError("the company's mailbox was not started")
        await self._inbox.append(AppendMessage(raw, at), recent=True)
        self.delivered += 1

    async def renumber(self) -> int:
        """Rebuild the mailbox as after a restore: new UIDVALIDITY, new UIDs, same mails. Drops who is connected."""
        if self._inbox is None:
            raise RuntimeError("the company's mailbox was not started")
        inbox = self._inbox
        was_up = self.up
        await self.close()
        async with inbox.messages_lock.write_lock():
            kept = [inbox._messages[uid] for uid in sorted(inbox._messages)]
            inbox._messages.clear()
            inbox._uid_validity += 1
            inbox._max_uid = 0
            for message in kept:
                inbox._max_uid += 1
                inbox._messages[inbox._max_uid] = type(message).copy(message, uid=inbox._max_uid)
            inbox._mod_sequences.update(list(inbox._messages))
        if was_up:
            await self.open()
        return inbox.uid_validity
