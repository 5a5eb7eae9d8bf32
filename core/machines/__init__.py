"""Every state machine of the system, one file each; ``docs/state-machines.md`` is generated from them."""

from core.machines.campaign import CAMPAIGN
from core.machines.conversation import CONVERSATION
from core.machines.enrolment import ENROLMENT
from core.machines.flow_run import FLOW_RUN
from core.machines.message import MESSAGE

MACHINES = (CAMPAIGN, ENROLMENT, MESSAGE, CONVERSATION, FLOW_RUN)

__all__ = ["CAMPAIGN", "CONVERSATION", "ENROLMENT", "FLOW_RUN", "MACHINES", "MESSAGE"]
