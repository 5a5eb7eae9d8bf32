"""SMS by Twilio."""

from core.machines.message import MessageState
from core.messages import Address, OutboundMessage
from core.purposes import Purpose
from otklik.contract import MESSAGE_ID
from tests.contract.drivers.twilio import TwilioDriver


class SmsDriver(TwilioDriver):
    kind = "sms"
    message = OutboundMessage(MESSAGE_ID, Address("sms", "+12025550142"), Purpose.MARKETING, "Still interested?")
    letters = ("sms_inbound", "sms_stop", "mms_inbound")
    statuses = {
        "status_sent": MessageState.ACCEPTED,
        "status_delivered": MessageState.DELIVERED,
        "status_undelivered": MessageState.FAILED,
        "status_failed_passing": MessageState.FAILED,
    }
