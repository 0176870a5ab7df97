"""The settings as the commands take them up: from the environment, with a word about each variable that is none."""

from __future__ import annotations

import os
import sys
from typing import Any

from okra.app.controller_settings import ControllerSettings
from okra.app.settings import Settings, load, load_settings
from okra.app.variables import warnings


def settings_of_environment() -> Settings:
    """Invalid names each wrong value. What is probably a typo is said on standard error and changes nothing."""
    _warn()
    return load_settings()


def controller_settings(**flags: Any) -> ControllerSettings:
    """The same, with the flags that were given (not None)."""
    _warn()
    return load(ControllerSettings, **flags)


def _warn() -> None:
    for warning in warnings(os.environ, ControllerSettings.model_fields):  # they hold all that there are
        print(warning, file=sys.stderr)
