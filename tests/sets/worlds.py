"""Clusters and generators for the tests of the pure room."""

from __future__ import annotations

from okra.ports import Account
from okra.ports_clusters import FoundCluster
from okra.rollout.observation import Problem
from okra.sets.census import Source

HERE = Account()
EUROPE = Account("eu-west-1")
OTHER = Account("us-east-1", "arn:aws:iam::222222222222:role/okra")
PLACES = {HERE: "us-east-1:111111111111", EUROPE: "eu-west-1:111111111111", OTHER: "us-east-1:222222222222"}
WEB = {"role": "web"}

DOWN = Problem("Unavailable", "EKS doesn't answer.", fatal=False)
DENIED = Problem("AccessDenied", "eks:ListClusters is missing.", fatal=True)


def cluster(name: str, account: Account = HERE, **tags: str) -> FoundCluster:
    return FoundCluster(name, f"arn:aws:eks:{PLACES[account]}:cluster/{name}", {**WEB, **tags})


def source(account: Account = HERE, **tags: str) -> Source:
    return Source(account, {**WEB, **tags})
