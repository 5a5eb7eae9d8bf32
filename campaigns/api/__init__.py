"""The HTTP API: a shop's own systems tell us of customers and events, start campaigns and read reports."""

from campaigns.api.access import Door, Rates
from campaigns.api.application import api_application
from campaigns.api.shop_events import LARGEST_BODY, events_router

__all__ = ["LARGEST_BODY", "Door", "Rates", "api_application", "events_router"]
