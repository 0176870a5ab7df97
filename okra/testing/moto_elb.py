"""ELB as AWS behaves where moto differs: what it returns, how it pages, what it forgets. Each patch says how."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from inspect import signature
from typing import Any

from moto.core.resource_tagging import TaggedResource
from moto.core.responses import ActionResult
from moto.elbv2 import models, responses
from moto.elbv2.exceptions import (
    ELBClientError,
    ListenerNotFoundError,
    LoadBalancerNotFoundError,
    TooManyTagsError,
)
from moto.resourcegroupstaggingapi.models import ResourceGroupsTaggingAPIBackend

from okra.testing import moto_refusals
from okra.testing.moto_health import attachments


def apply(page_size: int | None = None) -> None:
    """Patch moto's classes in this process. `page_size` caps every page, so that few things make many pages."""
    backend: Any = models.ELBv2Backend
    action: Any = models.FakeAction
    action.__init__ = _described(action.__init__)
    backend.create_load_balancer = _with_typed_arns(backend.create_load_balancer)
    moto_refusals.apply()
    backend.describe_listeners = _strict_listeners(backend.describe_listeners)
    backend.describe_load_balancers = _strict_load_balancers(backend.describe_load_balancers)
    backend.describe_target_groups = _with_attachments(backend.describe_target_groups)
    backend.create_target_group = _idempotent(backend.create_target_group)
    backend.delete_target_group = _remembering(backend.delete_target_group)
    backend.iter_tagged_resources = _iter_tagged_resources
    backend.add_tags = _add_tags
    backend.describe_tags = _describe_tags
    tagging: Any = ResourceGroupsTaggingAPIBackend
    tagging.get_resources = _capped(tagging.get_resources, page_size)
    views = responses.ELBV2Response
    for name, result in (
        ("describe_rules", "Rules"),
        ("describe_listeners", "Listeners"),
        ("describe_load_balancers", "LoadBalancers"),
        ("describe_target_groups", "TargetGroups"),
    ):
        setattr(views, name, _paged(getattr(views, name), result, page_size))


def _described(init: Callable[..., None]) -> Callable[..., None]:
    """AWS returns a single group both ways, as TargetGroupArn and as ForwardConfig, and never an OIDC secret."""

    def described(self: Any, data: dict[str, Any]) -> None:
        config = data.get("ForwardConfig")
        if data.get("Type") == "forward":
            groups = (config or {}).get("TargetGroups") or [{"TargetGroupArn": data.get("TargetGroupArn")}]
            if len(groups) == 1:
                data = data | {"TargetGroupArn": groups[0]["TargetGroupArn"]}
                data["ForwardConfig"] = {**(config or {}), "TargetGroups": groups}
        if "AuthenticateOidcConfig" in data:
            hidden = {"ClientSecret", "UseExistingClientSecret"}
            oidc = {key: value for key, value in data["AuthenticateOidcConfig"].items() if key not in hidden}
            data = data | {"AuthenticateOidcConfig": oidc}
        init(self, data)

    return described


def _with_typed_arns(create: Callable[..., Any]) -> Callable[..., Any]:
    """An NLB's ARN says `net`; moto's says `app`."""
    module: Any = models
    parameters, make = signature(create), module.make_arn_for_load_balancer

    def created(self: Any, *args: Any, **kwargs: Any) -> Any:
        kind = parameters.bind(self, *args, **kwargs).arguments.get("loadbalancer_type")
        infix = {"network": "net", "gateway": "gwy"}.get(kind or "", "app")
        module.make_arn_for_load_balancer = lambda **named: make(**named).replace("/app/", f"/{infix}/", 1)
        return create(self, *args, **kwargs)

    return created


def _strict_listeners(describe: Callable[..., Any]) -> Callable[..., Any]:
    """AWS fails a call that names one unknown ARN. moto does only when it knows none of them."""

    def described(self: Any, load_balancer_arn: str | None, listener_arns: Sequence[str]) -> Any:
        found = describe(self, load_balancer_arn, listener_arns)
        if {listener.arn for listener in found}.issuperset(listener_arns or ()):
            return found
        raise ListenerNotFoundError

    return described


