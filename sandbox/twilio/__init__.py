"""Twilio's Messages API for SMS and WhatsApp: sends, status callbacks, inbound messages, opt-outs."""
