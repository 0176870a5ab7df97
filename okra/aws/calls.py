"""The one way to call AWS: budgeted, bounded in time, counted, and with every error translated.

Nothing else in this room touches a client, so no call can escape the budget, the counters or the deadline.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Mapping
from dataclasses import dataclass
from typing import Any, Protocol, TypeVar

from botocore.exceptions import ClientError

from okra.aws.budget import Budget, Rates
from okra.aws.errors import Attempt, translate
from okra.aws.operations import (
    ASSUME_ROLE,
    DESCRIBE_RULES,
    EKS,
    ELB,
    GET_RESOURCES,
    MODIFY_RULE,
    ROUTE53,
    Operation,
    Service,
)
from okra.aws.sessions import Sessions, Signer, Timeouts
from okra.errors import Invalid, Throttled, Unavailable
from okra.ports import Account, Clock

_T = TypeVar("_T")


class OnCall(Protocol):
    """Told of every finished API call, for metrics and benches. Must return quickly and never raise."""

    def __call__(self, operation: str, seconds: float, outcome: str) -> None:
        """`operation` as in IAM (`elasticloadbalancing:ModifyRule`); `outcome` is `ok` or the error's reason."""
        ...


@dataclass(frozen=True, slots=True)
class Answer:
    data: Mapping[str, Any]
    began_at: float
    """When the (first) request was sent, epoch seconds: what the answer shows is at least that old."""
    sent_at: float
    """The same by the monotonic clock."""

    def items(self, name: str) -> list[Any]:
        """A list of the answer. Unavailable without it: no list and an empty one are not the same evidence."""
        items = self.data.get(name)
        if not isinstance(items, list):
            raise Unavailable(f"AWS answered without {name}; it is tried again")
        return items


_READ_PATIENCE = 30.0
"""Seconds that a read waits for its turn at most; a poll that waits longer is better left out."""
_WRITE_PATIENCE = 2.0
"""A write that waited longer would be sent on a reading, and a lease, that are no longer fresh. Part of its total."""


_STS_REGIONS = {"aws-cn-global": "cn-north-1", "aws-us-gov-global": "us-gov-west-1"}
"""Where STS is for Route 53's pseudo-regions: in these partitions it has no endpoint for all regions."""


