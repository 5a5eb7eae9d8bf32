"""Mail fetched by IMAP (RFC 3501, IDLE: RFC 2177): imap-tools in one thread, so that the loop never waits for a socket.

The place to go on from is (UIDVALIDITY, UID), never a date or a sequence number, and moves only past what was fetched.
When UIDVALIDITY changes, everything since the first poll is given again; who stores it drops repeats by Message-ID.
Mails are read by PEEK in a folder opened read-only: nothing in the mailbox changes.
"""

import asyncio
import imaplib
import re
import socket
import ssl
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from typing import TypeVar

from imap_tools import BaseMailBox, ImapToolsError, MailBox, MailboxLoginError, MailBoxStartTls, MailBoxUnencrypted

from channels.email.inbound import read_delivery
from channels.email.settings import ImapSettings
from core.errors import ConfigurationError, OtklikError
from core.messages import EMAIL, ChannelEvent, RawInbound

T = TypeVar("T")
Cursor = dict[str, object]
"""``uidvalidity`` and ``uid``: the last mail that was given. ``since``: the day, by the server, that history ends."""

ASKED_AT_ONCE = 50_000
"""Mails whose numbers are asked for in one search: eleven bytes each, in a line of a million at most."""
_FAILURES = (imaplib.IMAP4.error, ImapToolsError, OSError, ssl.SSLError, EOFError, ValueError)
_SIZE = re.compile(rb"UID (\d+)[^\r\n]*RFC822\.SIZE (\d+)|RFC822\.SIZE (\d+)[^\r\n]*UID (\d+)")
_DAY = re.compile(rb'INTERNALDATE "\s?(\d{1,2}-[A-Za-z]{3}-\d{4})')


class MailboxUnreachable(OtklikError):
    """The mail server cannot be reached or broke off; nothing was skipped, the next poll goes on."""


