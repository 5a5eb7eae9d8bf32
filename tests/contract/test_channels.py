"""The channel contract: one suite over every registered kind."""

from channels.registry import ADAPTERS
from otklik.contract import ChannelContract, PipelineContract, WebhookContract
from tests.contract.drivers.email import EmailDriver
from tests.contract.drivers.gateway import KavenegarDriver, SmscDriver
from tests.contract.drivers.telegram import TelegramDriver
from tests.contract.drivers.twilio_sms import SmsDriver
from tests.contract.drivers.twilio_whatsapp import WhatsappDriver

WITHOUT_PROVIDER = {"webchat"}
"""Channels of our own, from end to end: their tests stand beside the others of the channel."""


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


def test_every_registered_kind_has_its_cases() -> None:
    tried = {value.driver.kind for value in globals().values() if isinstance(value, type) and "driver" in vars(value)}
    assert tried == set(ADAPTERS) - WITHOUT_PROVIDER
