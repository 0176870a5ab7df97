"""terraform-provider-eksctl's couriers: an ALB, or a Cell on a weighted record; values from wherever they are given."""

from __future__ import annotations

import json
from typing import Any

import pytest

from okra.api.lint import lint
from okra.convert.files import Conversion, converted
from okra.convert.rendering import rendered

LISTENER = "arn:aws:elasticloadbalancing:us-east-1:123456789012:listener/app/web/50dc6c495c0c9188/f2f7dc8efc522ab2"
GROUP = "arn:aws:elasticloadbalancing:us-east-1:123456789012:targetgroup/{}/0123456789abcdef"
BLUE, GREEN = GROUP.format("blue"), GROUP.format("green")

COURIER = """
resource "eksctl_courier_alb" "my_alb" {
  listener_arn  = %(listener)s
  priority      = "11"
  step_weight   = 5
  step_interval = "1m"
  hosts         = ["example.com"]

  destination {
    target_group_arn = %(blue)s
    weight           = 0
  }
  destination {
    target_group_arn = %(green)s
    weight           = 100
  }
%(more)s
}
"""
CLOUDWATCH = """
  cloudwatch_metric {
    name     = "http_errors_cw"
    interval = "1m"
    max      = 50
    query    = <<-EOQ
    [{"Id": "e1", "Expression": "m1 / m2", "Label": "ErrorRate"},
     {"Id": "m1", "ReturnData": false, "MetricStat": {"Period": 300, "Stat": "Sum", "Unit": "Count", "Metric":
       {"Namespace": "AWS/ApplicationELB", "MetricName": "HTTPCode_Target_5XX_Count",
        "Dimensions": [{"Name": "TargetGroup", "Value": "{{.TargetGroupARN}}"}]}}},
     {"Id": "m2", "ReturnData": false, "MetricStat": {"Period": 300, "Stat": "Sum", "Metric":
       {"Namespace": "AWS/ApplicationELB", "MetricName": "RequestCount"}}}]
    EOQ
  }
"""
DATADOG = """
  datadog_metric {
    name     = "http_errors_dd"
    interval = "2m"
    max      = 0.5
    query    = "avg:errors{target:{{.TargetGroupARN}}}"
  }
"""
QUOTED = {"listener": f'"{LISTENER}"', "blue": f'"{BLUE}"', "green": f'"{GREEN}"'}


def courier(more: str = "", **values: str) -> str:
    return COURIER % {**QUOTED, "more": more, **values}


def convert(*files: tuple[str, str], **values: str) -> Conversion:
    return converted(files, values)


def clean(found: Conversion) -> Any:
    """The one object, which is clean as the text that people get."""
    assert (found.problems, found.unreadable) == ([], [])
    report = lint([("new.yaml", rendered(found.documents))], provider_is_set=False)
    assert (report.objects, report.findings) == (len(found.documents), [])
    return found.documents[0].object


def said(found: Conversion) -> str:
    [problem] = found.problems
    return str(problem)


def test_a_courier_becomes_an_alb() -> None:
    made = clean(convert(("main.tf", courier())))
    assert (made["kind"], made["metadata"]) == ("ALB", {"name": "my-alb"})
    assert made["spec"] == {
        "listenerARN": LISTENER,
        "priority": 11,
        "conditions": {"hosts": ["example.com"]},
        "destinations": [{"targetGroupARN": BLUE, "weight": 0}, {"targetGroupARN": GREEN, "weight": 100}],
        "stepWeight": 5,
        "stepInterval": "1m",
    }


def test_metrics_become_checks() -> None:
    made = clean(convert(("main.tf", courier(DATADOG + CLOUDWATCH))))
    datadog, cloudwatch = made["spec"]["checks"]
    assert datadog == {
        "name": "http-errors-dd",
        "analysis": {
            "max": 0.5,
            "window": "2m",
            "query": "avg:errors{target:{{.Vars.targetGroupARN}}}",
            "provider": {"datadog": {"secretRef": {"name": "datadog"}}},
        },
    }
    asked = cloudwatch["analysis"]["provider"]["cloudWatch"]["metrics"]
    assert [(each["id"], each["returnData"]) for each in asked] == [("e1", True), ("m1", False), ("m2", False)]
    assert asked[1]["metric"]["dimensions"] == {"TargetGroup": "{{.Vars.targetGroupARN}}"}
    assert asked[1]["period"] == "300s"