class Calls:
    """Calls the operations of `okra.aws.operations`. Raises nothing but `OkraError`."""

    def __init__(
        self,
        environ: Mapping[str, str],
        timeouts: Timeouts,
        clock: Clock,
        on_call: OnCall | None = None,
        rates: Rates | None = None,
    ) -> None:
        self._timeouts = timeouts
        self._rates = rates or Rates()
        self._clock = clock
        self._on_call = on_call
        self._sessions = Sessions(environ, timeouts, self._assume_role)
        self._budgets: dict[tuple[Service, str, str], Budget] = {}

    async def resolve(self, account: Account) -> Account:
        """`account` with its region filled in. Invalid when none is configured."""
        return account if account.region else await self._prepared(self._sessions.resolve(account), Attempt())

    def age(self, sent_at: float) -> float:
        """Seconds since a request was sent (`Answer.sent_at`)."""
        return self._clock.monotonic() - sent_at

    async def call(
        self, account: Account, operation: Operation, *, target: str = "", urgent: bool = False, **parameters: Any
    ) -> Answer:
        """One request: the whole answer, or its first page. `target` is the ARN it is about, for messages."""
        started = self._clock.monotonic()
        account = await self.resolve(account)
        attempt = Attempt(operation, account.region, account.role_arn, target)
        client = await self._prepared(self._client(account, operation), attempt)
        budget = self._budget(account, operation)
        if budget is not None:
            patience = min(_WRITE_PATIENCE, self._timeouts.write_total / 2) if operation.mutating else _READ_PATIENCE
            await budget.acquire(mutating=operation.mutating, urgent=urgent, within=patience)
        seconds = self._timeouts.read_total
        if operation.mutating:
            seconds = self._timeouts.write_total - (self._clock.monotonic() - started)
            if seconds <= 0:
                raise Unavailable(f"{attempt.name} was not sent: getting ready for it took too long")
        return await self._send(client, operation, attempt, budget, seconds, parameters)

    async def pages(
        self, account: Account, operation: Operation, *, target: str = "", **parameters: Any
    ) -> AsyncIterator[Answer]:
        """Every page, each one a call of its own to the budget."""
        if operation.paging is None:
            raise Invalid(f"{operation.name} has no pages")
        while True:
            answer = await self.call(account, operation, target=target, **parameters)
            yield answer
            token = answer.data.get(operation.paging.response_token)
            if not token:
                return
            parameters[operation.paging.request_token] = token

    async def all(self, account: Account, operation: Operation, *, target: str = "", **parameters: Any) -> Answer:
        """Every page as one answer: its list complete, other keys merged, `began_at` of the first page."""
        if operation.paging is None:
            raise Invalid(f"{operation.name} has no pages")
        items: list[Any] = []
        merged: dict[str, Any] = {}
        first: Answer | None = None
        async for answer in self.pages(account, operation, target=target, **parameters):
            first = first or answer
            items += answer.items(operation.paging.result)
            for key, value in answer.data.items():
                if isinstance(value, dict):
                    merged.setdefault(key, {}).update(value)
        assert first is not None  # there is always a page
        return Answer({**merged, operation.paging.result: items}, first.began_at, first.sent_at)

    async def signer(self, account: Account) -> Signer:
        """What signs a request of a resolved account that Okra doesn't send itself."""
        return await self._prepared(
            self._sessions.signer(account), Attempt(region=account.region, role_arn=account.role_arn)
        )

    async def warm_up(self, account: Account) -> None:
        """Make the clients of an account before they are needed: reading the SDK's models takes 0.1 s."""
        account = await self.resolve(account)
        for operation in (DESCRIBE_RULES, MODIFY_RULE, GET_RESOURCES):
            await self._prepared(self._client(account, operation), Attempt(operation, account.region, account.role_arn))

    def wait_estimate(self, account: Account) -> float:
        """Seconds that an ordinary read of this account and region's routes would wait now; 0: the budget has room.

        Route 53 has a region of its own (`okra.api.records`)."""
        return max(
            (
                budget.wait_estimate()
                for (service, limits, region), budget in self._budgets.items()
                if service in (ELB, ROUTE53) and limits == _limits_of(account) and account.region in ("", region)
            ),
            default=0.0,
        )

    async def close(self) -> None:
        for budget in self._budgets.values():
            budget.close()
        self._budgets.clear()
        await self._sessions.close()

    async def _send(
        self,
        client: Any,
        operation: Operation,
        attempt: Attempt,
        budget: Budget | None,
        seconds: float,
        parameters: Mapping[str, Any],
    ) -> Answer:
        began_at, started, outcome, retries = self._clock.now(), self._clock.monotonic(), "cancelled", 0
        try:
            async with asyncio.timeout(seconds):
                data = await getattr(client, operation.method)(**parameters)
            outcome, retries = "ok", _retries(data)
            return Answer(data, began_at, started)
        except Exception as error:
            translated = translate(error, attempt)
            outcome = translated.reason
            if isinstance(error, ClientError):
                retries = _retries(error.response)
            if isinstance(translated, Throttled) and budget is not None:
                budget.exhaust(mutating=operation.mutating)
            raise translated from error
        finally:
            if retries and budget is not None:
                budget.spend(mutating=operation.mutating, calls=retries)
            if self._on_call is not None:
                self._on_call(operation.action, self._clock.monotonic() - started, outcome)

    async def _client(self, account: Account, operation: Operation) -> Any:
        return await self._sessions.client(account, operation.service, writes=operation.mutating)

    async def _prepared(self, preparation: Awaitable[_T], attempt: Attempt) -> _T:
        """What comes before a call fails with the same tree of errors, and is bounded too."""
        try:
            async with asyncio.timeout(self._timeouts.read_total):
                return await preparation
        except Exception as error:
            raise translate(error, attempt) from error

    def _budget(self, account: Account, operation: Operation) -> Budget | None:
        if not operation.service.budgeted:
            return None
        key = (operation.service, _limits_of(account), account.region)
        if key not in self._budgets:
            own = {EKS: self._rates.of_clusters, ROUTE53: self._rates.of_records}
            rates = own.get(operation.service, self._rates)
            self._budgets[key] = Budget(rates, clock=self._clock.monotonic)
        return self._budgets[key]

    async def _assume_role(self, account: Account) -> dict[str, Any]:
        """sts:AssumeRole with Okra's own identity. Runs inside the call that needs the credentials, and its time."""
        attempt = Attempt(ASSUME_ROLE, account.region, account.role_arn, account.role_arn)
        region = _STS_REGIONS.get(account.region, account.region)
        client = await self._prepared(self._client(Account(region=region), ASSUME_ROLE), attempt)
        parameters = {"RoleArn": account.role_arn, "RoleSessionName": "okra"}
        if account.external_id:
            parameters["ExternalId"] = account.external_id
        answer = await self._send(client, ASSUME_ROLE, attempt, None, self._timeouts.read_total, parameters)
        return dict(answer.data)


def _limits_of(account: Account) -> str:
    """The AWS account whose rate limits apply: the role's, or `""` for Okra's own."""
    parts = account.role_arn.split(":")
    return parts[4] if len(parts) > 4 else account.role_arn


def _retries(response: Mapping[str, Any]) -> int:
    return int(response.get("ResponseMetadata", {}).get("RetryAttempts", 0))
