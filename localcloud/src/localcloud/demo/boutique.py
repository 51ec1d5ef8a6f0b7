"""The system that the demonstration runs: examples/boutique/system.yaml."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml
from slipway.domain.service import JudgePolicy, RolloutPolicy, Step

from localcloud.fixture import ServiceSpec

ENTRY_HOST = "boutique.example"
"""What users call the shop."""

POLICY = RolloutPolicy(
    steps=(Step(10, 180), Step(50, 120), Step(100, 120)),
    judge=JudgePolicy(min_requests=30, warmup_seconds=0, metric_lateness_seconds=120),
    look_seconds=15,
    launch_timeout_seconds=600,
    retire_delay_seconds=60,
)
"""Brisk, to be watched: bakes of two and three modelled minutes instead of five."""


@dataclass(frozen=True, slots=True)
class Boutique:
    """The services of the system and where their program is."""

    folder: Path
    entry: str
    services: Mapping[str, Mapping[str, Any]]

    @classmethod
    def read(cls, folder: Path) -> "Boutique":
        """Read the system from its folder."""
        system = yaml.safe_load((folder / "system.yaml").read_text())
        return cls(folder, system["entry"], system["services"])

    @property
    def app(self) -> Path:
        """The program that plays each service."""
        return self.folder / "app.py"

    @property
    def load_generator(self) -> Path:
        """The program that asks the entry service."""
        return self.folder / "loadgenerator.py"

    def specs(self) -> Sequence[ServiceSpec]:
        """Return the services for the fixture; the entry is the public one."""
        return [
            ServiceSpec(
                name=name,
                port=service["port"],
                host=ENTRY_HOST if name == self.entry else _host(name),
                public=name == self.entry,
                environment={
                    "SERVICE": name,
                    "CALLS": json.dumps(
                        {called: _host(called) for called in service.get("calls", [])}
                    ),
                },
                rollout=POLICY,
            )
            for name, service in self.services.items()
        ]


def _host(name: str) -> str:
    return f"{name}.internal"
