"""Checks: what to ask a metric source, about which span of time, and what the answers mean.

    naming    a Cell's checks → the Check objects to create   (templates fills the variables in)
    policy    the API's analysis → what judges, every default decided
    window    when there is data that is evidence for this step, and which
    verdict   one answer → one measurement                    (conditions evaluates CEL)
    series    measurements → one verdict

All pure: time is an argument. Only `providers` speaks to anybody, and nothing here imports it.
"""

from okra.analysis.naming import CheckObject, analysis_hash, check_name, checks_for
from okra.analysis.policy import AnalysisPolicy, policy_from, problems
from okra.analysis.series import Series
from okra.analysis.verdict import Measurement, errored, judge
from okra.analysis.window import NotReady, TooEarly, window_for

__all__ = [
    "AnalysisPolicy",
    "CheckObject",
    "Measurement",
    "NotReady",
    "Series",
    "TooEarly",
    "analysis_hash",
    "check_name",
    "checks_for",
    "errored",
    "judge",
    "policy_from",
    "problems",
    "window_for",
]
