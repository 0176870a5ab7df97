"""Go okra's objects: each field becomes one of Okra's, a comment, or a problem. Nothing is dropped in silence."""

from __future__ import annotations

from typing import Any

import pytest
import yaml

from okra.convert.files import Conversion, converted
from okra.convert.rendering import rendered

LISTENER = "arn:aws:elasticloadbalancing:us-east-1:123456789012:listener/app/web/1/web"


def go_cell(*, block: dict[str, Any] | None = None, rule: dict[str, Any] | None = None, **spec: Any) -> dict[str, Any]:
    alb = {"listenerARN": LISTENER, "targetGroupSelector": {"matchLabels": {"role": "web"}}, **(block or {})}
    if rule is not None:
        alb["listener"] = {"rule": {"priority": 10, **rule}}
    ingress = {"type": "AWSApplicationLoadBalancer", "awsApplicationLoadBalancer": alb}
    return go("Cell", {"ingress": ingress, **spec})


def go(kind: str, spec: dict[str, Any], name: str = "web", **metadata: Any) -> dict[str, Any]:
    return {"apiVersion": "okra.mumo.co/v1alpha1", "kind": kind, "metadata": {"name": name, **metadata}, "spec": spec}


def template(*metrics: dict[str, Any], name: str = "rate", args: list[dict[str, Any]] | None = None) -> dict[str, Any]:
    spec = {"metrics": list(metrics), "args": args or []}
    return {"apiVersion": "argoproj.io/v1alpha1", "kind": "AnalysisTemplate", "metadata": {"name": name}, "spec": spec}


def steps(*steps: dict[str, Any]) -> dict[str, Any]:
    return {"type": "Canary", "canary": {"steps": list(steps)}}


ANALYSIS = {"analysis": {"templates": [{"templateName": "rate"}]}}
PROMETHEUS = {"prometheus": {"address": "http://prometheus.example:9090", "query": "rate"}}


def convert(*objects: dict[str, Any]) -> Conversion:
    return converted([("old.yaml", yaml.safe_dump_all(objects))], {})


def comments(found: Conversion) -> str:
    lines = (line.strip() for line in rendered(found.documents).splitlines())
    return " ".join(line.removeprefix("#").strip() for line in lines if line.startswith("#"))


def said(found: Conversion) -> list[str]:
    return [str(problem) for problem in found.problems]


def spec(found: Conversion) -> Any:
    made = found.documents[0].object
    assert made is not None
    return made["spec"]


def test_a_field_that_nobody_knows_is_a_comment() -> None:
    found = convert(go_cell(oddity={"a": 1}, block={"other": "x"}, rule={"weird": [1]}, finalizers=["x"]))
    text = comments(found)
    for path in (
        "spec.oddity: {'a': 1}",
        "spec.ingress.awsApplicationLoadBalancer.other: x",
        "spec.ingress.awsApplicationLoadBalancer.listener.rule.weird: [1]",
        "spec.finalizers: ['x']",
    ):
        assert f"{path} has no counterpart" in text
    assert found.problems == []


def test_conditions_of_the_rule_stand_beside_its_priority() -> None:
    found = convert(go_cell(rule={"hosts": ["example.com"], "methods": ["get"], "queryStrings": {"a": "b"}}))
    assert spec(found)["ingress"]["awsApplicationLoadBalancer"]["rule"] == {
        "priority": 10,
        "conditions": {"hosts": ["example.com"], "methods": ["GET"], "queryStrings": [{"key": "a", "value": "b"}]},
    }
    assert "where it has other conditions by now, Okra says so" in comments(found)


def test_a_rule_without_priority_is_refused_with_its_path() -> None:
    found = convert(go_cell(rule={"priority": None, "hosts": ["example.com"]}))
    assert found.documents[0].object is None
    assert said(found) == [
        "old.yaml:1 Cell/web spec.ingress.awsApplicationLoadBalancer.listener.rule.priority: is required:"
        " Okra finds the rule by it"
    ]


