"""Encryption: a certificate that we were told to trust, and one that we were not."""

import asyncio
import shutil
import ssl
import subprocess

import pytest
from aiosmtpd.smtp import SMTP

from core.errors import ChannelFault

OPENSSL = shutil.which("openssl")
pytestmark = pytest.mark.skipif(OPENSSL is None, reason="makes its certificate with openssl")


class Sink:
    def __init__(self):
        self.mails = []

    async def handle_DATA(self, server, session, envelope):  # noqa: N802 - aiosmtpd's name
        self.mails.append(envelope.content)
        return "250 OK"


@pytest.fixture(scope="module")
def certificate(tmp_path_factory):
    """(certificate, key) for 127.0.0.1, signed by itself."""
    folder = tmp_path_factory.mktemp("tls")
    cert, key = folder / "cert.pem", folder / "key.pem"
    command = (
        "req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 2 -subj /CN=127.0.0.1 "
        "-addext subjectAltName=IP:127.0.0.1"
    )
    subprocess.run([OPENSSL, *command.split(), "-keyout", key, "-out", cert], check=True, capture_output=True)
    return cert, key


@pytest.mark.parametrize("tls", ["starttls", "tls"])
async def test_a_mail_over_an_encrypted_session(mail, adapter, certificate, tls):
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(*certificate)
    sink = Sink()
    upgrade = {"tls_context": context, "require_starttls": True} if tls == "starttls" else {}
    listener = await asyncio.get_running_loop().create_server(
        lambda: SMTP(sink, hostname="sink", **upgrade), "127.0.0.1", 0, ssl=context if tls == "tls" else None
    )
    port = listener.sockets[0].getsockname()[1]
    try:
        async with adapter(port, tls=tls, ca_file=str(certificate[0])) as out:
            assert "encrypted" in await out.check()
            await out.send(mail())
            await out.send(mail())
        assert len(sink.mails) == 2
        async with adapter(port, tls=tls) as out:
            with pytest.raises(ChannelFault, match="ca_file"):
                await out.send(mail())
        # who speaks first where TLS begins with the first byte? Nobody: only that is waited for no longer than need be
        async with adapter(port, tls="none", timeout=30.0 if tls == "starttls" else 0.5) as out:
            with pytest.raises(ChannelFault if tls == "starttls" else Exception):
                await out.send(mail())
        assert len(sink.mails) == 2
    finally:
        listener.close()
        await listener.wait_closed()
