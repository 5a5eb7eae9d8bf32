"""The channel contract: one suite over every registered kind."""

from channels.registry import ADAPTERS
from otklik.contract import ChannelContract, InboundContract, PipelineContract, WebhookContract
from tests.contract.drivers.email import EmailDriver
from tests.contract.drivers.gateway import KavenegarDriver, SmscDriver
from tests.contract.drivers.telegram import TelegramDriver
from tests.contract.drivers.twilio_sms import SmsDriver
from tests.contract.drivers.twilio_whatsapp import WhatsappDriver
from tests.contract.drivers.webchat import WebchatDriver


class TestEmail(ChannelContract, WebhookContract, PipelineContract):
    driver = EmailDriver()


class TestTelegram(ChannelContract, WebhookContract):
    driver = TelegramDriver()


class TestTelegramByPtb(ChannelContract, WebhookContract):
    driver = TelegramDriver("ptb")


class TestSms(ChannelContract, WebhookContract):
    driver = SmsDriver()


class TestSmsBySmsc(ChannelContract, WebhookContract):
    driver = SmscDriver()


class TestSmsByKavenegar(ChannelContract, WebhookContract):
    driver = KavenegarDriver()


class TestWhatsapp(ChannelContract, WebhookContract):
    driver = WhatsappDriver()


class TestWebchat(ChannelContract, InboundContract):
    """Its provider is this program: the driver's ``lacks`` say which facts there are none of, and why.

    ``WebhookContract`` is not for it: windows speak over a WebSocket (``tests/channels/webchat/test_socket.py``).
    """

    driver = WebchatDriver()


def test_every_registered_kind_has_its_cases() -> None:
    tried = {value.driver.kind for value in globals().values() if isinstance(value, type) and "driver" in vars(value)}
    assert tried == set(ADAPTERS)