def test_a_value_of_the_wrong_type_is_refused_with_its_path() -> None:
    for wrong, path in ((go_cell(replicas="many"), "spec.replicas"), (go_cell(version=1.0), "spec.version")):
        [problem] = convert(wrong).problems
        assert problem.path == path
    [problem] = convert(go_cell(updateStrategy=steps("next"))).problems  # type: ignore[arg-type]
    assert problem.path == "spec.updateStrategy.canary.steps[0]"


def test_weights_that_grow_are_shares_and_others_are_added_up() -> None:
    grows = convert(go_cell(updateStrategy=steps({"setWeight": 20}, {"setWeight": 40})))
    adds = convert(go_cell(updateStrategy=steps({"setWeight": 0}, {"setWeight": 60}, {"setWeight": 60})))
    assert spec(grows)["updateStrategy"]["canary"]["steps"] == [{"setWeight": 20}, {"setWeight": 40}]
    assert "each is the whole share" in comments(grows)
    assert spec(adds)["updateStrategy"]["canary"]["steps"] == [{"setWeight": 60}, {"setWeight": 100}]
    assert "these are the sums" in comments(adds)
    assert "steps[0]: setWeight 0 raises nothing" in comments(adds)


def test_a_pause_without_end_stays_one_and_says_so() -> None:
    found = convert(go_cell(updateStrategy=steps({"pause": {}}, {"pause": {"duration": 30}}, {"setCanaryScale": {}})))
    assert spec(found)["updateStrategy"]["canary"]["steps"] == [{"pause": {}}, {"pause": {"duration": "30s"}}]
    assert "Until somebody runs `okra resume`" in comments(found)
    assert "steps[2].setCanaryScale: {} has no counterpart" in comments(found)


def test_a_template_that_is_missing_holds_rollouts_up_and_is_a_problem() -> None:
    found = convert(go_cell(updateStrategy=steps({"setWeight": 50}, ANALYSIS)))
    assert spec(found)["checks"] == [{"name": "rate", "from": {"checkName": "rate"}}]
    assert "AnalysisTemplate rate is not in the given files" in said(found)[0]
    assert "rollouts wait for it" in comments(found)


def test_a_metric_that_okra_has_no_provider_for_holds_rollouts_up_and_is_a_problem() -> None:
    metric = {"name": "m", "successCondition": "result < 1", "provider": {"newRelic": {"query": "SELECT 1"}}}
    found = convert(go_cell(updateStrategy=steps(ANALYSIS)), template(metric))
    assert spec(found)["checks"] == [{"name": "rate", "from": {"checkName": "rate"}}]
    assert "not newRelic: ask it through web, or a job" in said(found)[0]


def test_one_template_with_other_arguments_is_another_check() -> None:
    metric = {"name": "m", "successCondition": "result[0] <= {{args.most}}", "provider": PROMETHEUS}
    ask = [
        {"analysis": {"templates": [{"templateName": "rate"}], "args": [{"name": "most", "value": str(most)}]}}
        for most in (1, 2, 1)
    ]
    found = convert(go_cell(updateStrategy=steps(*ask)), template(metric, args=[{"name": "most"}]))
    assert [(each["name"], each["analysis"]["max"]) for each in spec(found)["checks"]] == [("rate", 1), ("rate-2", 2)]
    asked = [step["analysis"]["checks"] for step in spec(found)["updateStrategy"]["canary"]["steps"]]
    assert asked == [["rate"], ["rate-2"], ["rate"]]


def test_an_argument_without_a_value_is_a_problem() -> None:
    metric = {"name": "m", "successCondition": "result[0] <= {{args.most}}", "provider": PROMETHEUS}
    found = convert(go_cell(updateStrategy=steps(ANALYSIS)), template(metric, args=[{"name": "most"}]))
    assert "the argument most has no value" in said(found)[0]


