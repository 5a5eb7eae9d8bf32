"""Against a server that we did not write: Postfix's ``smtp-sink``, whose own files are the ledger."""

import asyncio
import os
import shutil
from contextlib import asynccontextmanager, suppress
from email import message_from_bytes

import pytest

from core.errors import PermanentFailure, TransientFailure
from otklik.demo.processes import kept_port

SINK = shutil.which("smtp-sink") or shutil.which("smtp-sink", path="/usr/sbin")
pytestmark = pytest.mark.skipif(not SINK, reason="Postfix's smtp-sink is not installed here")


@pytest.fixture
def port():
    with kept_port() as kept:
        yield kept


@asynccontextmanager
async def running_sink(folder, port, *options):
    """Every mail that it takes becomes a file in ``folder``."""
    user = ("-u", "nobody") if os.geteuid() == 0 else ()
    folder.chmod(0o777)
    folder.parent.chmod(0o755)
    process = await asyncio.create_subprocess_exec(
        SINK, *user, "-R", str(folder), "-d", "%H%M%S.", *options, f"127.0.0.1:{port}", "100"
    )
    try:
        async with asyncio.timeout(60):
            while True:
                with suppress(OSError):
                    _, writer = await asyncio.open_connection("127.0.0.1", port)
                    writer.close()
                    break
                await asyncio.sleep(0.02)
        yield
    finally:
        process.terminate()
        await process.wait()


def taken(folder):
    return [message_from_bytes(path.read_bytes().replace(b"\n", b"\r\n")) for path in folder.iterdir()]


async def over(adapter, messages):
    """Send all of them over its sessions, each session its own run."""
    outcomes = {}
    waiting = iter(messages)

    async def session():
        message = next(waiting, None)
        while message is not None:
            following = next(waiting, None)
            try:
                outcomes[message.id] = await adapter.send_before(message, following)
            except (TransientFailure, PermanentFailure) as failure:
                outcomes[message.id] = failure
            message = following

    await asyncio.gather(*(session() for _ in range(4)))
    return outcomes


@pytest.mark.parametrize("options", [(), ("-p",), ("-e",)], ids=["pipelined", "stepwise", "without EHLO"])
async def test_each_mail_arrives_once_as_it_was_written(mail, adapter, tmp_path, port, options):
    folder = tmp_path / "taken"
    folder.mkdir()
    messages = [mail(text=f"number {n}\n.\n..\nend {n}", subject=f"{n}") for n in range(60)]
    async with running_sink(folder, port, *options), adapter(port) as out:
        outcomes = await over(out, messages)
    arrived = {part["Message-ID"]: part for part in taken(folder)}
    assert len(arrived) == len(list(folder.iterdir())) == 60
    for n, message in enumerate(messages):
        part = arrived[outcomes[message.id].provider_id]
        assert part["Subject"] == str(n)
        assert part.get_payload().replace("\r\n", "\n").rstrip("\n") == f"number {n}\n.\n..\nend {n}"


@pytest.mark.parametrize(
    ("option", "raised"),
    [("-r", TransientFailure), ("-f", PermanentFailure)],
    ids=["4yz", "5yz"],
)
async def test_refused_recipients_are_told_and_nothing_arrives(mail, adapter, tmp_path, port, option, raised):
    folder = tmp_path / "taken"
    folder.mkdir()
    messages = [mail() for _ in range(8)]
    async with running_sink(folder, port, option, "RCPT"), adapter(port) as out:
        outcomes = await over(out, messages)
    assert {type(outcomes[message.id]) for message in messages} == {raised}
    assert [part for part in taken(folder) if part["Message-ID"]] == []  # it keeps a note of the session alone
