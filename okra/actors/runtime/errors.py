"""What an `ask` can end in instead of a reply, and how a supervisor gives up.

okra.errors.Retryable
└── AskFailed             nobody has to do anything: ask again, or do without
    ├── AskTimeout        no reply within the deadline
    ├── ActorStopped      the actor has been stopped, or was before it came to this ask
    ├── MailboxFull       the actor is behind: the ask was refused, not queued
    └── NotAnswered       the actor received the ask and returned, or failed, without a reply
Escalated                 a child failed too often and the policy says its owner shall fail with it
"""

from __future__ import annotations

from okra.errors import Retryable


class AskFailed(Retryable):
    reason = "AskFailed"


class AskTimeout(AskFailed):
    reason = "AskTimeout"


class ActorStopped(AskFailed):
    reason = "ActorStopped"


class MailboxFull(AskFailed):
    reason = "MailboxFull"


class NotAnswered(AskFailed):
    reason = "NotAnswered"


class Escalated(Exception):
    """Not an OkraError: it is the crash of an owner, which its own supervisor decides about."""
