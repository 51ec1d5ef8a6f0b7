"""What all tests share: how chance is held still."""

import pytest
from hypothesis import HealthCheck, settings

PROFILE = "repeatable"

settings.register_profile(
    PROFILE,
    derandomize=True,
    database=None,
    deadline=None,
    max_examples=100,
    suppress_health_check=[HealthCheck.too_slow],
)
settings.load_profile(PROFILE)


def pytest_report_header(config: pytest.Config) -> str:
    """Say where examples come from: a run can be had again as it was."""
    del config
    return (
        f"hypothesis profile {PROFILE}: each test's seed is the hash of its own source "
        "(derandomize), nothing is kept between runs"
    )