def test_a_header_from_a_secret_is_left_to_a_secret() -> None:
    web = {"url": "https://m.example", "headers": [{"key": "Authorization", "value": "Bearer {{args.token}}"}]}
    metric = {"name": "m", "successCondition": "result.ok", "provider": {"web": web}}
    secret = [{"name": "token", "valueFrom": {"secretKeyRef": {"name": "s", "key": "token"}}}]
    found = convert(go_cell(updateStrategy=steps(ANALYSIS)), template(metric, args=secret))
    assert spec(found)["checks"][0]["analysis"]["provider"] == {"web": {"url": "https://m.example"}}
    assert "The header Authorization came from a Secret" in comments(found)
    assert found.problems == []


def test_what_may_be_a_secret_is_shown_nowhere() -> None:
    authentication = {"oauth2": {"clientId": "x", "clientSecret": "S3CRET"}}
    prometheus = {
        **PROMETHEUS["prometheus"],
        "authentication": authentication,
        "headers": [{"key": "Authorization", "value": "Bearer S3CRET"}, {"key": "X-Scope-OrgID", "value": "S3CRET"}],
    }
    metric = {"name": "m", "successCondition": "result < 1", "provider": {"prometheus": prometheus}}
    found = convert(
        go_cell(
            updateStrategy=steps(ANALYSIS),
            oddity=[{"name": "DD_API_KEY", "value": "S3CRET"}, {"name": "LEVEL", "value": "debug"}],
            env=[{"name": "DSN", "value": "S3CRET", "valueFrom": {"secretKeyRef": {"name": "dsn", "key": "url"}}}],
            headers={"Cookie": "S3CRET"},
            proxy="https://user:S3CRET@proxy.example:3128/" + "x" * 200,
            password=["S3CRET"],
        ),
        template(metric, {"name": "n", "provider": {"web": {"url": "u", "headers": ["Authorization: S3CRET"]}}}),
        go("Pause", {"token": "S3CRET", "hook": "https://S3CRET@hook.example"}),
        go("Cell", {"ingress": {"type": "https://x:S3CRET@a.example", "password": "S3CRET"}}, name="b"),
    )
    text = rendered(found.documents) + " ".join(said(found))
    assert "S3CRET" not in text
    for shown in (
        "X-Scope-OrgID",
        "debug",
        "'key': 'url', 'name': 'dsn'",
        "https://proxy.example:3128/",
        "https://hook",
    ):
        assert shown in " ".join(text.replace("#", "").split())


def test_what_argo_cd_tracks_an_object_by_stays_with_the_old_one() -> None:
    labels = {"app.kubernetes.io/instance": "old", "argocd.argoproj.io/instance": "old", "team": "web"}
    annotations = {
        "argocd.argoproj.io/tracking-id": "old:okra.mumo.co/Cell:prod/web",
        "argocd.argoproj.io/installation-id": "a",
        "argocd.argoproj.io/sync-wave": "1",
    }
    cell = go_cell()
    found = convert({**cell, "metadata": {**cell["metadata"], "labels": labels, "annotations": annotations}})
    made = found.documents[0].object
    assert made is not None
    assert made["metadata"] == {
        "name": "web",
        "labels": {"team": "web"},
        "annotations": {"argocd.argoproj.io/sync-wave": "1"},
    }
    text = comments(found)
    for left in ("app.kubernetes.io/instance: old", "tracking-id: old:okra.mumo.co/Cell:prod/web"):
        assert left in text
    assert found.problems == []


def test_what_held_go_okra_and_won_t_hold_okra_is_a_problem() -> None:
    listed = convert(go("VersionBlocklist", {"items": [{"version": "1.2.0", "cause": "it was slow"}]}))
    paused = convert({**go("Pause", {"expireTime": "2021-09-20T03:21:44Z"}), "status": {"phase": "Started"}})
    [listed_said], [paused_said] = said(listed), said(paused)
    assert "VersionBlocklist/web spec.items: " in listed_said
    assert "pin spec.version, before the Cell is applied" in listed_said
    assert "Pause/web status.phase: A pause under way is not carried over" in paused_said
    for found, kept in ((listed, "cause: it was slow"), (paused, "2021-09-20")):
        assert found.documents[0].object is None
        assert kept in comments(found)
    over = {**go("Pause", {"expireTime": "2021-09-20T03:21:44Z"}), "status": {"phase": "Expired"}}
    assert said(convert(over, go("VersionBlocklist", {"items": []}))) == []


