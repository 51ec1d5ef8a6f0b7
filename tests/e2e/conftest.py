"""Every `async def` test of this folder runs on a loop of its own, in virtual time."""

from collections.abc import Sequence
from inspect import iscoroutinefunction

import pytest
from localcloud.api import Call
from localcloud.clock import run_virtual

from tests.e2e import stories
from tests.e2e.stories import Story


@pytest.hookimpl(tryfirst=True)
def pytest_pyfunc_call(pyfuncitem: pytest.Function) -> bool | None:
    """Run a coroutine function to its end; leave the other tests to pytest."""
    if not iscoroutinefunction(pyfuncitem.obj):
        return None
    names = pyfuncitem._fixtureinfo.argnames  # noqa: SLF001  pytest's own way in
    run_virtual(pyfuncitem.obj(**{name: pyfuncitem.funcargs[name] for name in names}))
    return True


@pytest.fixture(scope="session")
def good() -> Story:
    """Tell of a good release under steady traffic."""
    return run_virtual(stories.good())


@pytest.fixture(scope="session")
def failing() -> Story:
    """Tell of a release that fails every fifth request."""
    return run_virtual(stories.failing())


@pytest.fixture(scope="session")
def silent() -> Story:
    """Tell of a good release that nobody uses."""
    return run_virtual(stories.silent())


@pytest.fixture(scope="session")
def scaled() -> Story:
    """Tell of a good release of a service that scales out in mid-rollout."""
    return run_virtual(stories.scaled())


@pytest.fixture(scope="session")
def overloaded() -> Story:
    """Tell of a bad release of a service that scales."""
    return run_virtual(stories.overloaded())


@pytest.fixture(scope="session")
def sickly() -> Story:
    """Tell of a release whose health is lost just before it gets half of the weight."""
    return run_virtual(stories.sickly())


@pytest.fixture(scope="session")
def disturbed() -> Sequence[Call]:
    """Return the calls where rollouts are commanded, overtaken, stopped and lost."""
    return run_virtual(stories.disturbed())