class ImapMailbox:
    """One folder, polled by one task at a time."""

    def __init__(self, settings: ImapSettings) -> None:
        self._settings = settings
        self._thread = ThreadPoolExecutor(1, thread_name_prefix=f"imap-{settings.account}")
        self._box: BaseMailBox | None = None
        self._job: asyncio.Future[object] | None = None
        self._announces = False  # whether the server knows IDLE
        self._stopped = False

    @property
    def account(self) -> str:
        return self._settings.account

    async def poll(self, cursor: Cursor) -> tuple[list[RawInbound], Cursor]:
        """What came after ``cursor``; waits up to ``idle`` seconds for news. Keep the new cursor once that is stored.

        Raises:
            MailboxUnreachable: try again later with the same cursor.
            ConfigurationError: the login or the folder is refused.
        """
        found, cursor = await self._run(lambda: self._fetch(cursor))
        if not found and await self.wait(self._settings.idle):
            found, cursor = await self._run(lambda: self._fetch(cursor))
        return found, cursor

    async def wait(self, seconds: float) -> bool:
        """Whether the server announced something within ``seconds``; simply waits where it knows no IDLE."""
        if seconds <= 0:
            return False
        if self._box is None or not self._announces:
            await asyncio.sleep(seconds)
            return True
        return await self._run(lambda: self._idle(seconds))

    def parse(self, raw: RawInbound) -> list[ChannelEvent]:
        """What a fetched mail means; of one that was too large, the header and a note."""
        return read_delivery(raw)

    async def check(self) -> str:
        """Log in and open the folder.

        Raises:
            ConfigurationError: what is wrong and what to do.
        """
        try:
            await self._run(lambda: self._select(self._connected()))
        except MailboxUnreachable as failure:
            raise ConfigurationError(f"{failure}; check imap_host, imap_port and imap_tls") from None
        return f"{self._settings.host}:{self._settings.port} opens {self._settings.folder} of {self._settings.username}"

    async def close(self) -> None:
        """Break off what is under way, log out, end the thread."""
        self._stopped = True
        await self._break_off()
        if self._box is not None:
            with suppress(MailboxUnreachable):
                await self._run(self._log_out)
        idle = self._job is None or self._job.done()
        self._thread.shutdown(wait=idle, cancel_futures=True)

    # --- between loop and thread ---------------------------------------------------------------------------------

    async def _run(self, work: Callable[[], T]) -> T:
        """``work`` in the thread. When we are cancelled, its socket is cut and its end is waited for."""
        job: asyncio.Future[T] = asyncio.get_running_loop().run_in_executor(self._thread, work)
        self._job = job  # type: ignore[assignment]
        try:
            return await asyncio.shield(job)
        except asyncio.CancelledError:
            await self._break_off()
            raise
        except _FAILURES as error:
            self._drop()
            raise MailboxUnreachable(f"{self._where}: {_said(error)}") from error

    async def _break_off(self) -> None:
        job = self._job
        if job is None or job.done():
            return
        box = self._box
        if box is not None:
            with suppress(OSError):  # not SSLSocket.shutdown: it takes the TLS object from under the thread's feet
                socket.socket.shutdown(box.client.sock, socket.SHUT_RDWR)
        await asyncio.wait((job,), timeout=self._settings.timeout + 1)
        if job.done() and not job.cancelled():
            job.exception()  # seen: it was broken off
        self._drop()

    def _drop(self) -> None:
        box, self._box = self._box, None
        if box is not None:
            with suppress(*_FAILURES):
                box.client.shutdown()

    @property
    def _where(self) -> str:
        return f"mailbox {self._settings.username} at {self._settings.host}:{self._settings.port}"

    # --- in the thread -------------------------------------------------------------------------------------------

    def _connected(self) -> BaseMailBox:
        if self._stopped:
            raise OSError("closed")
        if self._box is not None:
            return self._box
        given = self._settings
        box: BaseMailBox
        if given.tls == "none":
            box = MailBoxUnencrypted(given.host, given.port, given.timeout)
        else:
            context = ssl.create_default_context(cafile=given.ca_file or None)
            kind = MailBox if given.tls == "tls" else MailBoxStartTls
            box = kind(given.host, given.port, timeout=given.timeout, ssl_context=context)
        self._box = box
        try:
            plain = given.username.isascii() and given.password.isascii()
            (box.login if plain else box.login_utf8)(given.username, given.password, initial_folder=None)
            _, capabilities = box.client.capability()  # servers say more after the login
            self._announces = b"IDLE" in b" ".join(filter(None, capabilities)).upper().split()
        except (MailboxLoginError, imaplib.IMAP4.error) as error:
            if isinstance(error, imaplib.IMAP4.abort):
                raise
            self._drop()
            raise ConfigurationError(
                f"{self._where} refused the login: {_said(error)}; check imap_username and imap_password"
            ) from None
        return box

    def _select(self, box: BaseMailBox) -> tuple[int, int]:
        """(UIDVALIDITY, UIDNEXT or 0); selecting anew shows what is new."""
        try:
            box.folder.set(self._settings.folder, readonly=True)
        except ImapToolsError as error:
            raise ConfigurationError(
                f"{self._where} does not open {self._settings.folder!r}: {_said(error)}; check imap_folder"
            ) from None
        return _number(box, "UIDVALIDITY"), _number(box, "UIDNEXT")

    def _fetch(self, cursor: Cursor) -> tuple[list[RawInbound], Cursor]:
        kept = self._box
        try:
            validity, following = self._select(self._connected())
        except _FAILURES:
            if kept is None or self._stopped:
                raise
            self._drop()  # a connection that was kept may have timed out
            validity, following = self._select(self._connected())
        box = self._connected()
        if not cursor and self._settings.history == "new":
            return [], self._starting_point(box, validity, following)
        last, criteria = 0, f"SINCE {cursor['since']}" if cursor.get("since") else "ALL"
        if cursor.get("uidvalidity") == validity:
            last = int(str(cursor.get("uid", 0)))
            criteria = f"UID {last + 1}:*"
        uids = _after(box, last, criteria, following)
        found, last = self._mails(box, validity, uids[: self._settings.batch], last)
        return found, {**cursor, "uidvalidity": validity, "uid": last}

    def _starting_point(self, box: BaseMailBox, validity: int, following: int) -> Cursor:
        """Behind all that is there."""
        uids = [int(uid) for uid in box.uids(f"UID {following or 1}:*", charset=None)]  # the last one at least
        cursor: Cursor = {"uidvalidity": validity, "uid": max([following - 1, *uids])}
        if uids:
            day = _DAY.search(_flat(_fetched(box, str(max(uids)), "(INTERNALDATE)")))
            cursor["since"] = day[1].decode() if day else ""
        return cursor

    def _mails(self, box: BaseMailBox, validity: int, uids: list[int], last: int) -> tuple[list[RawInbound], int]:
        """The mails of ``uids`` and the last UID that is behind us: all before a failure count."""
        found: list[RawInbound] = []
        if not uids:
            return found, last
        sizes = _sizes(_fetched(box, ",".join(map(str, uids)), "(UID RFC822.SIZE)"))
        room = self._settings.batch_bytes
        for uid in uids:
            size = sizes.get(uid)
            room -= min(size or 0, self._settings.largest)
            if found and room < 0:
                break
            try:
                raw = self._mail(box, validity, uid, size or 0) if size is not None else None
            except _FAILURES:
                if not found:
                    raise
                self._drop()
                break
            if raw is not None:
                found.append(raw)
            last = uid
        return found, last

    def _mail(self, box: BaseMailBox, validity: int, uid: int, size: int) -> RawInbound | None:
        """One mail, None if it was deleted meanwhile; its header only if it is larger than we take."""
        whole = size <= self._settings.largest
        answer = _fetched(box, str(uid), "(BODY.PEEK[])" if whole else "(BODY.PEEK[HEADER])")
        payload = next((part[1] for part in answer if isinstance(part, tuple)), None)
        if payload is None:
            return None
        meta: dict[str, object] = {"folder": self._settings.folder, "size": size}
        if not whole:
            meta["left_out"] = f"[This mail of {size:,} bytes was too large to fetch; it is still in the mailbox.]"
        return RawInbound(self._settings.account, EMAIL, f"{validity}:{uid}", payload, meta)

    def _idle(self, seconds: float) -> bool:
        try:
            return bool(self._connected().idle.wait(timeout=min(seconds, 25 * 60)))
        except _FAILURES:
            if self._stopped:
                raise
            self._drop()  # half a line is enough for that: the next fetch connects anew, or tells that it cannot
            return True

    def _log_out(self) -> None:
        if self._box is not None:
            try:
                self._box.logout()
            except _FAILURES:
                self._drop()  # it was gone already, and its socket is still ours
            self._box = None


