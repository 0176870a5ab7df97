"""Shares, groups and weights as people read them: one way everywhere."""

from __future__ import annotations

from fractions import Fraction

import pytest

from okra.rollout.effects import Emit
from okra.rollout.words import describe, percent, short
from tests.rollout.cases import at, cell, ended, failing, rollout

ARN = "arn:aws:elasticloadbalancing:us-east-1:123456789012:targetgroup/web-2/0123456789abcdef"


@pytest.mark.parametrize(("share", "said"), [(Fraction(1, 10), "10 %"), (Fraction(1, 3), "33.33 %"), (1, "100 %")])
def test_a_share_is_said_in_percent(share: Fraction, said: str) -> None:
    assert percent(Fraction(share)) == said


def test_a_step_its_dwelling_and_a_failed_check_name_the_share_in_percent() -> None:
    p = at(cell(checks=("c",)), Fraction(1, 4))
    assert p.state.condition.message == "1.1.0 has 25 % of the traffic."
    failing("1.1.0")(p)
    ended(p)
    said = [effect.message for effect in p.trace if isinstance(effect, Emit)]
    assert any(message.endswith("1.1.0 to 25 % of the traffic.") for message in said)
    failure = rollout(p).failure
    assert failure is not None
    assert failure.message.startswith("Check c failed at 25 %: ")


def test_weights_are_said_by_the_names_of_their_groups() -> None:
    assert describe({ARN: 3, "a1": 1}) == "web-2=3, a1=1"
    assert describe({}) == "nothing"
    assert short(ARN) == "web-2"
