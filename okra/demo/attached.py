"""`python -m okra.demo.attached MODULE …` is `python -m MODULE …`, but it ends with the demo, even with one that was
killed: the demo holds the other end of its standard input, and never writes."""

from __future__ import annotations

import os
import runpy
import sys
import threading


def _end_with_input() -> None:
    os.read(0, 1)
    os._exit(1)


if __name__ == "__main__":
    threading.Thread(target=_end_with_input, daemon=True, name="end-with-the-demo").start()
    del sys.argv[0]
    runpy.run_module(sys.argv[0], run_name="__main__", alter_sys=True)
