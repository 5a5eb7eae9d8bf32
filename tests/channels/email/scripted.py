"""An SMTP server that fails where it is told to, and keeps a ledger of the mails it took."""

import asyncio
from collections import defaultdict
from contextlib import asynccontextmanager

DROP = "drop"
"""Close the connection instead of answering."""
SILENCE = "silence"
"""Never answer; the connection stays open."""

DEFAULTS = {
    "greeting": "220 scripted ESMTP",
    "ehlo": "250-scripted\r\n250-SMTPUTF8\r\n250 AUTH PLAIN",
    "auth": "235 2.7.0 ok",
    "mail": "250 2.1.0 ok",
    "rcpt": "250 2.1.5 ok",
    "data": "354 go on",
    "dot": "250 2.0.0 queued as 7",
    "rset": "250 2.0.0 ok",
    "noop": "250 2.0.0 ok",
    "quit": "221 2.0.0 bye",
}


class ScriptedServer:
    """``script`` maps a verb to its answer, to a list of answers, the last of which stays, or to a function of the
    recipient that gives the answer.

    ``took`` are the mails that were answered with 2yz, ``saw`` also those that came to the final dot. ``delivered`` are
    the former with the recipient of their envelope.
    """

    def __init__(self, script):
        self.script = {**DEFAULTS, **script}
        self.counts = defaultdict(int)
        self.commands = []
        self.took = []
        self.saw = []
        self.delivered = []
        self.content_came = asyncio.Event()
        self.spoke = asyncio.Event()
        self.connections = 0
        self.port = 0
        self._writers = []

    def _answer(self, verb, recipient):
        answer = self.script.get(verb, "502 5.5.1 what?")
        if callable(answer):
            answer = answer(recipient)
        if isinstance(answer, list):
            answer = answer[min(self.counts[verb], len(answer) - 1)]
        self.counts[verb] += 1
        return answer

    async def _say(self, verb, writer, recipient=""):
        answer = self._answer(verb, recipient)
        if answer == SILENCE:
            await asyncio.Event().wait()
        if answer.endswith(DROP):
            writer.write(answer.removesuffix(DROP).encode())
            raise ConnectionResetError
        writer.write(answer.encode() + b"\r\n")
        return answer

    async def serve(self, reader, writer):
        self.connections += 1
        self._writers.append(writer)
        recipient = ""
        try:
            await self._say("greeting", writer)
            while line := await reader.readline():
                self.commands.append(line.decode().rstrip("\r\n"))
                self.spoke.set()
                verb = line.split()[0].decode().lower()
                if verb == "rcpt":
                    recipient = line.decode().partition("<")[2].partition(">")[0]
                answer = await self._say(verb, writer, recipient)
                if verb == "data" and answer.startswith("354"):
                    if self.script.get("content") == DROP:
                        await reader.readline()
                        raise ConnectionResetError
                    raw = await reader.readuntil(b"\r\n.\r\n")
                    mail = raw[:-3].replace(b"\r\n..", b"\r\n.")
                    self.saw.append(mail)
                    self.content_came.set()
                    if (await self._say("dot", writer, recipient)).startswith("2"):
                        self.took.append(mail)
                        self.delivered.append((recipient, mail))
                if verb == "quit":
                    break
        except (ConnectionError, asyncio.IncompleteReadError):
            pass
        finally:
            writer.close()


@asynccontextmanager
async def scripted(**script):
    """A running server; gone, with all its connections, at the end."""
    server = ScriptedServer(script)
    tasks = set()

    def accept(reader, writer):
        task = asyncio.ensure_future(server.serve(reader, writer))
        tasks.add(task)
        task.add_done_callback(tasks.discard)

    listener = await asyncio.start_server(accept, "127.0.0.1", 0)
    server.port = listener.sockets[0].getsockname()[1]
    try:
        yield server
    finally:
        listener.close()
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        await listener.wait_closed()