def test_a_job_stays_a_job() -> None:
    pod = {"spec": {"containers": [{"name": "t", "image": "example/t"}], "restartPolicy": "Never"}}
    metric = {"name": "m", "provider": {"job": {"spec": {"backoffLimit": 2, "template": pod, "parallelism": 3}}}}
    found = convert(go_cell(updateStrategy=steps(ANALYSIS)), template(metric))
    assert spec(found)["checks"] == [{"name": "rate", "job": {"template": {"spec": pod["spec"]}, "backoffLimit": 2}}]
    assert "parallelism: 3 has no counterpart" in comments(found)


def test_conditions_become_bounds_where_they_say_the_same() -> None:
    cases = {
        "result[0] >= 0.95": {"min": 0.95},
        "len(result) == 0 || result[0] <= 5": {"max": 5, "onNoData": "Pass"},
        "default(result, 0) < 0.05": {"successCondition": "result < 0.05", "onNoData": "Zero"},
        "asFloat(result[0]) > 1 && result[0] < 3": {"successCondition": "double(result) > 1 && result < 3"},
    }
    for text, wanted in cases.items():
        metric = {"name": "m", "successCondition": text, "provider": PROMETHEUS}
        found = convert(go_cell(updateStrategy=steps(ANALYSIS)), template(metric))
        assert found.problems == []
        made = spec(found)["checks"][0]["analysis"]
        assert {key: made[key] for key in made.keys() - {"provider", "query"}} == wanted


@pytest.mark.parametrize(
    ("success", "failure", "no_data"),
    [
        ("result[0] <= 0.05", "result[0] > 0.1", {}),
        ("len(result) == 0 || result[0] <= 0.05", "len(result) == 0 || result[0] > 0.1", {"onNoData": "Fail"}),
        ("len(result) == 0 || result[0] <= 0.05", "result[0] > 0.1", {}),
        ("default(result, 0) <= 0.05", "result[0] > 0.1", {}),
        ("default(result, 0) <= 0.05", "default(result, 0) > 0.1", {"onNoData": "Zero"}),
        ("result[0] <= 0.05", "len(result) == 0 || default(result, 0) > 0.1", {"onNoData": "Fail"}),
    ],
)
def test_two_conditions_stay_two_so_that_what_neither_is_true_of_lets_nothing_pass(
    success: str, failure: str, no_data: dict[str, str]
) -> None:
    metric = {"name": "m", "successCondition": success, "failureCondition": failure, "provider": PROMETHEUS}
    found = convert(go_cell(updateStrategy=steps(ANALYSIS)), template(metric))
    assert found.problems == []
    made = spec(found)["checks"][0]["analysis"]
    conditions = {"successCondition": "result <= 0.05", "failureCondition": "result > 0.1"}
    assert {key: made[key] for key in made.keys() - {"provider", "query"}} == {**conditions, **no_data}


def test_a_condition_that_is_no_cel_is_a_problem_with_its_path() -> None:
    metric = {"name": "m", "successCondition": "all(result, {# > 1})", "provider": PROMETHEUS}
    [problem] = said(convert(go_cell(updateStrategy=steps(ANALYSIS)), template(metric)))
    assert "as spec.checks[0].analysis.successCondition of Cell/web: is no CEL expression at column 14" in problem


