"""An enrolment: one customer's journey through one campaign version."""

from enum import StrEnum

from core.transitions import Machine, Transition


class EnrolmentState(StrEnum):
    """Where a journey stands. Open: waiting, held. The others are closed."""

    WAITING = "waiting"  # for its next due instant, or for an event
    HELD = "held"  # a live chat goes on
    ANSWERED = "answered"  # the customer did what the step waits for
    CONVERTED = "converted"  # the campaign's goal was reached
    EXHAUSTED = "exhausted"  # every step was taken, nothing came back
    EXITED = "exited"  # left for a reason: opted out, campaign stopped, …


_S = EnrolmentState
OPEN = frozenset({_S.WAITING, _S.HELD})

HOLD = Transition("hold", "LiveChatOpened", frozenset({_S.WAITING}), _S.HELD)
RELEASE = Transition("release", "LiveChatEnded", frozenset({_S.HELD}), _S.WAITING)
ANSWER = Transition("answer", "EnrolmentAnswered", OPEN, _S.ANSWERED, effect="planned messages are cancelled")
CONVERT = Transition("convert", "GoalReached", OPEN, _S.CONVERTED, effect="planned messages are cancelled")
EXHAUST = Transition("exhaust", "StepsExhausted", frozenset({_S.WAITING}), _S.EXHAUSTED)
EXIT = Transition("exit", "EnrolmentExited", OPEN, _S.EXITED, effect="planned messages are cancelled; reason is kept")

ENROLMENT = Machine("enrolment", EnrolmentState, _S.WAITING, (HOLD, RELEASE, ANSWER, CONVERT, EXHAUST, EXIT))
