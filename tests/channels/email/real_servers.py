"""Debian's Postfix and Dovecot as private instances: own directories, loopback only, gone with the test."""

import asyncio
import os
import pwd
import shutil
import signal
import tempfile
from contextlib import asynccontextmanager, suppress
from pathlib import Path

import pytest

from otklik.demo.processes import kept_port

OURS = "shop.example.com"
PASSWORD = "sandbox"
needs_dovecot = pytest.mark.skipif(
    not shutil.which("dovecot") or os.geteuid() != 0, reason="dovecot is not installed here, or we are not root"
)
needs_postfix = pytest.mark.skipif(
    not shutil.which("postfix") or os.geteuid() != 0, reason="postfix is not installed here, or we are not root"
)

DOVECOT = """
protocols = imap
listen = 127.0.0.1
base_dir = {where}/run
state_dir = {where}/run
log_path = {where}/dovecot.log
mail_location = maildir:{where}/mail/shop
ssl = no
disable_plaintext_auth = no
mail_max_userip_connections = 50
service imap-login {{
  chroot =
  inet_listener imap {{
    port = {port}
  }}
  inet_listener imaps {{
    port = 0
  }}
}}
service anvil {{
  chroot =
}}
passdb {{
  driver = static
  args = password={password}
}}
userdb {{
  driver = static
  args = uid=nobody gid=nogroup home={where}/mail
}}
"""

POSTFIX = """
compatibility_level = 3.6
queue_directory = {where}/queue
data_directory = {where}/data
maillog_file = {where}/postfix.log
maillog_file_prefixes = /tmp
inet_interfaces = 127.0.0.1
inet_protocols = ipv4
myhostname = mx.example.org
mydestination =
local_recipient_maps =
alias_maps =
mynetworks = 127.0.0.0/8
smtpd_reject_unlisted_recipient = no
smtpd_relay_restrictions = permit_mynetworks, reject
recipient_delimiter = +
virtual_mailbox_domains = shop.example.com, example.net
virtual_mailbox_base = {where}/mail
virtual_mailbox_maps = inline:{{ reply@shop.example.com=shop/, mina@example.net=mina/ }}
virtual_uid_maps = static:{uid}
virtual_gid_maps = static:{gid}
transport_maps = inline:{{ later.example.org=smtp:[127.0.0.1]:{closed} }}
delay_warning_time = 1s
minimal_backoff_time = 1s
queue_run_delay = 1s
"""

MASTER = """
127.0.0.1:{port} inet n - n - - smtpd
pickup unix n - n 60 1 pickup
cleanup unix n - n - 0 cleanup
qmgr unix n - n 300 1 qmgr
rewrite unix - - n - - trivial-rewrite
bounce unix - - n - 0 bounce
defer unix - - n - 0 bounce
trace unix - - n - 0 bounce
verify unix - - n - 1 verify
flush unix n - n 1000? 0 flush
proxymap unix - - n - - proxymap
smtp unix - - n - - smtp
relay unix - - n - - smtp
showq unix n - n - - showq
error unix - - n - - error
retry unix - - n - - error
discard unix - - n - - discard
virtual unix - n n - - virtual
anvil unix - - n - 1 anvil
scache unix - - n - 1 scache
postlog unix-dgram n - n - 1 postlogd
"""


@asynccontextmanager
async def place():
    """A directory that the servers' own users may enter, with a short name: Unix sockets have little room for one."""
    where = Path(tempfile.mkdtemp(prefix="mail-", dir="/tmp"))
    _opened(where)
    try:
        yield where
    finally:
        shutil.rmtree(where, ignore_errors=True)


def _opened(where):
    where.chmod(0o755)
    (where / "mail").mkdir()
    owner = pwd.getpwnam("nobody")
    os.chown(where / "mail", owner.pw_uid, owner.pw_gid)


@asynccontextmanager
async def dovecot(where, port):
    """The IMAP server over ``where``/mail/shop; killed on leaving, so that it can be taken away and come back."""
    config = where / "dovecot.conf"
    config.write_text(DOVECOT.format(where=where, port=port, password=PASSWORD))
    (where / "run").mkdir(exist_ok=True)
    process = await asyncio.create_subprocess_exec(
        "dovecot", "-F", "-c", str(config), stdout=asyncio.subprocess.DEVNULL, stderr=asyncio.subprocess.DEVNULL,
        start_new_session=True,
    )  # fmt: skip
    try:
        await listening(port, where / "dovecot.log")
        yield
    finally:
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)  # its sessions too, which would outlive it
        async with asyncio.timeout(60):
            await process.wait()


@asynccontextmanager
async def postfix(where, port):
    """The submission server; it delivers for reply@shop.example.com and mina@example.net, and bounces the rest."""
    config, owner = where / "postfix", pwd.getpwnam("nobody")
    for directory in (config, where / "queue", where / "data"):
        directory.mkdir()
    os.chown(where / "data", pwd.getpwnam("postfix").pw_uid, -1)
    (config / "master.cf").write_text(MASTER.format(port=port))
    quiet = {"stdout": asyncio.subprocess.DEVNULL, "stderr": asyncio.subprocess.DEVNULL}
    with kept_port() as closed:
        settings = POSTFIX.format(where=where, uid=owner.pw_uid, gid=owner.pw_gid, closed=closed)
        (config / "main.cf").write_text(settings)
        process = await asyncio.create_subprocess_exec("postfix", "-c", str(config), "start-fg", **quiet)
        try:
            await listening(port, where / "postfix.log")
            yield
        finally:
            # its master is in a session of its own, and outlives whoever started it
            stop = await asyncio.create_subprocess_exec("postfix", "-c", str(config), "stop", **quiet)
            async with asyncio.timeout(60):
                await stop.wait()
            with suppress(ProcessLookupError):
                process.terminate()
            async with asyncio.timeout(60):
                await process.wait()


async def listening(port, log):
    """Wait until something answers on ``port``."""
    try:
        async with asyncio.timeout(60):
            while True:
                try:
                    _, writer = await asyncio.open_connection("127.0.0.1", port)
                except OSError:
                    await asyncio.sleep(0.05)
                else:
                    writer.transport.abort()
                    return
    except TimeoutError:
        said = log.read_text()[-2000:] if log.exists() else "nothing"
        pytest.fail(f"nothing listens on {port}; its log says: {said}")


def delivered(where, number, raw):
    """Put a mail into the mailbox as a delivery agent does: written beside, then moved in."""
    owner = pwd.getpwnam("nobody")
    for part in ("", "tmp", "new", "cur"):
        directory = where / "mail" / "shop" / part
        if not directory.exists():
            directory.mkdir(parents=True)
            os.chown(directory, owner.pw_uid, owner.pw_gid)
    written = where / "mail" / "shop" / "tmp" / f"{number}.mail"
    written.write_bytes(raw)
    os.chown(written, owner.pw_uid, owner.pw_gid)
    written.rename(where / "mail" / "shop" / "new" / f"{1700000000 + number}.M{number}.mx")
