"""What a campaign and a workspace are once their YAML has been read: plain frozen values that travel into the store.

The loader (:mod:`campaigns.workspace`) turns a marketer's short forms into these; the engine reads nothing else.
"""

from campaigns.definition.campaign import CampaignBody, CampaignDefinition
from campaigns.definition.choices import Budget, Experiment, OfferCandidate, OfferChoice
from campaigns.definition.desk import Desk
from campaigns.definition.files import KeptFile
from campaigns.definition.offers import Offer
from campaigns.definition.starts import ActivePeriod, Goal, Start
from campaigns.definition.steps import (
    BEST,
    DEFAULT_UNTIL,
    END,
    EVENT,
    FLOW,
    Action,
    Arm,
    BranchStep,
    EndStep,
    FlowStep,
    FlowVersion,
    GiveStep,
    HandoffStep,
    Leg,
    Pace,
    Quota,
    SendStep,
    SetStep,
    Step,
    TaskStep,
    WaitStep,
    WebhookStep,
    When,
)
from campaigns.definition.workspace import (
    Brand,
    Cap,
    ChannelPolicy,
    NoSendDays,
    Rate,
    SendingHours,
    Staff,
    Utm,
    WorkspaceConfig,
)

__all__ = [
    "BEST",
    "DEFAULT_UNTIL",
    "END",
    "EVENT",
    "FLOW",
    "Action",
    "ActivePeriod",
    "Arm",
    "BranchStep",
    "Brand",
    "Budget",
    "CampaignBody",
    "CampaignDefinition",
    "Cap",
    "ChannelPolicy",
    "Desk",
    "EndStep",
    "Experiment",
    "FlowStep",
    "FlowVersion",
    "GiveStep",
    "Goal",
    "HandoffStep",
    "KeptFile",
    "Leg",
    "NoSendDays",
    "Offer",
    "OfferCandidate",
    "OfferChoice",
    "Pace",
    "Quota",
    "Rate",
    "SendStep",
    "SendingHours",
    "SetStep",
    "Staff",
    "Start",
    "Step",
    "TaskStep",
    "Utm",
    "WaitStep",
    "WebhookStep",
    "When",
    "WorkspaceConfig",
]
