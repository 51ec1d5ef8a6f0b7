"""Tests of the repository itself: what is where, and what may use what."""

import pytest


def pytest_configure(config: pytest.Config) -> None:
    """Name the marker of tests that look at what `make build` made."""
    config.addinivalue_line(
        "markers", "artifacts: needs `make build`; `make test` leaves these out"
    )
