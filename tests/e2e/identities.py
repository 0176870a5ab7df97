"""Who Okra is in AWS: users and roles of the double, each held to a policy."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

from okra.testing.aws_world import AwsWorld

Document = dict[str, Any]
TRUST = {
    "Version": "2012-10-17",
    "Statement": [{"Effect": "Allow", "Principal": {"AWS": "*"}, "Action": "sts:AssumeRole"}],
}


@dataclass(frozen=True)
class Account:
    """The account's root: it makes the identities that Okra has."""

    world: AwsWorld

    def user(self, name: str, document: Document) -> dict[str, str]:
        """The environment of a process that is this user."""
        iam = self.world.client("iam")
        iam.create_user(UserName=name)
        iam.put_user_policy(UserName=name, PolicyName="okra", PolicyDocument=json.dumps(document))
        key = iam.create_access_key(UserName=name)["AccessKey"]
        return {"AWS_ACCESS_KEY_ID": key["AccessKeyId"], "AWS_SECRET_ACCESS_KEY": key["SecretAccessKey"]}

    def role(self, name: str, document: Document) -> str:
        """Its ARN."""
        iam = self.world.client("iam")
        made = iam.create_role(RoleName=name, AssumeRolePolicyDocument=json.dumps(TRUST))
        iam.put_role_policy(RoleName=name, PolicyName="okra", PolicyDocument=json.dumps(document))
        return str(made["Role"]["Arn"])
