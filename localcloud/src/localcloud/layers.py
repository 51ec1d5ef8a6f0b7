"""Layers: the packages that functions import, one copy for each layer's content.

The packages of this process stand for a layer that is made of the same folder. Another
folder's are imported once more, beside them, and hold for the functions that have that
layer; so two versions of a package serve in one process, as they do on AWS.
"""

import importlib
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime
from functools import cache
from importlib.util import find_spec
from pathlib import Path
from types import ModuleType


class Layer:
    """The packages of one folder."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._names = {p.parent.name for p in folder.glob("*/__init__.py")}
        self._modules: dict[str, ModuleType] = {}

    @contextmanager
    def current(self, now: Callable[[], datetime]) -> Iterator[None]:
        """Let imports find these packages, and nobody else's of the same names.

        The copy takes its time from `now`, by its `slipway.clock`.
        """
        others = self._exchange(self._modules)
        sys.path.insert(0, str(self._folder))
        try:
            if "slipway" in self._names:
                importlib.import_module("slipway.clock").use(now)
            yield
        finally:
            sys.path.remove(str(self._folder))
            self._modules = self._exchange(others)

    def _exchange(self, wanted: dict[str, ModuleType]) -> dict[str, ModuleType]:
        held = {
            name: module
            for name, module in sys.modules.items()
            if name.partition(".")[0] in self._names
        }
        for name in held:
            del sys.modules[name]
        sys.modules.update(wanted)
        return held


@cache
def layer_of(folder: Path) -> Layer | None:
    """Return the layer made of a folder; None where this process has its packages."""
    packages = sorted(folder.glob("*/__init__.py"))
    if all(_is_ours(package) for package in packages):
        return None
    return Layer(folder)


def _is_ours(package: Path) -> bool:
    spec = find_spec(package.parent.name)
    origin = spec.origin if spec else None
    return origin is not None and Path(origin).resolve() == package.resolve()