def test_a_target_group_becomes_the_command_that_tags_it() -> None:
    arn = "arn:aws:elasticloadbalancing:us-east-1:123456789012:targetgroup/web1/0123456789abcdef"
    labels = {"role": "web", "okra.mumo.co/version": "1.0.0"}
    found = convert(go("AWSTargetGroup", {"arn": arn}, labels=labels))
    assert found.documents[0].object is None
    wanted = f"aws elbv2 add-tags --resource-arns {arn} --tags Key=okra.mumo.co/version,Value=1.0.0 Key=role,Value=web"
    assert f"#   {wanted}" in rendered(found.documents).splitlines()


def test_target_groups_are_found_in_the_clusters_of_the_set_whose_labels_they_select() -> None:
    clusters = go(
        "ClusterSet",
        {
            "generators": [{"awseks": {"selector": {"matchTags": {"Service": "demo"}}}}],
            "template": {"metadata": {"labels": {"service": "demo"}}},
        },
    )
    eks = {"bindingSelector": {"matchLabels": {"role": "web"}}, "clusterSelector": {"matchLabels": {"service": "demo"}}}
    groups = go("AWSTargetGroupSet", {"generators": [{"awseks": eks}], "template": {"metadata": {}}})
    alone, beside = convert(groups), convert(groups, clusters)
    tags = [spec(each)["generators"][0]["awseks"]["selector"]["matchTags"] for each in (alone, beside)]
    assert tags == [{"service": "demo"}, {"Service": "demo"}]
    assert "Correct them where they differ" in comments(alone)
    assert "Correct them where they differ" not in comments(beside)