def test_what_has_no_counterpart_is_a_comment() -> None:
    more = """
  profile    = "prod"
  address    = "http://localhost:4566"
  region     = "us-east-1"
  unheard_of = 3
  depends_on = [helmfile_release_set.myapps]
  assume_role {
    role_arn     = "arn:aws:iam::123456789012:role/okra"
    session_name = "terraform"
  }
  datadog_metric {
    name  = "unjudged"
    query = "x"
  }
"""
    found = convert(("main.tf", courier(more)))
    made = clean(found)
    assert made["spec"]["aws"] == {"region": "us-east-1", "roleARN": "arn:aws:iam::123456789012:role/okra"}
    text = " ".join(rendered(found.documents).replace("#", "").split())
    for each in (
        "profile prod:",
        "address http://localhost:4566:",
        "unheard_of: 3 has no counterpart",
        "depends_on: nothing waits here",
        "assume_role[0].session_name: terraform has no counterpart",
        "datadog_metric[0] (unjudged) has neither max nor min",
    ):
        assert each in text


def test_a_reference_is_looked_up_in_variables_locals_and_other_resources() -> None:
    files = (
        ("main.tf", courier(listener="var.listener", blue="local.groups.blue", green="aws_lb_target_group.green.arn")),
        ("vars.tf", 'variable "listener" {}\nvariable "account" {\n  default = "123456789012"\n}\n'),
        ("prod.tfvars", f'listener = "{LISTENER}"\n'),
        ("more.tf", f'locals {{\n  groups = {{ blue = "{BLUE.replace("123456789012", "${var.account}")}" }}\n}}\n'),
        ("groups.tf", f'resource "aws_lb_target_group" "green" {{\n  arn = "{GREEN}"\n}}\n'),
    )
    made = clean(convert(*files))
    assert made["spec"]["listenerARN"] == LISTENER
    assert [each["targetGroupARN"] for each in made["spec"]["destinations"]] == [BLUE, GREEN]


def test_a_reference_without_a_value_names_the_option_that_gives_one() -> None:
    file = ("main.tf", courier(blue='aws_lb_target_group.blue["a"].arn'))
    problem = said(convert(file))
    assert problem.startswith(
        "main.tf:2 eksctl_courier_alb/my_alb destination[0].target_group_arn: aws_lb_target_group"
    )
    assert "--value 'aws_lb_target_group.blue[\"a\"].arn=…'" in problem
    clean(convert(file, **{'aws_lb_target_group.blue["a"].arn': BLUE}))


def state(*resources: dict[str, Any]) -> tuple[str, str]:
    root = {"resources": [], "child_modules": [{"resources": list(resources)}]}
    return "state.json", json.dumps({"format_version": "1.0", "values": {"root_module": root}})


def test_terraforms_state_gives_the_values_of_references() -> None:
    blue = {"mode": "managed", "type": "aws_lb_target_group", "name": "blue", "values": {"arn": BLUE}}
    listener = {"mode": "data", "type": "aws_lb_listener", "name": "web", "values": {"arn": LISTENER}}
    file = ("main.tf", courier(listener="data.aws_lb_listener.web.arn", blue="aws_lb_target_group.blue.arn"))
    made = clean(convert(file, state(blue, listener)))
    assert made["spec"]["destinations"][0]["targetGroupARN"] == BLUE


def test_terraforms_state_is_converted_by_itself() -> None:
    values = {
        "listener_arn": LISTENER,
        "priority": 10,
        "step_weight": 50,
        "step_interval": "1s",
        "address": "",
        "hosts": [],
        "destination": [{"target_group_arn": BLUE, "weight": 1}, {"target_group_arn": GREEN, "weight": 3}],
    }
    found = convert(
        state(*({"type": "eksctl_courier_alb", "name": "web", "index": key, "values": values} for key in ("a", "b")))
    )
    clean(found)
    assert [each.object["metadata"]["name"] for each in found.documents if each.object] == ["web-a", "web-b"]


@pytest.mark.parametrize(
    "line", ["count = 2", "for_each = toset([1])", 'dynamic "destination" {\n for_each = [1]\n content {}\n}']
)
def test_what_terraform_must_evaluate_is_left_to_its_state(line: str) -> None:
    assert "convert what `terraform show -json` prints" in said(convert(("main.tf", courier(line))))


