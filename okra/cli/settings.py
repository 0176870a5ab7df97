"""The settings as the commands take them up: from the environment, with a word about each variable that is none."""

from __future__ import annotations

import os
import sys

from okra.app.settings import Settings, load_settings
from okra.app.variables import warnings


def settings_of_environment() -> Settings:
    """Invalid names each wrong value. What is probably a typo is said on standard error and changes nothing."""
    for warning in warnings(os.environ, Settings.model_fields):
        print(warning, file=sys.stderr)
    return load_settings()
