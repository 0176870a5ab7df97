"""The demo's Cell is one that a person could have written, and its check measures what it should."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
import yaml

from okra.analysis.providers.cloudwatch import metric_data_queries
from okra.api.lint import lint
from okra.api.provider import Provider
from okra.demo.environment import isolated
from okra.demo.manifest import cell_yaml
from okra.demo.metrics import ERRORS, NAMESPACE, REQUESTS
from okra.demo.script import QUICK, Script
from okra.testing.aws_world import AwsWorld

LISTENER = "arn:aws:elasticloadbalancing:us-east-1:123456789012:listener/app/web/0123456789abcdef/0123456789abcdef"


def test_the_cells_manifest_is_clean() -> None:
    for script in (Script(), QUICK):
        report = lint([("cell.yaml", cell_yaml(LISTENER, script))])
        assert (report.objects, report.findings, report.notes) == (1, [], [])


def test_the_checks_expression_is_the_error_rate_since_the_window_began(aws_world: AwsWorld) -> None:
    cell = yaml.safe_load(cell_yaml(LISTENER, Script()))
    provider = Provider.model_validate(cell["spec"]["checks"][0]["analysis"]["provider"])
    assert provider.cloud_watch is not None
    queries = metric_data_queries(provider.cloud_watch)
    group = [{"Name": "TargetGroup", "Value": "{{.Vars.targetGroupName}}"}]
    assert all(query["MetricStat"]["Metric"]["Dimensions"] == group for query in queries if "MetricStat" in query)
    seconds = [datetime(2026, 1, 1, 12, 0, second, tzinfo=UTC) for second in range(5)]
    published = [(REQUESTS, seconds[0], 30.0), (ERRORS, seconds[0], 30.0)]  # before the window: no evidence
    published += [(REQUESTS, at, value) for at, value in zip(seconds[1:4], (10.0, 10.0, 20.0), strict=True)]
    published += [(ERRORS, seconds[2], 2.0)]
    aws_world.client("cloudwatch").put_metric_data(
        Namespace=NAMESPACE,
        MetricData=[
            {"MetricName": name, "Timestamp": at, "Value": value, "Dimensions": group} for name, at, value in published
        ],
    )
    answer = aws_world.client("cloudwatch").get_metric_data(
        MetricDataQueries=queries, StartTime=seconds[1], EndTime=seconds[4], ScanBy="TimestampAscending"
    )
    found = {result["Id"]: result["Values"] for result in answer["MetricDataResults"]}
    assert found == {"requests": [10.0, 10.0, 20.0], "rate": pytest.approx([0.0, 0.1, 0.05])}


def test_nothing_of_the_users_aws_proxies_or_settings_reaches_the_demo() -> None:
    mine = {
        "PATH": "/bin",
        "AWS_PROFILE": "production",
        "AWS_ENDPOINT_URL_ELASTIC_LOAD_BALANCING_V2": "https://elsewhere.example",
        "AWS_SESSION_TOKEN": "secret",
        "OKRA_STEP_WEIGHT": "nonsense",
        "HTTPS_PROXY": "http://proxy.example",
    }
    found = isolated(mine, "http://127.0.0.1:1")
    assert found["PATH"] == "/bin"
    assert found["AWS_ENDPOINT_URL"] == "http://127.0.0.1:1"
    assert not mine.keys() - {"PATH"} & found.keys()
    assert found["AWS_CONFIG_FILE"] == found["AWS_SHARED_CREDENTIALS_FILE"] == "/dev/null"