def test_a_query_may_be_written_with_jsonencode() -> None:
    query = """
  cloudwatch_metric {
    name  = "errors"
    max   = 1
    query = jsonencode([{
      Id = "m1", MetricStat = { Period = 60, Stat = var.stat, Metric = { Namespace = "A", MetricName = "B" } }
    }])
  }
"""
    made = clean(convert(("main.tf", courier(query)), ("v.tf", 'variable "stat" {\n  default = "Sum"\n}\n')))
    asked = made["spec"]["checks"][0]["analysis"]["provider"]["cloudWatch"]["metrics"]
    assert asked == [{"id": "m1", "metric": {"namespace": "A", "name": "B"}, "stat": "Sum", "period": "60s"}]


@pytest.mark.parametrize(
    ("query", "said_of_it"),
    [
        ('"{{index .LoadBalancerARNs 0}}"', "{{index .LoadBalancerARNs 0}} has no counterpart"),
        ('"m1"', "is no JSON"),
        ('"{}"', "must be a JSON list"),
        ("file(var.x)", "file(var.x) has no value"),
    ],
)
def test_a_query_that_can_t_be_carried_over_is_a_problem(query: str, said_of_it: str) -> None:
    more = f'  cloudwatch_metric {{\n    name = "x"\n    max = 1\n    query = {query}\n  }}\n'
    assert said_of_it in said(convert(("main.tf", courier(more))))


def test_a_dollar_that_is_escaped_is_no_reference() -> None:
    more = '  datadog_metric {\n    name = "x"\n    max = 1\n    query = "a $${b} c"\n  }\n'
    assert clean(convert(("main.tf", courier(more))))["spec"]["checks"][0]["analysis"]["query"] == "a ${b} c"


def test_what_an_alb_can_t_be_is_said_of_the_object_that_was_made() -> None:
    problem = said(convert(("main.tf", courier(blue=QUOTED["green"]))))
    assert "as spec.destinations[1].targetGroupARN of ALB/my-alb: is listed twice" in problem


def test_broken_hcl_is_unreadable_with_its_line() -> None:
    [message] = convert(("main.tf", 'resource "a" "b" {\n  x =\n}\n')).unreadable
    assert message.startswith("main.tf:2 HCL: can't be read: ")


RECORDS = """
variable "zone" {
  default = "Z2FDTNDATAQYW2"
}
resource "aws_route53_record" "blue" {
  zone_id        = var.zone
  name           = "www.example.com"
  type           = "A"
  set_identifier = "blue"
  weighted_routing_policy {
    weight = 1
  }
  alias {
    name                   = "blue.elb.example.com"
    zone_id                = "Z35SXDOTRQ7X7K"
    evaluate_target_health = true
  }
}
resource "aws_route53_record" "green" {
  zone_id        = var.zone
  name           = "www.example.com"
  type           = "A"
  set_identifier = "green"
  weighted_routing_policy {
    weight = 0
  }
  alias {
    name                   = "green.elb.example.com"
    zone_id                = "Z35SXDOTRQ7X7K"
    evaluate_target_health = true
  }
}
"""
WWW = """
resource "eksctl_courier_route53_record" "www" {
  zone_id       = var.zone
  name          = "www.example.com"
  step_weight   = 5
  step_interval = "1m"
  destination {
    set_identifier = aws_route53_record.blue.set_identifier
    weight         = 0
  }
  destination {
    set_identifier = "green"
    weight         = 100
  }
}
"""


def test_a_courier_of_a_record_becomes_a_cell_whose_versions_are_set_identifiers() -> None:
    made = clean(convert(("main.tf", RECORDS + WWW)))
    assert made["kind"] == "Cell"
    assert made["spec"]["version"] == "green"
    assert made["spec"]["updateStrategy"]["canary"] == {"stepWeight": 5, "stepInterval": "1m", "totalWeight": 100}
    route = made["spec"]["ingress"]["route53"]
    assert (route["hostedZoneID"], route["name"], route["type"]) == ("Z2FDTNDATAQYW2", "www.example.com", "A")
    assert [(each["version"], each["alias"]["dnsName"]) for each in route["endpoints"]] == [
        ("blue", "blue.elb.example.com"),
        ("green", "green.elb.example.com"),
    ]


