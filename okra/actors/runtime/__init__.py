"""The actor runtime: mailboxes, refs, timers, owned tasks, supervision. It knows no domain. docs/actors.md: what it
guarantees, why, and by which test.
"""

from okra.actors.runtime.actor import Actor
from okra.actors.runtime.backoff import Backoff
from okra.actors.runtime.child import ChildSpec
from okra.actors.runtime.errors import ActorStopped, AskFailed, AskTimeout, Escalated, MailboxFull, NotAnswered
from okra.actors.runtime.messages import Ask, ChildFailed, Level
from okra.actors.runtime.policy import ChildKind, Exceeded, Policy, Strategy
from okra.actors.runtime.ref import ActorRef
from okra.actors.runtime.root import RootSupervisor
from okra.actors.runtime.snapshot import Snapshot, State
from okra.actors.runtime.supervisor import Supervisor
from okra.actors.runtime.timers import Timers

__all__ = [
    "Actor",
    "ActorRef",
    "ActorStopped",
    "Ask",
    "AskFailed",
    "AskTimeout",
    "Backoff",
    "ChildFailed",
    "ChildKind",
    "ChildSpec",
    "Escalated",
    "Exceeded",
    "Level",
    "MailboxFull",
    "NotAnswered",
    "Policy",
    "RootSupervisor",
    "Snapshot",
    "State",
    "Strategy",
    "Supervisor",
    "Timers",
]
