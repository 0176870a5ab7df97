"""The real control plane, the double of AWS, and `okra controller` on both."""

from tests.kube.controller_fixtures import *
