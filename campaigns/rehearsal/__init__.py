"""Rehearsals: the tests that a campaign file carries, played by the simulation for one customer each."""

from campaigns.rehearsal.cases import Case, Expected, Given
from campaigns.rehearsal.playing import Verdict, rehearse
from campaigns.rehearsal.reading import read_cases

__all__ = ["Case", "Expected", "Given", "Verdict", "read_cases", "rehearse"]