def test_a_kind_that_go_okra_never_had_is_a_problem_and_others_are_passed_over() -> None:
    found = convert(go("Cel", {}), {"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "s"}})
    assert "Cel is no kind of Go okra's: there are Cell," in said(found)[0]
    assert found.passed_over == {"Secret": 1}


def test_a_key_that_is_given_twice_is_said() -> None:
    [message] = converted([("old.yaml", "spec: {}\nspec: {}\n")], {}).unreadable
    assert message.startswith("old.yaml:2 YAML: ")


def test_kinds_that_its_documents_show_in_okras_group_are_converted_too() -> None:
    arn = "arn:aws:elasticloadbalancing:us-east-1:123456789012:targetgroup/web1/0123456789abcdef"
    shown = {**go("AWSTargetGroup", {"arn": arn}), "apiVersion": "okra.mumoshu.github.io/v1alpha1"}
    own = {**go_cell(), "apiVersion": "okra.mumoshu.github.io/v1alpha1"}
    found = convert(shown, own)
    assert [each.source.kind for each in found.documents] == ["AWSTargetGroup"]
    assert found.passed_over == {"Cell of Okra itself": 1}


def test_what_providers_say_beyond_the_query_is_kept() -> None:
    datadog = {"query": "q", "apiVersion": "v2", "aggregator": "max", "interval": "10m", "secretRef": {"name": "dd"}}
    web = {"url": "https://m.example", "method": "POST", "body": "{}", "jsonPath": "{$.a[0].b}"}
    judged = {"successCondition": "result < 1"}
    metrics = [
        {"name": "a", **judged, "provider": {"datadog": datadog}},
        {"name": "b", **judged, "provider": {"web": web}},
    ]
    checks = spec(convert(go_cell(updateStrategy=steps(ANALYSIS)), template(*metrics)))["checks"]
    assert [each["name"] for each in checks] == ["rate-a", "rate-b"]
    block = {"secretRef": {"name": "dd"}, "apiVersion": "v2", "aggregator": "max"}
    assert (checks[0]["analysis"]["provider"], checks[0]["analysis"]["window"]) == ({"datadog": block}, "10m")
    wanted = {"url": "https://m.example", "method": "POST", "body": "{}", "jmesPath": "a[0].b"}
    assert checks[1]["analysis"]["provider"] == {"web": wanted}


def test_a_path_that_jmespath_has_no_simple_form_of_is_a_problem() -> None:
    web = {"url": "https://m.example", "jsonPath": "{range .items[*]}{.x}{end}"}
    metric = {"name": "m", "successCondition": "result < 1", "provider": {"web": web}}
    assert "write it as JMESPath" in said(convert(go_cell(updateStrategy=steps(ANALYSIS)), template(metric)))[0]


def test_a_secret_outside_of_headers_is_a_problem() -> None:
    metric = {"name": "m", "successCondition": "result < {{args.token}}", "provider": PROMETHEUS}
    secret = [{"name": "token", "valueFrom": {"secretKeyRef": {"name": "s", "key": "token"}}}]
    found = convert(go_cell(updateStrategy=steps(ANALYSIS)), template(metric, args=secret))
    assert "comes from a Secret, which Okra puts into headers only" in said(found)[0]


def test_every_generator_of_a_cluster_set_is_taken() -> None:
    tags = [{"awseks": {"selector": {"matchTags": {"env": env}}}} for env in ("a", "b")]
    found = convert(go("ClusterSet", {"generators": tags}))
    assert spec(found) == {"generators": tags}
    assert "Go okra looked at the first generator only" in comments(found)


@pytest.mark.parametrize("kind", ["ClusterSet", "AWSTargetGroupSet"])
def test_a_label_from_a_clusters_tag_is_copied_from_it(kind: str) -> None:
    labels = {
        "role": "{{.awseks.cluster.tags.role}}",
        "okra.mumo.co/version": '{{ index .awseks.cluster.tags "okra.mumo.co/version" }}',
        "tier": "front",
    }
    binding = {"bindingSelector": {"matchLabels": {"a": "b"}}, "clusterSelector": {"matchLabels": {"a": "b"}}}
    eks = {"selector": {"matchTags": {"a": "b"}}} if kind == "ClusterSet" else binding
    wanted = {"generators": [{"awseks": eks}], "template": {"metadata": {"labels": labels}}}
    found = convert(go(kind, wanted))
    assert spec(found)["template"] == {
        "metadata": {"labels": {"tier": "front"}},
        "labelsFromTags": ["okra.mumo.co/version", "role"],
    }
    assert found.problems == []


@pytest.mark.parametrize("value", ["{{.awseks.cluster.name}}", "{{.awseks.cluster.tags.team}}", "v{{.x}}"])
def test_a_label_that_no_tag_of_its_name_holds_is_a_problem(value: str) -> None:
    eks = {"generators": [{"awseks": {"selector": {"matchTags": {"a": "b"}}}}]}
    found = convert(go("ClusterSet", {**eks, "template": {"metadata": {"labels": {"owner": value}}}}))
    [problem] = said(found)
    assert f"spec.template.metadata.labels.owner: {value} can't be filled in" in problem
    assert "Tag the clusters with owner" in problem
    assert "template" not in spec(found)


def test_a_cell_without_the_block_of_its_type_is_refused() -> None:
    [problem] = convert(go("Cell", {"ingress": {"type": "AWSNetworkLoadBalancer"}})).problems
    assert (problem.path, problem.message) == ("spec.ingress.awsNetworkLoadBalancer", "is required")


@pytest.mark.parametrize("end", ["\n", "\r", "\x85", "\u2028", "\x0b", "\x1c", "\x00", "\x1b[2J"])
def test_no_text_breaks_out_of_a_comment(end: str) -> None:
    """Whoever wrote the old object writes no field of the new one past the conversion, and nothing to the terminal."""
    hostile = f"x{end}kind: Secret{end}  y: z"
    cell = go_cell(oddity=hostile)
    cell["spec"][f"odd{end}paused"] = True
    found = convert(cell, go("Pause", {"x": hostile}), go("Cell", {"ingress": {"type": hostile}}, name=hostile))
    made, *others = list(yaml.safe_load_all(rendered(found.documents)))
    assert made == found.documents[0].object
    assert others == [None, None]
    assert not set("".join(said(found))) & set("\n\r\x85\u2028\x0b\x1c\x00\x1b")
