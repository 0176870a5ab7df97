"""AWS is listed for all Cells at once; each hears what concerns it, when it changes."""

import asyncio
from typing import Any

import pytest

from okra.actors.cell import CELL
from okra.actors.messages import Forget, Subscribe, Unsubscribe
from okra.errors import AccessDenied, CredentialsInvalid, OkraError, Throttled, Unavailable
from tests.actors.test_cell_crashes import Defect
from tests.actors.world import QUICK, cell, listener, world

pytestmark = pytest.mark.looptime


@pytest.mark.parametrize("cells", [1, 100])
async def test_the_cost_of_resting_does_not_grow_with_the_number_of_cells(cells: int) -> None:
    """The double reads any number of listeners in one call, as the real router reads those of one load balancer."""
    async with world() as w:
        for number in range(cells):
            old = w.group("1.0.0", role=f"app{number}")
            w.route({old: 100}, f"app{number}")
            await w.apply(cell(f"app{number}", role=f"app{number}"))
        async with w.running():
            await asyncio.sleep(120)
            for number in range(cells):
                assert (await w.status(f"app{number}"))["phase"] == "Synced"
            w.forget_calls()
            await asyncio.sleep(600)
        assert dict(w.aws.calls) == {"GetResources": 20, "DescribeListeners": 20}
        assert w.store.writes.total() == 0


async def test_however_many_cells_come_and_go_at_once_none_is_refused() -> None:
    async with world() as w, w.running() as system:
        discovery = system.root.get("discovery")
        assert discovery is not None
        keys = [("default", f"app{number}") for number in range(2000)]
        assert all(discovery.tell(Subscribe(discovery, key, "", "", ())) for key in keys)
        assert all(discovery.tell(Forget(key)) for key in keys)
        assert all(discovery.tell(Unsubscribe(key)) for key in keys)


async def test_a_new_cell_is_served_at_once_and_not_at_the_next_listing() -> None:
    async with world(discovery_interval=3600.0) as w:
        w.two_versions()
        async with w.running():
            await asyncio.sleep(100)
            await w.apply(cell(**QUICK))
            await w.until(lambda s: s.get("stableVersion") == "1.1.0", within=60)


async def test_a_new_version_is_found_within_the_discovery_interval() -> None:
    async with world() as w:
        route, *_ = w.two_versions()
        await w.apply(cell(**QUICK))
        async with w.running():
            await w.until(lambda s: s.get("stableVersion") == "1.1.0" and s["phase"] == "Synced")
            newest = w.group("1.2.0")
            await w.when(lambda: newest in route.weights, within=31)


