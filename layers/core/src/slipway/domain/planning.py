"""The plan: desired against actual, as changes with reasons."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from slipway.domain.resources import (
    Found,
    Ids,
    Kind,
    Scope,
    Wanted,
    sorted_by_kind,
)


class Verb(StrEnum):
    """What is to be done with a resource; a release of a record is rolled out."""

    MAKE = "make"
    CHANGE = "change"
    REMOVE = "remove"
    GIVE_BACK = "give back"
    """What was there before Slipway stays, and is Slipway's no more."""
    ROLL_OUT = "roll out"


GOING = frozenset({Verb.REMOVE, Verb.GIVE_BACK})
"""What becomes of what no manifest asks for."""


TAGS = "tags"
"""The fact under which tags differ."""


@dataclass(frozen=True, slots=True)
class Difference:
    """What a fact is, and what it is to be."""

    was: Any
    becomes: Any

    def __str__(self) -> str:
        """Write it as a plan shows it."""
        return f"{self.was} -> {self.becomes}"


@dataclass(frozen=True, slots=True)
class Change:
    """One resource to be made, changed or removed."""

    verb: Verb
    kind: Kind
    name: str
    reason: str
    service: str | None = None
    differences: Mapping[str, Difference] = field(default_factory=dict)
    """By fact, of a change."""

    def __str__(self) -> str:
        """Write it in one line."""
        return f"{self.verb} {self.kind} {self.name}: {self.reason}"


@dataclass(frozen=True, slots=True)
class Refusal:
    """Why a resource cannot become what it is to be."""

    kind: Kind
    name: str
    reason: str
    service: str | None = None

    def __str__(self) -> str:
        """Write it in one line."""
        return f"{self.kind} {self.name}: {self.reason}"


@dataclass(frozen=True, slots=True)
class Plan:
    """What has to be done; nothing is, while there are refusals."""

    changes: Sequence[Change] = ()
    refusals: Sequence[Refusal] = ()


def plan(
    wanted: Iterable[Wanted],
    found: Iterable[Found],
    ids: Ids | None = None,
    scope: Scope | None = None,
) -> Plan:
    """Compare what is wanted with what is there; tags too where a `scope` is given.

    Makes and changes come in the order of kinds, removals after them in the reverse.
    `ids` are those of resources that are referred to and not part of the comparison.
    """
    there = {(one.kind, one.name): one for one in found}
    ids = ids or Ids()
    ids.learn(*there.values())
    changes: list[Change] = []
    refusals: list[Refusal] = []
    asked = set()
    for one in sorted_by_kind(wanted):
        asked.add((one.kind, one.name))
        decision = decide(one, there.get((one.kind, one.name)), ids, scope)
        if isinstance(decision, Refusal):
            refusals.append(decision)
        elif decision is not None:
            changes.append(decision)
    surplus = [f for key, f in there.items() if key not in asked and f.owned]
    changes += [removal(one) for one in reversed(sorted_by_kind(surplus))]
    return Plan(tuple(changes), tuple(refusals))


def decide(
    wanted: Wanted, found: Found | None, ids: Ids, scope: Scope | None = None
) -> Change | Refusal | None:
    """Say what one resource needs, None where nothing."""
    if found is None and not wanted.owned:
        return _refuse(wanted, "it is not there, and Slipway is not told to make it")
    if found is None:
        return Change(
            Verb.MAKE, wanted.kind, wanted.name, wanted.reason, wanted.service
        )
    if wanted.owned and not found.owned:
        return _refuse(
            wanted,
            f"there is one of that name, {found.id}, that Slipway did not make: "
            "rename one of both, or remove it",
        )
    if found.fault:
        return _refuse(wanted, found.fault)
    differences = dict(_differences(wanted, found, ids))
    if scope is not None:
        differences |= _tags_lacking(wanted, found, scope)
    return _changed(wanted, found, differences) if differences else None


def _changed(
    wanted: Wanted, found: Found, differences: Mapping[str, Difference]
) -> Change | Refusal:
    said = "; ".join(f"{key} {value}" for key, value in differences.items())
    if not wanted.owned:
        return _refuse(wanted, f"it is not as environment.yaml says: {said}")
    # What is not said at all, of a broken record, can be said.
    stuck = sorted(wanted.fixed & differences.keys() & found.facts.keys())
    if stuck:
        said = "; ".join(f"{key} {differences[key]}" for key in stuck)
        return _refuse(
            wanted,
            f"AWS cannot change this once it is there: {said}; {wanted.remedy}",
        )
    return Change(
        Verb.CHANGE, wanted.kind, wanted.name, said, wanted.service, differences
    )


def removal(found: Found) -> Change:
    """Return what becomes of what no manifest asks for any more."""
    if found.adopted:
        reason = "it was there before Slipway, and no manifest asks for it any more"
        verb = Verb.GIVE_BACK
        return Change(verb, found.kind, found.name, reason, found.service)
    reason = "no manifest asks for it any more"
    return Change(Verb.REMOVE, found.kind, found.name, reason, found.service)


def _differences(
    wanted: Wanted, found: Found, ids: Ids
) -> Iterator[tuple[str, Difference]]:
    keys = {**wanted.facts, **(found.facts if wanted.whole else {})}
    for key in keys:
        # Both in one form: tuples of records are lists in what is shown.
        becomes, was = (ids.shown(one.facts.get(key)) for one in (wanted, found))
        if becomes != was:
            yield key, Difference(was, becomes)


def _tags_lacking(
    wanted: Wanted, found: Found, scope: Scope
) -> Mapping[str, Difference]:
    """Compare the tags that it is to carry; others are whoever's gave them to it."""
    if not wanted.owned or found.adopted or found.tags is None:
        return {}
    carried, labels = found.tags, scope.tags(wanted)
    becomes = {k: v for k, v in sorted(labels.items()) if carried.get(k) != v}
    if not becomes:
        return {}
    return {TAGS: Difference({k: carried.get(k) for k in becomes}, becomes)}


def _refuse(wanted: Wanted, reason: str) -> Refusal:
    return Refusal(wanted.kind, wanted.name, reason, wanted.service)
