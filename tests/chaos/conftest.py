"""The real control plane and the double of AWS, for tests that kill, freeze and break what there is."""

from tests.kube.controller_fixtures import *
