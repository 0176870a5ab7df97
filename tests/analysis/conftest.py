"""Synchronous tests run without an event loop.

looptime asks for the main thread's loop before every test, and Python then makes one that nobody closes: the next
collection of garbage fails whatever test it happens in. Once a loop was set, and be it none, Python makes none.
"""

import asyncio

asyncio.set_event_loop(None)
