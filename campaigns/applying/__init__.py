"""From the folder to the store, whole or not at all: what a process runs is only what was applied.

A version that is there already is not written again. Settings and segments are live at once; what becomes of customers
in flight is the campaign's ``edits``.
"""

from campaigns.applying.changes import Applied, Change, segment_hash, version_hash
from campaigns.applying.versions import AppliedVersion, approve, roll_back, versions_of
from campaigns.applying.writing import Part, apply, diff

__all__ = [
    "Applied",
    "AppliedVersion",
    "Change",
    "Part",
    "apply",
    "approve",
    "diff",
    "roll_back",
    "segment_hash",
    "version_hash",
    "versions_of",
]
