"""The package's README: its code is what a caller can run."""

import re
from pathlib import Path
from typing import Any

import pytest
from slipway_client import MISDIRECTED
from slipway_client.registry import cloud_map

from tests.unit.client.registry import CloudMap
from tests.unit.client.tasks import serving

README = Path(__file__).parents[3] / "clients" / "python" / "README.md"
CALLER, SERVER = re.findall(r"```python\n(.*?)```", README.read_text(), re.DOTALL)


def test_the_callers_lines_find_a_task_and_ask_it(
    registry: CloudMap,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setenv("AWS_DEFAULT_REGION", "eu-west-1")
    scope: dict[str, Any] = {}
    with serving("cartservice", "127.0.0.7") as task:
        registry.register(
            registry.create("cartservice"), "t1", address=task.address, port=task.port
        )
        exec(CALLER, scope)  # noqa: S102  our own document
        scope["discovery"].close()
    first, second = capsys.readouterr().out.splitlines()
    assert first == "200 b'cartservice' eu-west-1a"
    assert second == f"127.0.0.7 {task.port} of a list 0 s old"


def test_the_servers_lines_refuse_what_is_not_meant_for_them() -> None:
    scope: dict[str, Any] = {}
    exec(SERVER, scope)  # noqa: S102  our own document
    status, headers, _ = scope["serve"]({"slipway-service": "mail"}, lambda: b"hi")
    assert (status, headers) == (MISDIRECTED, {"slipway-service": "cartservice"})
    answer = scope["serve"]({"slipway-service": "cartservice"}, lambda: b"hi")
    assert answer == (200, {"slipway-service": "cartservice"}, b"hi")


@pytest.mark.usefixtures("registry")
def test_the_registry_is_asked_once_and_not_for_long(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("AWS_DEFAULT_REGION", "eu-west-1")
    config = cloud_map().meta.config
    assert (config.connect_timeout, config.read_timeout) == (2, 5)
    assert config.retries["total_max_attempts"] == 1