def _after(box: BaseMailBox, last: int, criteria: str, following: int) -> list[int]:
    """UIDs over ``last``, in order: all of them, or some of the first where the folder is large.

    An answer with hundreds of thousands of numbers is longer than a line may be, so a large folder is asked in parts.
    """
    few = _number(box, "EXISTS") <= ASKED_AT_ONCE
    if few or following - last <= ASKED_AT_ONCE:
        parts = [criteria]
    else:
        more = criteria if criteria.startswith("SINCE") else ""
        starts = range(last + 1, following, ASKED_AT_ONCE)
        parts = [f"UID {start}:{start + ASKED_AT_ONCE - 1} {more}".strip() for start in starts]
    for part in parts:
        if uids := sorted(uid for uid in map(int, box.uids(part, charset=None)) if uid > last):
            return uids
    return []


def _fetched(box: BaseMailBox, uids: str, parts: str) -> list[bytes | tuple[bytes, bytes]]:
    """The parts of a UID FETCH's answer.

    Raises:
        OSError: if the server says no: without its answer nothing may be passed over.
    """
    status, data = box.client.uid("FETCH", uids, parts)
    if status != "OK":
        raise OSError(f"FETCH {uids} {parts}: {status} {data!r}"[:300])
    return [part for part in data if part is not None]


def _flat(answer: list[bytes | tuple[bytes, bytes]]) -> bytes:
    return b"\n".join(part if isinstance(part, bytes) else part[0] for part in answer)


def _sizes(answer: list[bytes | tuple[bytes, bytes]]) -> dict[int, int]:
    """Bytes of each UID; a deleted mail is missing."""
    return {int(a or d): int(b or c) for a, b, c, d in _SIZE.findall(_flat(answer))}


def _number(box: BaseMailBox, name: str) -> int:
    """A number that the server said when the folder was opened, 0 if it did not."""
    _, data = box.client.response(name)
    return int(data[0]) if data and data[0] else 0


def _said(error: BaseException) -> str:
    return " ".join(str(error).split())[:300] or type(error).__name__
