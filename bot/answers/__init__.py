"""Answers: what customers ask, found among the questions that the workspace answers.

``words`` and ``languages`` bring a question into form, ``index`` finds what it asks, ``live`` keeps the index of what
is applied, ``turn`` says the answer in a conversation, ``feedback`` hears whether it helped, ``unanswered`` keeps what
nobody had an answer to, ``wording`` may have an endpoint put several answers into one.
"""
