"""Fixtures of the local cloud's own tests."""

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.integration.localcloud.small_cloud import TEMPLATE


@pytest.fixture
def copy_stack() -> Callable[[Path], Path]:
    """Give a copy of the small stack's template, to be changed."""

    def copy(folder: Path) -> Path:
        target = folder / "stack"
        shutil.copytree(TEMPLATE.parent, target)
        return target / TEMPLATE.name

    return copy
