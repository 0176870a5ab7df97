"""Argo CD on any store: a double of its ApplicationSet controller, with the application controller's beside it.

Like the real one it finds clusters by their secrets' labels, fills a template in for each, and tells of it in
conditions. One suite of tests holds it to what the real one does (tests/kube/test_argocd_contract.py).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from okra.argocd.names import APPLICATION, APPLICATION_SET, CLUSTER, SECRET, SECRET_TYPE
from okra.argocd.secrets import ClusterSecret, read_secret
from okra.errors import AlreadyExists, NotFound
from okra.kube.changes import difference
from okra.ports import Object
from okra.rollout.status import write_time
from okra.testing.application_controller import LOCAL, ApplicationController
from okra.testing.fake_applicationset import PARAMETERS, CannotGenerate, application_set, generated, invalid, policy

__all__ = ["APPLICATION", "APPLICATION_SET", "SECRET", "FakeArgoCD", "application_set"]

NO_DELETION = ("create-only", "create-update")


@dataclass
class FakeArgoCD(ApplicationController):
    error: str = ""
    """What every ApplicationSet fails with."""
    manual: bool = False
    """Its Applications are synced by hand, whatever the template says."""
    generates: bool = True
    """False: another ApplicationSet controller makes the Applications."""

    async def look(self) -> None:
        if self.generates:
            await self._generate_all()
        await super().look()

    async def _generate_all(self) -> None:
        secrets = (await self.store.list(SECRET, self.namespace, f"{SECRET_TYPE}={CLUSTER}")).items
        clusters = [read_secret(each) for each in secrets]
        applications = (await self.store.list(APPLICATION, self.namespace)).items
        for each in (await self.store.list(APPLICATION_SET, self.namespace)).items:
            mine = {obj["metadata"]["name"]: obj for obj in applications if _owner(obj) == each["metadata"]["uid"]}
            try:
                await self._generate(each, clusters, mine)
            except CannotGenerate as error:
                await self._tell(each, up_to_date=False, reason=error.reason, message=str(error))

    async def _generate(self, of: Object, clusters: list[ClusterSecret], mine: Mapping[str, Object]) -> None:
        if self.error:
            raise CannotGenerate(PARAMETERS, self.error)
        wanted = generated(of, clusters)
        bad = invalid(of, wanted)
        for each in wanted:
            if (name := each["metadata"]["name"]) not in bad:
                await self._write(each, mine.get(name))
        if policy(of).get("applicationsSync") not in NO_DELETION:
            for name in mine.keys() - {each["metadata"]["name"] for each in wanted}:
                await self._delete(mine[name], {each.server for each in clusters})
        if bad:
            raise CannotGenerate("ApplicationValidationError", bad[max(bad)])
        await self._tell(of, up_to_date=True, reason="ApplicationSetUpToDate", message="All is generated")

    async def _write(self, wanted: Object, found: Object | None) -> None:
        name, finalizers = wanted["metadata"]["name"], wanted["metadata"]["finalizers"]
        spec = {**wanted["spec"], "syncPolicy": {}} if self.manual else wanted["spec"]
        if found is None:
            try:
                await self.store.create(APPLICATION, {**wanted, "spec": spec})
            except AlreadyExists as error:
                raise CannotGenerate("UpdateApplicationError", f"{name} is somebody else's") from error
            return
        patch = difference({"spec": found["spec"]}, {"spec": spec})
        if "deletionTimestamp" not in found["metadata"] and finalizers != _finalizers(found):
            patch["metadata"] = {"finalizers": finalizers}
        if patch:
            await self._patch(name, patch)

    async def _delete(self, obj: Object, servers: set[str]) -> None:
        """Of a cluster that isn't known any more nothing can be removed: the finalizer would be there for ever."""
        name = obj["metadata"]["name"]
        if "deletionTimestamp" in obj["metadata"]:
            return
        if obj["spec"]["destination"].get("server") not in {*servers, *LOCAL.values()}:
            await self._release(obj)
        try:
            await self.store.delete(APPLICATION, self.namespace, name)
        except NotFound:
            return

    async def _tell(self, obj: Object, *, up_to_date: bool, reason: str, message: str) -> None:
        made, failed = reason != PARAMETERS, "ErrorOccurred"
        told = [
            (failed, not up_to_date, reason),
            ("ParametersGenerated", made, "ParametersGenerated" if made else failed),
            ("ResourcesUpToDate", up_to_date, reason if up_to_date else failed),
        ]
        before = {each["type"]: each for each in (obj.get("status") or {}).get("conditions") or ()}
        now = write_time(self.clock.now())
        said = [
            {
                "type": type_,
                "status": str(holds),
                "reason": why,
                "message": message,
                "lastTransitionTime": _since(before.get(type_), str(holds), now),
            }
            for type_, holds, why in told
        ]
        if said != list(before.values()):
            name = obj["metadata"]["name"]
            await self.store.patch_status(APPLICATION_SET, self.namespace, name, {"conditions": said})


def _owner(application: Object) -> str:
    return next((each["uid"] for each in application["metadata"].get("ownerReferences") or ()), "")


def _finalizers(application: Object) -> list[str]:
    return list(application["metadata"].get("finalizers") or ())


def _since(before: Mapping[str, Any] | None, status: str, now: str) -> str:
    return str(before["lastTransitionTime"]) if before is not None and before["status"] == status else now
