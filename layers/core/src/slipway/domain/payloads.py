"""Payloads of workflows in their versions, and how this one reads older ones.

While Slipway is updated, executions under way keep the definition they began with, and
with it the version of their payloads; functions and nested workflows are the new ones
at once. So a payload may carry names of its own version beside those that a newer
nested workflow added. An upgrade takes both.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from slipway.errors import UnsupportedPayload

FINISHED_BACK = 2
"""How many versions before its own a version of Slipway finishes rollouts of."""

LASTING = frozenset(
    {"payload_version", "service", "rollout_id", "fence", "reason", "outcome"}
)
"""Fields with one name and one meaning in every version, older and newer: all that
restoring and recording need."""


@dataclass(frozen=True, slots=True)
class Upgrade:
    """What one version of payloads changed about the version before it.

    Once more makes no difference, and a field that is there under its new name stays.
    """

    renamed: Mapping[str, str] = field(default_factory=dict)
    """Old names to new ones."""
    added: Mapping[str, Any] = field(default_factory=dict)
    """New fields, each with what older payloads mean by having none."""

    def __post_init__(self) -> None:
        """Refuse to touch what has to last."""
        touched = LASTING & {*self.renamed, *self.renamed.values(), *self.added}
        if touched:
            raise ValueError(f"{', '.join(sorted(touched))} must stay as they are")

    def apply(self, payload: Mapping[str, Any]) -> dict[str, Any]:
        """Return the payload as the next version writes it."""
        renamed = {
            new: payload[old] for old, new in self.renamed.items() if old in payload
        }
        kept = {name: v for name, v in payload.items() if name not in self.renamed}
        return {**self.added, **renamed, **kept}


@dataclass(frozen=True, slots=True)
class Payloads:
    """All versions of payloads that ever were, 1 being the first."""

    upgrades: tuple[Upgrade, ...] = ()
    """The first one makes version 2 of version 1. None is ever taken away."""

    def __post_init__(self) -> None:
        """Refuse a name that comes back: a payload may be of two versions at once."""
        gone: set[str] = set()
        for upgrade in self.upgrades:
            gone |= set(upgrade.renamed)
            back = gone & {*upgrade.renamed.values(), *upgrade.added}
            if back:
                raise ValueError(f"{', '.join(sorted(back))} meant something before")

    @property
    def newest(self) -> int:
        """The version that this Slipway writes."""
        return len(self.upgrades) + 1

    @property
    def oldest(self) -> int:
        """The oldest version whose rollouts this Slipway finishes."""
        return max(1, self.newest - FINISHED_BACK)

    def carry_on(self, payload: Mapping[str, Any]) -> dict[str, Any]:
        """Return a payload in the newest version.

        Raises UnsupportedPayload where the rollout has to be restored instead.
        """
        version = payload.get("payload_version")
        if not isinstance(version, int) or isinstance(version, bool) or version < 1:
            raise UnsupportedPayload(f"payload version {version!r} is none")
        if version > self.newest:
            raise UnsupportedPayload(
                f"payload version {version} is newer than {self.newest}, which this "
                "Slipway writes: an older Slipway was deployed under way"
            )
        if version < self.oldest:
            raise UnsupportedPayload(
                f"payload version {version} is too old: this Slipway writes version "
                f"{self.newest} and finishes rollouts from version {self.oldest} on"
            )
        whole = dict(payload)
        for upgrade in self.upgrades[version - 1 :]:
            whole = upgrade.apply(whole)
        return {**whole, "payload_version": self.newest}

    def close(self, payload: Mapping[str, Any]) -> dict[str, Any]:
        """Return what restoring and recording need of a payload of any version."""
        lasting = {name: v for name, v in payload.items() if name in LASTING}
        return {**lasting, "payload_version": self.newest}
