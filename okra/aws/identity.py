"""Who Okra is to AWS: for messages that say whom to let in.

With IRSA the environment says it, path and all. With Pod Identity nothing does but AWS, and that without a permission:
what it says of a session leads to the role, if not to the path of one that has one.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

from okra.aws.calls import Calls
from okra.aws.operations import GET_CALLER_IDENTITY
from okra.errors import OkraError
from okra.ports import Account

_SESSION = re.compile(r"arn:([\w-]+):sts::(\d+):assumed-role/([^/]+)/.+")


class Identity:
    def __init__(self, calls: Calls, environ: Mapping[str, str]) -> None:
        self._calls = calls
        told = environ.get("AWS_WEB_IDENTITY_TOKEN_FILE") and environ.get("AWS_ROLE_ARN")
        self._own = told or ""

    async def of(self, account: Account) -> str:
        """ARN of the role, or the user, that asks for this account; empty as long as AWS doesn't say."""
        if not (account.role_arn or self._own):
            try:
                answer = await self._calls.call(account, GET_CALLER_IDENTITY)
            except OkraError:
                return ""
            self._own = _SESSION.sub(r"arn:\1:iam::\2:role/\3", str(answer.data.get("Arn", "")))
        return account.role_arn or self._own
