"""Property tests are the same on every run, and a busy machine doesn't fail them."""

from hypothesis import settings

settings.register_profile("deterministic", deadline=None, derandomize=True)
settings.load_profile("deterministic")
