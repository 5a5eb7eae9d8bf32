"""WhatsApp by Twilio."""

from core.machines.message import MessageState
from core.messages import Address, OutboundMessage
from core.purposes import Purpose
from otklik.contract import MESSAGE_ID
from tests.contract.drivers.twilio import TwilioDriver


class WhatsappDriver(TwilioDriver):
    kind = "whatsapp"
    message = OutboundMessage(MESSAGE_ID, Address("whatsapp", "+447700900123"), Purpose.MARKETING, "Still interested?")
    letters = ("whatsapp_inbound", "whatsapp_button", "whatsapp_scoped")
    statuses = {
        "status_read": MessageState.READ,
        "status_window_closed": MessageState.FAILED,
    }
