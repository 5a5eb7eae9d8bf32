"""Facts for the engine: what a batch of due journeys needs to know, in a few set-based queries."""

from campaigns.facts.circumstances import Circumstances
from campaigns.facts.journeys import DueJourney, anything_due, due_condition, load_due
from campaigns.facts.loading import load_circumstances, return_unused

__all__ = [
    "Circumstances",
    "DueJourney",
    "anything_due",
    "due_condition",
    "load_circumstances",
    "load_due",
    "return_unused",
]
