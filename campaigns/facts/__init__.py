"""Facts for the engine: what a batch of due journeys needs to know, in a few set-based queries."""

from campaigns.facts.circumstances import Circumstances
from campaigns.facts.journeys import (
    DueJourney,
    Prospect,
    anything_due,
    due_condition,
    load_due,
    load_in_flight,
    load_prospects,
)
from campaigns.facts.loading import load_circumstances, return_unused

__all__ = [
    "Circumstances",
    "DueJourney",
    "Prospect",
    "anything_due",
    "due_condition",
    "load_circumstances",
    "load_due",
    "load_in_flight",
    "load_prospects",
    "return_unused",
]
