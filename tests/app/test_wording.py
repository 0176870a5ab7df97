"""How lines for people name things, times and commands."""

from pathlib import Path

import pytest
from botocore.exceptions import ClientError

from okra.app.wording import addressed, duration, option_for, shortened
from okra.aws.errors import Attempt, translate

ARN = "arn:aws:elasticloadbalancing:us-east-1:123456789012:"
LB, LISTENER, RULE = "0123456789abcdef", "fedcba9876543210", "00112233445566ff"


@pytest.mark.parametrize(
    ("arn", "name"),
    [
        (f"targetgroup/web-2/{LB}", "targetgroup/web-2"),
        (f"loadbalancer/app/web/{LB}", "loadbalancer/web"),
        (f"listener/app/web/{LB}/{LISTENER}", f"listener/web/{LISTENER}"),
        (f"listener/net/web/{LB}/{LISTENER}#10", f"listener/web/{LISTENER}#10"),
        (f"listener-rule/app/web/{LB}/{LISTENER}/{RULE}", f"listener-rule/web/{RULE}"),
    ],
)
def test_an_arn_is_shortened_to_the_name_that_people_know(arn: str, name: str) -> None:
    assert shortened(f"Of {ARN}{arn}. And ({ARN}{arn}), arn:aws:iam::1:role/x.") == (
        f"Of {name}. And ({name}), arn:aws:iam::1:role/x."
    )


@pytest.mark.parametrize("differs", [("us-east-1", "eu-west-1"), ("123456789012", "210987654321"), (LB, RULE)])
def test_arns_of_one_name_stay_whole_so_that_what_differs_is_seen(differs: tuple[str, str]) -> None:
    before, group = f"{ARN}listener/app/web/{LB}/{LISTENER}", f"{ARN}targetgroup/web-2/{LISTENER}"
    after = before.replace(*differs)
    said = f"{before}#10 forwards to {{}}, and would after a move by {after}#10"
    assert shortened(said.format(group)) == said.format("targetgroup/web-2")


@pytest.mark.parametrize(
    ("rest", "name"),
    [
        ("", "A web.example.com"),
        ("/192.0.2.1", "192.0.2.1"),
        ("/2001:db8::1", "2001:db8::1"),
        ("/alias/Z35/lb.example.net", "lb.example.net"),
    ],
)
def test_records_are_said_by_their_name_and_by_where_they_lead(rest: str, name: str) -> None:
    arn = f"arn:aws:route53:aws-global::recordset/Z1/web.example.com/A{rest}"
    assert shortened(f"{arn} shows it, ({arn}), {arn}: of {arn}.") == f"{name} shows it, ({name}), {name}: of {name}."


def test_an_arn_that_is_to_be_checked_stays_whole() -> None:
    arn = f"{ARN}listener/app/web/{LB}/{LISTENER}"
    answer = ClientError({"Error": {"Code": "ListenerNotFound", "Message": "none"}}, "DescribeListeners")
    said = shortened(str(translate(answer, Attempt(region="us-east-1", target=arn))))
    assert said == f"no such listener in us-east-1: {arn}. Check the ARN and aws.region"


@pytest.mark.parametrize(
    ("seconds", "said"),
    [(-1, "0s"), (0, "0s"), (0.2, "1s"), (59, "59s"), (60, "1m"), (74.5, "1m15s"), (3600, "1h"), (7201, "2h1m")],
)
def test_a_duration_is_said_with_no_more_than_matters(seconds: float, said: str) -> None:
    assert duration(seconds) == said


@pytest.mark.parametrize(
    ("state", "namespace", "options"),
    [
        (".okra/state.db", "default", ""),
        ("./.okra/../.okra/state.db", "default", ""),
        ("a b/state.db", "default", " --state 'a b/state.db'"),
        ("/var/okra.db", "shop", " --state /var/okra.db --namespace shop"),
    ],
)
def test_a_command_has_the_options_that_it_takes_from_here(state: str, namespace: str, options: str) -> None:
    text = "To go on: okra resume web. Not okra resume web-2, nor okra get web."
    found = addressed(text, namespace, "web", option_for(Path(state)))
    assert found == text.replace("resume web.", f"resume web{options}.")
