"""Properties are tried on the same examples in every run: a failure is a change of the code."""

from hypothesis import settings

settings.register_profile(
    "fixed", derandomize=True, database=None, deadline=None, max_examples=100, print_blob=False
)
settings.load_profile("fixed")
