"""Twilio: SMS and WhatsApp over its Messages API."""
