"""The embedded store: what `okra run`, the demo and fast tests keep their objects in."""

from okra.embedded.database import MEMORY
from okra.embedded.events import RecordedEvent
from okra.embedded.lock import run_lock
from okra.embedded.store import EmbeddedStore

__all__ = ["MEMORY", "EmbeddedStore", "RecordedEvent", "run_lock"]