async def test_two_accounts_are_listed_apart_and_one_that_fails_holds_up_only_its_own_cells(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    async with world() as w:
        seen: list[Any] = []
        listing = w.aws.target_groups

        async def target_groups(account: Any, listed: Any = ()) -> Any:
            seen.append(account)
            if account.role_arn:
                raise AccessDenied("the role may not be assumed")
            return await listing(account, listed)

        monkeypatch.setattr(w.aws, "target_groups", target_groups)  # one account of two fails
        for role in ("web", "api"):
            w.two_versions(role)
        await w.apply(cell("web", role="web", **QUICK))
        aws = {"region": "us-east-1", "roleARN": "arn:aws:iam::210987654321:role/okra"}
        await w.apply(cell("api", role="api", aws=aws, **QUICK))
        async with w.running():
            await w.until(lambda s: s.get("stableVersion") == "1.1.0", "web", within=300)
            status = await w.until(lambda s: s.get("conditions"), "api", within=60)
            assert "the role may not be assumed" in status["message"]
            assert {account.role_arn for account in seen} == {"", aws["roleARN"]}
            await w.apply(cell("api", role="api", **QUICK))
            await w.until(lambda s: s.get("stableVersion") == "1.1.0", "api", within=300)
            await asyncio.sleep(60)
            seen.clear()
            await asyncio.sleep(300)
            assert {account.role_arn for account in seen} == {""}, "nobody needs the other account any more"


@pytest.mark.parametrize("error", [Throttled("slow down"), Unavailable("503"), AccessDenied("allow it")], ids=str)
async def test_a_listing_that_fails_is_said_and_forgotten_when_it_works_again(error: OkraError) -> None:
    async with world() as w:
        old = w.group("1.0.0")
        w.route({old: 100})
        await w.apply(cell(**QUICK))
        async with w.running():
            await w.phase("Synced")
            w.aws.fault = lambda op, _: error if op == "GetResources" else None
            await asyncio.sleep(300)
            status = await w.status()
            if isinstance(error, AccessDenied):
                assert "allow it" in status["message"]
            w.aws.fault = lambda _op, _arn: None
            await w.until(lambda s: s["phase"] == "Synced" and str(error) not in s["message"], within=120)
            w.group("1.1.0")
            await w.until(lambda s: s.get("stableVersion") == "1.1.0", within=300)


async def test_what_only_a_person_mends_is_logged_once_and_named_to_who_asks_whether_it_is_ready() -> None:
    said = {"event": "DiscoveryFails", "log_level": "warning", "account": "us-east-1"}
    async with world() as w:
        w.route({w.group("1.0.0"): 100})
        await w.apply(cell(aws={"region": "us-east-1"}, **QUICK))
        w.aws.fault = lambda op, _: CredentialsInvalid("No AWS credentials: set them") if op == "GetResources" else None
        async with w.running() as system:
            await w.until(lambda s: s.get("reason") == "CredentialsInvalid", within=60)
            await asyncio.sleep(300)
            assert [each for each in w.logs if "Discovery" in each["event"]] == [
                {**said, "error": "No AWS credentials: set them"}
            ]
            assert (system.missing(), system.standing()) == ([], "AWS (us-east-1): No AWS credentials: set them")
            w.aws.fault = lambda op, _: Throttled("slow down") if op == "GetResources" else None
            await asyncio.sleep(100)
            assert system.standing(), "this says nothing of the credentials"
            w.aws.fault = lambda op, _: AccessDenied("allow it") if op == "GetResources" else None
            await asyncio.sleep(100)
            w.aws.fault = lambda _op, _arn: None
            await w.phase("Synced")
            assert system.standing() == ""
            events = [each["event"] for each in w.logs if "Discovery" in each["event"]]
            assert events == ["DiscoveryFails", "DiscoveryFails", "DiscoveryWorks"]


async def test_an_account_that_nobody_needs_any_more_is_no_trouble() -> None:
    async with world() as w:
        w.route({w.group("1.0.0"): 100})
        await w.apply(cell(**QUICK))
        w.aws.fault = lambda op, _: AccessDenied("allow it") if op == "GetResources" else None
        async with w.running() as system:
            await w.until(lambda s: s.get("reason") == "AccessDenied", within=60)
            assert system.standing()
            await w.store.delete(CELL, "default", "web")
            await asyncio.sleep(60)
            assert system.standing() == ""


async def test_a_discovery_that_crashes_still_knows_its_cells() -> None:
    async with world() as w:
        w.two_versions()
        await w.apply(cell(**QUICK))
        async with w.running():
            await w.until(lambda s: s.get("stableVersion") == "1.1.0" and s["phase"] == "Synced")
            crashes = 2

            def fault(operation: str, _arn: str) -> None:
                nonlocal crashes
                if operation == "GetResources" and crashes:
                    crashes -= 1
                    raise Defect

            w.aws.fault = fault
            w.group("1.2.0")
            await w.until(lambda s: s.get("stableVersion") == "1.2.0", within=300)


async def test_weights_changed_by_hand_at_rest_are_adopted_within_two_listings() -> None:
    async with world() as w:
        first, second = w.group("1.0.0", name="a"), w.group("1.0.0", name="b")
        route = w.route({first: 1, second: 1})
        await w.apply(cell(replicas=2, **QUICK))
        async with w.running():
            await w.phase("Synced")
            route.weights = {first: 3, second: 1}
            status = await w.until(
                lambda s: [each["weight"] for each in s["routes"][0]["stable"]] == [3, 1], within=2 * 30 + 5
            )
            assert status["phase"] == "Synced"
            assert route.history == []


async def test_a_cell_with_several_selectors_sees_the_groups_of_each() -> None:
    async with world() as w:
        for role in ("web", "api"):
            w.two_versions(role)
        spec = cell(**QUICK)["spec"]
        del spec["ingress"]
        ingresses = [cell(role="web")["spec"]["ingress"], cell(role="api")["spec"]["ingress"]]
        del ingresses[1]["awsApplicationLoadBalancer"]["targetGroupSelector"]["matchLabels"]
        ingresses[1]["awsApplicationLoadBalancer"]["targetGroupSelector"]["matchExpressions"] = [
            {"key": "role", "operator": "In", "values": ["api"]}
        ]
        await w.apply(cell() | {"spec": {**spec, "ingresses": ingresses}})
        async with w.running():
            status = await w.until(lambda s: s.get("stableVersion") == "1.1.0", within=300)
        assert {each["key"] for each in status["routes"]} == {listener("web"), listener("api")}
        assert all(len(each["stable"]) == 1 for each in status["routes"])