def test_records_with_values_keep_their_ttl() -> None:
    records = RECORDS
    for color, address in (("blue", "192.0.2.1"), ("green", "192.0.2.2")):
        begin = records.index("alias", records.index(f'"{color}"\n  weighted'))
        end = records.index("}", begin) + 1
        records = f'{records[:begin]}ttl = "5"\n  records = ["{address}"]{records[end:]}'
    route = clean(convert(("main.tf", records + WWW)))["spec"]["ingress"]["route53"]
    assert route["ttl"] == 5
    assert [each["value"] for each in route["endpoints"]] == ["192.0.2.1", "192.0.2.2"]


def test_a_records_health_check_is_its_endpoints_and_one_without_a_value_is_left_to_the_record() -> None:
    check = "12345678-abcd-ef01-2345-67890abcdef0"
    marked = RECORDS.replace('  set_identifier = "blue"', f'  set_identifier = "blue"\n  health_check_id = "{check}"')
    marked = marked.replace(
        '  set_identifier = "green"', '  set_identifier = "green"\n  health_check_id = aws_route53_health_check.g.id'
    )
    found = convert(("main.tf", marked + WWW))
    blue, green = clean(found)["spec"]["ingress"]["route53"]["endpoints"]
    assert (blue["healthCheckID"], "healthCheckID" in green) == (check, False)
    said = " ".join(rendered(found.documents).replace("#", "").split())
    assert "Its health check, ${aws_route53_health_check.g.id}, has no value in the given files" in said


def test_a_set_identifier_without_its_record_is_a_problem() -> None:
    problem = said(convert(("main.tf", RECORDS + WWW.replace('"green"', '"red"'))))
    assert "no aws_route53_record of www.example.com with set_identifier red is in the given files" in problem


def test_headers_and_query_strings_are_conditions() -> None:
    more = '  headers = {\n    Cookie = "beta=1"\n  }\n  querystrings = {\n    v = "2"\n  }\n  methods = ["get"]\n'
    assert clean(convert(("main.tf", courier(more))))["spec"]["conditions"] == {
        "hosts": ["example.com"],
        "methods": ["GET"],
        "headers": {"Cookie": ["beta=1"]},
        "queryStrings": [{"key": "v", "value": "2"}],
    }


def test_two_resources_that_become_one_name_are_a_problem() -> None:
    problem = said(convert(("main.tf", courier() + courier().replace('"my_alb"', '"my-alb"'))))
    assert problem.startswith("main.tf:20 eksctl_courier_alb/my-alb: becomes ALB/my-alb, as main.tf:2 ")


@pytest.mark.parametrize("values", [[], {"root_module": []}, {"root_module": {"resources": [1], "child_modules": "x"}}])
def test_a_state_of_another_shape_holds_nothing(values: Any) -> None:
    found = convert(("state.json", json.dumps({"format_version": "1.0", "values": values})))
    assert (found.documents, found.problems) == ([], [])


def test_of_records_only_what_is_needed_must_have_a_value() -> None:
    other = RECORDS.replace('"blue"', '"mauve"').replace('"green"', '"teal"').replace("var.zone\n", "var.none\n")
    nameless = 'resource "aws_route53_record" "x" {\n  set_identifier = var.none\n}\n'
    needless = RECORDS.replace('  type           = "A"\n', '  type           = "A"\n  health_check_id = var.none\n')
    clean(convert(("main.tf", needless + WWW), ("other.tf", other + nameless)))


@pytest.mark.parametrize(("blue", "green", "version"), [(30, 100, "green"), (50, 50, "blue"), (0, 0, "blue")])
def test_a_cell_of_weights_that_no_cell_describes_is_paused(blue: int, green: int, version: str) -> None:
    split = WWW.replace("weight         = 0", f"weight         = {blue}").replace("= 100", f"= {green}")
    found = convert(("main.tf", RECORDS + split))
    made = clean(found)["spec"]
    assert (made["version"], made["paused"]) == (version, True)
    text = rendered(found.documents)
    assert f"Of the weights {{'blue': {blue}, 'green': {green}}} a Cell knows one end" in text
    assert text.index("take this line") < text.index("\n  paused: true")
    assert "paused" not in clean(convert(("main.tf", RECORDS + WWW)))["spec"]


