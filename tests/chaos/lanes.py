"""Rollouts side by side, each in a lane of its own: an AWS region, and the Cells that its controllers select."""

from __future__ import annotations

import json
import os
import signal
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from okra.testing.aws_world import AwsWorld, Route
from okra.testing.moto_server import environ_for, weights_record
from tests.chaos.killed import NEVER
from tests.kube.controller_process import GROUP, SETTINGS, Controllers
from tests.scenarios.eventually import eventually
from tests.scenarios.killed import AFTER, EFFECTS
from tests.scenarios.manifests import cell
from tests.support.nursery import Life, begin

REGIONS = (
    *("us-east-1", "us-east-2", "us-west-1", "us-west-2", "ca-central-1", "sa-east-1", "eu-west-1", "eu-west-2"),
    *("eu-west-3", "eu-central-1", "eu-north-1", "ap-south-1"),
)
"""One a lane: each has its own target groups to list. Many more than cores: a rollout that is killed mostly waits."""
LABEL = "lane"
PATIENCE = 300.0
"""Seconds. Far more than it takes, also where many lanes share a slow machine: only a failing test waits so long."""
SELDOM = 0.4
"""Seconds between two looks at a Cell: so many lanes would keep the API server busy with handshakes."""
Done = Callable[[Mapping[str, Any]], bool]
"""Of a Cell's status: the rollout has come to its end."""
QUICKEST = {
    **SETTINGS,
    "OKRA_STEP_INTERVAL": "0s",
    "OKRA_REREAD_AFTER_REVERT": "100ms",
    "OKRA_LEADER_ELECT": "false",
    "OKRA_AWS_RATE_SHARE": "10",
}


@dataclass(frozen=True)
class Rollout:
    """One Cell, its rule, the two groups, and the controllers that look after it, one after the other."""

    controllers: Controllers
    world: AwsWorld
    name: str
    rule: str
    old: str
    new: str

    @classmethod
    def begin(cls, controllers: Controllers, world: AwsWorld, listener: str, number: int, **spec: Any) -> Rollout:
        """A Cell is there, and nobody who looks after it."""
        name = f"web-{number}"
        old, new = (
            world.target_group(f"{side}-{number}", version=version, tags={"role": name}, targets=1)
            for side, version in (("old", "1.0.0"), ("new", "1.1.0"))
        )
        rule = world.rule(listener, number + 1, {old: 1})
        made = cell(name, Route(listener, rule, "", priority=number + 1), role=name, **spec)
        made["metadata"]["labels"] = {LABEL: name}
        answer = controllers.cluster.call("POST", f"/apis/{GROUP}/namespaces/{controllers.namespace}/cells", made)
        assert answer.status == 201, answer
        return cls(controllers, world, name, rule, old, new)

    # -- its controllers -------------------------------------------------------------------------------------------

    @property
    def log(self) -> Path:
        """Of the life that is killed; the next one has its own."""
        return self.controllers.folder / f"{self.name}.log"

    @property
    def effects(self) -> Path:
        return self.log.with_suffix(".effects")

    @property
    def log_of_the_next(self) -> Path:
        return self.log.with_suffix(".next.log")

    def controller(
        self, log: Path, kubeconfig: Path | None = None, *, killed_after: int = NEVER, effects: str = os.devnull
    ) -> Life:
        place = {"AWS_REGION": self.world.region, "AWS_DEFAULT_REGION": self.world.region}
        nobody = {"AWS_CONFIG_FILE": os.devnull, "AWS_SHARED_CREDENTIALS_FILE": os.devnull}
        own = {
            "OKRA_NAMESPACE": self.controllers.namespace,
            "OKRA_SELECTOR": f"{LABEL}={self.name}",
            "KUBECONFIG": str(kubeconfig or self.controllers.admin()),
            "PATH": os.environ["PATH"],
            AFTER: str(killed_after),
            EFFECTS: effects,
        }
        environ = {**environ_for(self.world.url), **place, **nobody, **QUICKEST, **own}
        return begin(["tests.chaos.killed"], environ, self.controllers.folder, log)

    def live_until_killed(self, boundary: int, done: Done) -> bool:
        """One life, killed after so many effects. False: before that the Cell was `done`."""
        life = self.controller(self.log, killed_after=boundary, effects=str(self.effects))
        eventually(lambda: life.ended() or self.at_rest(done), within=PATIENCE, every=SELDOM)
        killed = life.ended()
        code = life.end(signal.SIGKILL)
        assert code == -signal.SIGKILL, f"exit code {code}"
        assert not killed or len(self.effects.read_text().splitlines()) == boundary
        return killed

    @contextmanager
    def looked_after(self, kubeconfig: Path | None = None) -> Iterator[None]:
        """By one controller, which is then told to stop, and does."""
        life = self.controller(self.log_of_the_next, kubeconfig)
        eventually(lambda: life.ended() or "TermBegun" in life.text, within=PATIENCE)
        try:
            yield
        except AssertionError:
            life.end(signal.SIGKILL)
            raise
        code = life.end(signal.SIGTERM)
        assert code == 0, f"exit code {code}"

    def until_done(self, done: Done) -> None:
        eventually(lambda: self.at_rest(done), within=PATIENCE, every=SELDOM)

    # -- the world -------------------------------------------------------------------------------------------------

    @property
    def object(self) -> dict[str, Any]:
        return self.controllers.find(self.name)

    def at_rest(self, done: Done) -> bool:
        found = self.object
        return done(found.get("status") or {}) and not found["metadata"].get("finalizers")

    @property
    def weights(self) -> list[tuple[int, int]]:
        """Of the old group and the new in percent: all that the route ever had."""
        found: list[tuple[int, int]] = []
        for shown in weights_record(self.world.url, self.rule):
            assert shown.keys() <= {self.old, self.new}
            total = sum(shown.values())
            shares = [100 * shown.get(arn, 0) / total for arn in (self.old, self.new)]
            found.append((round(shares[0]), round(shares[1])))
        return found

    @property
    def shares(self) -> list[tuple[int, int]]:
        """As `weights`, without repetitions in a row: attaching a group at 0 changes no share."""
        found = self.weights
        return [each for number, each in enumerate(found) if number == 0 or found[number - 1] != each]

    def has_been_at(self, percent: int) -> bool:
        return (100 - percent, percent) in self.weights

    def said(self) -> str:
        """All there is to know, for a failing assertion."""
        logs = (self.log, self.effects, self.log_of_the_next)
        texts = "\n---\n".join(file.read_text() for file in logs if file.exists())
        return f"{json.dumps(self.object.get('status'), indent=1)}\n{self.weights}\n{texts}"
