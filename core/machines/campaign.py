"""A campaign: what a marketer starts, pauses and stops."""

from enum import StrEnum

from core.transitions import Machine, Transition


class CampaignState(StrEnum):
    """Where a campaign stands."""

    DRAFT = "draft"  # applied, not started
    ACTIVE = "active"  # enrols and sends
    PAUSED = "paused"  # due rows are not claimed; clocks are frozen
    STOPPED = "stopped"  # ended by a person before its time
    ENDED = "ended"  # its period is over and nobody is in flight
    ARCHIVED = "archived"  # out of sight, kept for reports


_S = CampaignState

START = Transition("start", "CampaignStarted", frozenset({_S.DRAFT}), _S.ACTIVE)
PAUSE = Transition("pause", "CampaignPaused", frozenset({_S.ACTIVE}), _S.PAUSED, effect="opens a pause interval")
RESUME = Transition(
    "resume", "CampaignResumed", frozenset({_S.PAUSED}), _S.ACTIVE, effect="shifts due_at by the length of the pause"
)
STOP = Transition(
    "stop",
    "CampaignStopped",
    frozenset({_S.DRAFT, _S.ACTIVE, _S.PAUSED}),
    _S.STOPPED,
    effect="open enrolments exit, planned messages are cancelled",
)
END = Transition("end", "CampaignEnded", frozenset({_S.ACTIVE}), _S.ENDED)
ARCHIVE = Transition("archive", "CampaignArchived", frozenset({_S.STOPPED, _S.ENDED}), _S.ARCHIVED)

CAMPAIGN = Machine("campaign", CampaignState, _S.DRAFT, (START, PAUSE, RESUME, STOP, END, ARCHIVE))
