"""Every table of the store. ``metadata`` is what the migrations are compared with."""

from sqlmodel import SQLModel

from storage.tables.access import ApiKey, ApiResponse
from storage.tables.answers import Question
from storage.tables.campaigns import (
    Campaign,
    CampaignVersion,
    Enrolment,
    EnrolmentHistory,
    Occurrence,
    Pause,
    Segment,
    SegmentMembership,
)
from storage.tables.chat import ChatLine
from storage.tables.choices import BudgetUse, ExperimentWeights, Grant, OfferCode, QuotaUse, Task
from storage.tables.conversations import Conversation, Response
from storage.tables.customers import Consent, ConsentRecord, Customer, Event, Identity, Suppression
from storage.tables.desk import Agent, AgentRecoveryCode, AgentSession, CannedReply, ConversationEvent
from storage.tables.flows import Flow, FlowRun, FlowVersion
from storage.tables.merging import AddressProof, DistinctPair, Merge, MergedCustomer, MergeMove
from storage.tables.messages import Attempt, Hold, Inbound, Link, Message, MessageChoice, ReceiptRow
from storage.tables.search import SearchText
from storage.tables.segments import CustomerTag, SegmentRefresh
from storage.tables.system import Audit, Blob, BlobOwner, Command, Cursor, RateSlot, Setting, Worker
from storage.tables.topics import DeskTopic

metadata = SQLModel.metadata

__all__ = [
    "AddressProof",
    "Agent",
    "AgentRecoveryCode",
    "AgentSession",
    "ApiKey",
    "ApiResponse",
    "Attempt",
    "Audit",
    "Blob",
    "BlobOwner",
    "BudgetUse",
    "Campaign",
    "CampaignVersion",
    "CannedReply",
    "ChatLine",
    "Command",
    "Consent",
    "ConsentRecord",
    "Conversation",
    "ConversationEvent",
    "Cursor",
    "Customer",
    "CustomerTag",
    "DeskTopic",
    "DistinctPair",
    "Enrolment",
    "EnrolmentHistory",
    "Event",
    "ExperimentWeights",
    "Flow",
    "FlowRun",
    "FlowVersion",
    "Grant",
    "Hold",
    "Identity",
    "Inbound",
    "Link",
    "Merge",
    "MergeMove",
    "MergedCustomer",
    "Message",
    "MessageChoice",
    "Occurrence",
    "OfferCode",
    "Pause",
    "Question",
    "QuotaUse",
    "RateSlot",
    "ReceiptRow",
    "Response",
    "SearchText",
    "Segment",
    "SegmentMembership",
    "SegmentRefresh",
    "Setting",
    "Suppression",
    "Task",
    "Worker",
    "metadata",
]
