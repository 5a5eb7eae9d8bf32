"""The sessions of a mail account: kept open between mails, spread over its servers.

A mail moves on to another server, or to a new session, only before its content has begun to leave.
"""

import ssl

from channels.email.connecting import connect
from channels.email.replies import Reply
from channels.email.servers import Rota, Turns
from channels.email.session import Envelope, Session
from channels.email.settings import EmailSettings
from channels.email.wire import ConnectionLost
from core.clock import uptime
from core.errors import ChannelFault, PermanentFailure, PermanentKind, TransientFailure


class Pool:
    """Hands mails to whichever server is next. ``context`` is for those that encrypt."""

    def __init__(self, settings: EmailSettings) -> None:
        self.context: ssl.SSLContext | None = None
        self._settings = settings
        self._rota = Rota(settings.submission())
        self._idle: dict[Turns, list[Session]] = {}
        self._opened: dict[str, tuple[Turns, Session]] = {}
        self._open = False

    def open(self, context: ssl.SSLContext | None) -> None:
        """Connections are made when they are needed."""
        self.context, self._open = context, True

    async def send(self, envelope: Envelope, raw: bytes, following: Envelope | None = None) -> Reply:
        """The reply to the content; the envelope of ``following`` may leave behind it.

        Raises:
            TransientFailure, PermanentFailure, UnknownOutcome, ChannelFault: as of every adapter.
        """
        turns, session = self._opened.pop(envelope.id, (None, None))
        tried: list[Turns] = []
        refusal: TransientFailure | ChannelFault | None = None
        while True:
            if turns is None:
                try:
                    turns = await self._rota.take(tried)
                except TransientFailure:
                    if refusal is not None:  # of the last server that was tried
                        raise refusal from None
                    raise
            try:
                return await self._at(turns, session, envelope, raw, following)
            except _TurnedAway as error:
                refusal = error.refusal
                turns.rest(uptime(), refusal.detail)
                tried.append(turns)
                turns = session = None

    async def _at(
        self, turns: Turns, session: Session | None, envelope: Envelope, raw: bytes, following: Envelope | None
    ) -> Reply:
        """One try at one server. Raises ``_TurnedAway`` where the server is at fault and the mail has not left."""
        try:
            if session is not None and not session.alive:
                session.abort()
                session = None
            if session is None:
                session = await self._session(turns)
            ahead = following if following is not None and self._rota.stays(turns) else None
            try:
                reply = await self._handed(turns, session, envelope, raw, ahead)
            except ConnectionLost:
                session = await self._connected(turns)
                reply = await self._handed(turns, session, envelope, raw, ahead)
            turns.worked()
            return reply
        except TransientFailure as error:
            if session is not None and session.turned_away:
                raise _TurnedAway(error) from error
            raise
        finally:
            self._give_back(turns, session)

    async def _handed(
        self, turns: Turns, session: Session, envelope: Envelope, raw: bytes, ahead: Envelope | None
    ) -> Reply:
        if not envelope.is_ascii and "smtputf8" not in session.extensions:
            raise PermanentFailure(
                PermanentKind.UNSUPPORTED,
                f"{envelope.recipient.decode()!r} needs SMTPUTF8, which {turns.server.host} does not offer",
            )
        return await session.send(envelope, raw, ahead)

    async def _session(self, turns: Turns) -> Session:
        """An idle session that still lives, else a new one."""
        idle = self._idle.get(turns)
        while idle:
            session = idle.pop()
            usable = False
            try:
                usable = await session.ready()
            finally:
                if not usable:
                    session.abort()
            if usable:
                return session
        return await self._connected(turns)

    async def _connected(self, turns: Turns) -> Session:
        try:
            return await connect(self._settings, turns.server, self.context)
        except (TransientFailure, ChannelFault) as error:
            raise _TurnedAway(error) from error

    def _give_back(self, turns: Turns, session: Session | None) -> None:
        if session is not None and self._open and session.alive:
            if session.opened:  # its place is kept for the mail whose envelope it carries
                self._opened[session.opened] = turns, session
                return
            self._idle.setdefault(turns, []).append(session)
        elif session is not None:
            session.abort()
        self._rota.give_back(turns)

    def abandon(self, envelope_id: str) -> None:
        """The mail whose envelope was sent ahead is not coming: its session cannot be used for another."""
        turns, session = self._opened.pop(envelope_id, (None, None))
        if turns is not None and session is not None:
            session.abort()
            self._rota.give_back(turns)

    async def close(self) -> None:
        """Say goodbye to every idle session."""
        self._open = False
        for id_ in list(self._opened):
            self.abandon(id_)
        for idle in self._idle.values():
            while idle:
                idle.pop().quit()


class _TurnedAway(Exception):
    """A server did not let us in, or sent the session away; the mail was proven not sent."""

    def __init__(self, refusal: TransientFailure | ChannelFault) -> None:
        super().__init__(refusal.detail)
        self.refusal = refusal