def _strict_load_balancers(describe: Callable[..., Any]) -> Callable[..., Any]:
    """As above; moto answers for an unknown ARN with the one named before it."""

    def described(self: Any, arns: Sequence[str] | None, names: Sequence[str] | None) -> Any:
        if self.load_balancers.keys() >= set(arns or ()):
            return describe(self, arns, names)
        raise LoadBalancerNotFoundError

    return described


def _with_attachments(describe: Callable[..., Any]) -> Callable[..., Any]:
    """LoadBalancerArns are what uses the group now. moto appends at creation, ignores changes and repeats itself."""

    def described(self: Any, *args: Any, **kwargs: Any) -> Any:
        used_by = attachments(self)
        for group in self.target_groups.values():
            group.load_balancer_arns = used_by.get(group.arn, [])
        return describe(self, *args, **kwargs)

    return described


def _idempotent(create: Callable[..., Any]) -> Callable[..., Any]:
    """Made again with the same settings it is the same group, with the tags that it has; moto refuses the name."""

    def created(self: Any, name: str, **kwargs: Any) -> Any:
        made: dict[str, tuple[Any, Any]] = vars(self).setdefault("okra_created", {})
        settings = {key: value for key, value in kwargs.items() if key != "tags"}
        before, group = made.get(name, (None, None))
        if before == settings and group.arn in self.target_groups:
            return group
        group = create(self, name, **kwargs)
        made[name] = settings, group
        return group

    return created


def _remembering(delete: Callable[..., Any]) -> Callable[..., Any]:
    """The tagging API goes on listing what was deleted, for a while that tests should not have to hit by luck."""

    def deleted(self: Any, target_group_arn: str) -> Any:
        group = delete(self, target_group_arn)
        tags = self.tagging_service.get_tag_dict_for_resource(target_group_arn)
        vars(self).setdefault("okra_deleted", {})[target_group_arn] = tags
        return group

    return deleted


def _iter_tagged_resources(self: Any) -> Iterator[TaggedResource]:
    """Over copies: moto pages by keeping an iterator over the live dict, which breaks when a group comes or goes."""
    for balancer in list(self.load_balancers.values()):
        tags = self.tagging_service.get_tag_dict_for_resource(balancer.arn)
        yield TaggedResource(arn=balancer.arn, tags=tags, resource_type="elasticloadbalancing:loadbalancer")
    groups = {arn: self.tagging_service.get_tag_dict_for_resource(arn) for arn in list(self.target_groups)}
    for arn, tags in (groups | vars(self).get("okra_deleted", {})).items():
        yield TaggedResource(arn=arn, tags=tags, resource_type="elasticloadbalancing:targetgroup")


def _add_tags(self: Any, resource_arns: Sequence[str], tags: Sequence[Mapping[str, str]]) -> None:
    """A resource takes 50 tags; moto allows 10."""
    new = self.tagging_service.flatten_tag_list(tags)
    for arn in resource_arns:
        self._get_resource_by_arn(arn)
        if len(self.tagging_service.get_tag_dict_for_resource(arn).keys() | new.keys()) > 50:
            raise TooManyTagsError
        self.tagging_service.tag_resource(arn, tags)


def _describe_tags(self: Any, resource_arns: Sequence[str]) -> dict[str, dict[str, str]]:
    """At most 20 ARNs, each of which must exist; moto answers for anything."""
    if len(resource_arns) > 20:
        raise ELBClientError("ValidationError", "You can specify up to 20 resources in a single call")
    for arn in resource_arns:
        self._get_resource_by_arn(arn)
    return {arn: self.tagging_service.get_tag_dict_for_resource(arn) for arn in resource_arns}


def _capped(get_resources: Callable[..., Any], cap: int | None) -> Callable[..., Any]:
    def capped(self: Any, *, resources_per_page: int = 50, **kwargs: Any) -> Any:
        return get_resources(self, resources_per_page=min(resources_per_page, cap or 100), **kwargs)

    return capped


def _paged(view: Callable[..., Any], result: str, cap: int | None) -> Callable[..., Any]:
    """Pages for all four listings (moto pages two), with markers that survive the deletion of what they point at."""

    def paged(self: Any) -> ActionResult:
        start = int(self.params.pop("Marker", "0"))
        end = start + min(int(self.params.pop("PageSize", 400)), cap or 400)
        self.params["PageSize"] = sys.maxsize
        whole = list(view(self).result[result])
        return ActionResult({result: whole[start:end], "NextMarker": str(end) if end < len(whole) else None})

    return paged