def test_of_several_ttls_the_longest_is_taken_and_all_are_said() -> None:
    records = RECORDS
    for color, ttl in (("blue", 30), ("green", 300)):
        begin = records.index("alias", records.index(f'"{color}"\n  weighted'))
        end = records.index("}", begin) + 1
        records = f'{records[:begin]}ttl = {ttl}\n  records = ["{color}.example.com"]{records[end:]}'
    found = convert(("main.tf", records.replace('"A"', '"CNAME"') + WWW))
    assert clean(found)["spec"]["ingress"]["route53"]["ttl"] == 300
    assert "the longest of their TTLs, 30 and 300:" in rendered(found.documents)


def test_a_courier_of_a_record_has_the_same_metrics_and_needs_destinations() -> None:
    made = clean(convert(("main.tf", RECORDS + WWW.replace("  destination", DATADOG + "  destination", 1))))
    assert [each["name"] for each in made["spec"]["checks"]] == ["http-errors-dd"]
    without = WWW[: WWW.index("  destination")] + "}\n"
    assert "destination: is required" in said(convert(("main.tf", RECORDS + without)))


def test_a_record_of_several_values_is_a_problem() -> None:
    begin, end = RECORDS.index("alias"), RECORDS.index("}", RECORDS.index("alias")) + 1
    several = f'{RECORDS[:begin]}ttl = 5\n  records = ["192.0.2.1", "192.0.2.2"]{RECORDS[end:]}'
    assert "aws_route53_record.blue.records: must hold one value, not 2" in said(convert(("main.tf", several + WWW)))


@pytest.mark.parametrize(
    ("written", "more", "value"),
    [
        ('"arn:${local.rest}"', f'rest = "{BLUE[4:]}"', BLUE),
        ("local.groups[1]", f'groups = ["x", "{BLUE}"]', BLUE),
        ('local.groups["b"].arn', f'groups = {{ b = {{ arn = "{BLUE}" }} }}', BLUE),
    ],
)
def test_references_reach_into_strings_lists_and_maps(written: str, more: str, value: str) -> None:
    made = clean(convert(("main.tf", courier(blue=written) + f"locals {{\n  {more}\n}}\n")))
    assert made["spec"]["destinations"][0]["targetGroupARN"] == value


@pytest.mark.parametrize(
    ("written", "more", "said_of_it"),
    [
        ("local.a", "a = local.b\n  b = local.a", "refers to itself"),
        ("local.groups[3]", 'groups = ["x"]', "local.groups[3] has no value"),
        ("local.a.b", 'a = "x"', "local.a.b has no value"),
        ('lookup({ a = "}" }, "a")', "", 'lookup({a = "}"}, "a") has no value'),
        ("jsonencode(var.x ? 1 : )", "", "HCL: can't be read"),
    ],
)
def test_a_reference_that_leads_nowhere_is_said(written: str, more: str, said_of_it: str) -> None:
    found = convert(("main.tf", courier(blue=written) + f"locals {{\n  {more}\n}}\n"))
    assert said_of_it in " ".join([*map(str, found.problems), *found.unreadable])


def test_numbers_may_be_written_in_quotes_and_words_may_not() -> None:
    quoted = courier(DATADOG.replace("0.5", '"0.5"')).replace("= 5\n", "= 5.0\n")
    spec = clean(convert(("main.tf", quoted)))["spec"]
    assert (spec["stepWeight"], spec["checks"][0]["analysis"]["max"]) == (5, 0.5)
    assert "max: must be a number, not many" in said(convert(("main.tf", courier(DATADOG.replace("0.5", '"many"')))))


def test_what_a_resource_lacks_is_named() -> None:
    assert "listener_arn: is required" in said(convert(("main.tf", 'resource "eksctl_courier_alb" "x" {}\n')))
    nameless = said(convert(("main.tf", courier().replace('"my_alb"', '"___"'))))
    assert "no name can be made of '___'" in nameless


def test_where_else_metrics_are_read_is_kept_or_said() -> None:
    place = (
        '  aws_region  = "eu-west-1"\n    aws_profile = "ops"\n    address     = "http://localhost:4566"\n    interval'
    )
    more = CLOUDWATCH.replace("  interval", place) + "\n  lifecycle {\n    ignore_changes = []\n  }\n"
    found = convert(("main.tf", courier(more)))
    block = clean(found)["spec"]["checks"][0]["analysis"]["provider"]["cloudWatch"]
    assert block["region"] == "eu-west-1"
    text = rendered(found.documents)
    for said_of_it in ("aws_profile ops: ", "address http://localhost:4566: ", "lifecycle is Terraform's own"):
        assert said_of_it in text
