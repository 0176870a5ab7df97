"""Synchronous tests run without an event loop: see tests/analysis/conftest.py."""

import asyncio

asyncio.set_event_loop(None)
