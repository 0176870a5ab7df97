"""The Cell of the demo, as a person would write it."""

from __future__ import annotations

from okra.demo.metrics import ERRORS, NAMESPACE, REQUESTS
from okra.demo.script import Script

CELL_NAME = "web"
NAMESPACE_OF_CELL = "default"
CHECK = "errors"


def cell_yaml(listener_arn: str, script: Script) -> str:
    """One that fits the listener and the script.

    The check asks for the share of failed requests since the step began, of each new cluster: the window of a
    measurement is cut at the step, and RUNNING_SUM adds up what is in it.
    """
    steps = "".join(f"\n        - setWeight: {percent}" for percent in script.steps)
    return f"""\
apiVersion: okra.mumoshu.github.io/v1alpha1
kind: Cell
metadata:
  name: {CELL_NAME}
spec:
  ingress:
    type: AWSApplicationLoadBalancer
    awsApplicationLoadBalancer:
      listenerARN: {listener_arn}
      targetGroupSelector:
        matchLabels:
          role: web
  replicas: {script.clusters}
  versionedBy:
    label: okra.mumoshu.github.io/version
  updateStrategy:
    type: Canary
    canary:
      stepInterval: {script.step_interval:g}s
      steps:{steps}
  propagationDelay: 1s
  retainFor: 1h
  checks:
    - name: {CHECK}
      analysis:
        interval: 1s
        max: 0.02
        minSamples: 30
        provider:
          cloudWatch:
            metrics:
              - id: requests
                stat: Sum
                period: 1s
                metric:
                  namespace: {NAMESPACE}
                  name: {REQUESTS}
                  dimensions:
                    TargetGroup: "{{{{.Vars.targetGroupName}}}}"
              - id: errors
                stat: Sum
                period: 1s
                fill: 0
                metric:
                  namespace: {NAMESPACE}
                  name: {ERRORS}
                  dimensions:
                    TargetGroup: "{{{{.Vars.targetGroupName}}}}"
              - id: rate
                expression: RUNNING_SUM(errors)/RUNNING_SUM(requests)
                returnData: true
"""
