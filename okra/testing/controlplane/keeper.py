"""The process that starts the servers of a control plane and ends them when it is no longer wanted, however that comes.

    python -m okra.testing.controlplane.keeper --with-parent …        takes commands as input, ends with the input
    python -m okra.testing.controlplane.keeper --until-exit-of PID …  in the background, ends when that process does

It prints one line of JSON (see `ControlPlane`) when everything is ready. The kernel kills the servers when the keeper
is killed (on Linux). A process of its own can promise that: the promise is bound to the thread that makes it, in a
fork, and a test process has many threads.
"""

from __future__ import annotations

import argparse
import json
import os
import signal
import sys
from pathlib import Path
from types import FrameType

from okra.testing.controlplane.owner import Owner, OwnerGone, Parent, Process
from okra.testing.controlplane.servers import Servers


def serve(servers: Servers, owner: Owner) -> None:
    """Start everything, say so, and obey until the owner is gone. Nothing is left running."""
    try:
        print(json.dumps(servers.start().as_json()), flush=True)
        owner.told_ready()
        while True:
            command = owner.command()
            try:
                {
                    "freeze": servers.freeze_apiserver,
                    "thaw": servers.thaw_apiserver,
                    "stop": servers.stop_apiserver,
                    "start": servers.start_apiserver,
                }[command]()
            except RuntimeError as error:
                print(json.dumps(str(error)), flush=True)
            else:
                print(json.dumps("ok"), flush=True)
    except OwnerGone:
        pass
    finally:
        servers.end()


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m okra.testing.controlplane.keeper")
    lifetime = parser.add_mutually_exclusive_group(required=True)
    lifetime.add_argument("--with-parent", action="store_true")
    lifetime.add_argument("--until-exit-of", type=int, metavar="PID")
    parser.add_argument("--folder", type=Path, required=True, help="for certificates, logs and data: a new one")
    parser.add_argument("--binaries", type=json.loads, required=True, help="their paths by name, in JSON")
    parser.add_argument("--nodes", type=int, default=0, help="how many; more than 0 starts a scheduler and kwok too")
    parser.add_argument("--without-controllers", action="store_true", help="etcd and the API server alone")
    parser.add_argument("--apiserver", action="append", default=[], help="a further flag of the API server")
    arguments = parser.parse_args()
    if arguments.until_exit_of is not None and os.fork() > 0:
        os._exit(0)
    owner: Owner = Parent() if arguments.with_parent else Process(arguments.until_exit_of)

    def end(_signal: int, _frame: FrameType | None) -> None:
        raise OwnerGone

    signal.signal(signal.SIGTERM, end)
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # a terminal's Ctrl-C is the owner's
    binaries = {name: Path(path) for name, path in arguments.binaries.items()}
    servers = Servers(
        arguments.folder,
        binaries,
        nodes=arguments.nodes,
        controllers=not arguments.without_controllers,
        apiserver=arguments.apiserver,
        pause=owner.wait,
    )
    try:
        serve(servers, owner)
    except RuntimeError as error:
        print(error, file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
