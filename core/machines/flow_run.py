"""A run of a flow: one customer's way through one version of a flow."""

from enum import StrEnum

from core.transitions import Machine, Transition


class FlowRunState(StrEnum):
    """Where a run stands. Open: asking, calling. The others are closed."""

    ASKING = "asking"  # waits for the customer
    CALLING = "calling"  # waits for a system of the shop's, or for the answers bot
    FINISHED = "finished"  # came to an end
    HANDED_OVER = "handed_over"  # a person goes on
    LEFT = "left"  # the customer went away from it, or somebody else took the conversation
    SILENT = "silent"  # a question was not answered in time


_S = FlowRunState
OPEN_RUNS = frozenset({_S.ASKING, _S.CALLING})

ASK = Transition("ask", "QuestionAsked", OPEN_RUNS, _S.ASKING)
CALL = Transition("call", "AnswerRequested", OPEN_RUNS, _S.CALLING)
FINISH = Transition("finish", "FlowFinished", OPEN_RUNS, _S.FINISHED)
HAND_OVER = Transition("hand_over", "FlowHandedOver", OPEN_RUNS, _S.HANDED_OVER, effect="the conversation is queued")
LEAVE = Transition("leave", "FlowLeft", OPEN_RUNS, _S.LEFT)
FALL_SILENT = Transition("fall_silent", "QuestionTimedOut", frozenset({_S.ASKING}), _S.SILENT)

FLOW_RUN = Machine("flow run", FlowRunState, _S.ASKING, (ASK, CALL, FINISH, HAND_OVER, LEAVE, FALL_SILENT))
