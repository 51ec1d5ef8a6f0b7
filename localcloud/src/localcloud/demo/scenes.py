"""What the demonstration plays, and what each scene must come to."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from slipway.domain.planning import Verb
from slipway.domain.provision_run import Result
from slipway.domain.rollout import Outcome

from localcloud.demo.bound import Bound
from localcloud.demo.boutique import Edit

START_SECONDS = 8
"""Modelled time in which an image is pulled and started."""
FAIL_EVERY = 5


@dataclass(frozen=True, slots=True)
class Push:
    """An image to push."""

    service: str
    tag: str
    image: Mapping[str, Any] = field(hash=False)

    @property
    def name(self) -> str:
        """What the push is called, such as cartservice:v2."""
        return f"{self.service}:{self.tag}"


@dataclass(frozen=True, slots=True)
class Scene:
    """Some images pushed at once, and how their rollouts must end."""

    name: str
    story: str
    """What happens, in a few words for whoever watches."""
    pushes: tuple[Push, ...]
    expected: Outcome
    overtaken_by: Push | None = None
    """A newer image of the same service, pushed once the one before it has traffic."""
    bad: bool = False
    """Whether requests may fail by this release."""
    never_serves: bool = False
    """Whether no request may reach this release."""
    failure_rate: float | None = None
    """Where known: failed requests are held against the bound that follows from it."""

    @property
    def outcomes(self) -> Mapping[str, Outcome]:
        """How the rollout of each push must end, by the push's name."""
        if self.overtaken_by is None:
            return {push.name: self.expected for push in self.pushes}
        overtaken = {push.name: Outcome.SUPERSEDED for push in self.pushes}
        return overtaken | {self.overtaken_by.name: self.expected}


@dataclass(frozen=True, slots=True)
class Observed:
    """What a scene came to."""

    outcomes: Mapping[str, Outcome | None]
    """By the push's name; none where the rollout had not ended in time."""
    failed: int
    failed_not_by_bad_release: int
    reached: int
    """Requests that reached the pushed releases."""
    violations: Sequence[str]
    bound: Bound | None


@dataclass(frozen=True, slots=True)
class Applied:
    """Manifests applied, and the rollout that follows where one was edited."""

    name: str
    story: str
    """What happens, in a few words for whoever watches."""
    verbs: frozenset[Verb]
    """What there is to do; nothing where it is empty."""
    edit: Edit | None = None
    """What is written into a manifest before."""


@dataclass(frozen=True, slots=True)
class Adopted:
    """A service that was made by hand, adopted while users ask it."""

    name: str
    story: str
    """What happens, in a few words for whoever watches."""


type AnyScene = Scene | Applied | Adopted


@dataclass(frozen=True, slots=True)
class ObservedRun:
    """What applying manifests came to."""

    result: Result | None
    """None where the run had not ended in time."""
    verbs: Collection[Verb]
    """What there was to do before."""
    left: Sequence[str]
    """What there was to do after."""
    writes: Sequence[str]
    """Calls that changed the system."""
    problems: Sequence[str]
    outcome: Outcome | None
    """How the rollout ended; none where there was none, or none in time."""
    said: str | None
    """What users are greeted with."""
    failed: int
    violations: Sequence[str]


def first_releases(services: Sequence[str]) -> Scene:
    """Return the scene in which every service gets its first release."""
    return Scene(
        name="first releases",
        story="four services, nothing serves yet: all traffic goes over once healthy",
        pushes=tuple(push(service, "v1") for service in services),
        expected=Outcome.PROMOTED,
    )


def push(service: str, tag: str, **manners: Any) -> Push:
    """Return the push of a release with such manners (examples/boutique/app.py)."""
    image = {"app": service, "version": tag, "start_seconds": START_SECONDS}
    return Push(service, tag, image | manners)


PROVISION = Applied(
    name="manifests alone",
    story="nothing is there but Slipway: five files become four services",
    verbs=frozenset({Verb.MAKE}),
)
"""Played first."""

UNDER_LOAD: tuple[AnyScene, ...] = (
    Scene(
        name="good release",
        story="productcatalogservice v2 goes 10, 50, 100 % and is promoted",
        pushes=(push("productcatalogservice", "v2"),),
        expected=Outcome.PROMOTED,
    ),
    Scene(
        name="overtaken release",
        story="cartservice v2 has traffic when v3 is pushed: v2 makes way, v3 goes on",
        pushes=(push("cartservice", "v2"),),
        overtaken_by=push("cartservice", "v3"),
        expected=Outcome.PROMOTED,
    ),
    Scene(
        name="release failing 20 %",
        story="productcatalogservice v3 answers every fifth request with an error",
        pushes=(push("productcatalogservice", "v3", fail_every=FAIL_EVERY),),
        expected=Outcome.ROLLED_BACK,
        bad=True,
        failure_rate=1 / FAIL_EVERY,
    ),
    Scene(
        name="release that hangs",
        story="cartservice v4 passes its health checks and answers no request",
        pushes=(push("cartservice", "v4", hang=True),),
        expected=Outcome.ROLLED_BACK,
        bad=True,
    ),
    Scene(
        name="release crashing at start",
        story="currencyservice v2 ends before it listens: it must never get traffic",
        pushes=(push("currencyservice", "v2", crash_at_start=True),),
        expected=Outcome.ROLLED_BACK,
        never_serves=True,
    ),
    Applied(
        name="manifest changed",
        story="the frontend gets another greeting: the same image, as a new release",
        verbs=frozenset({Verb.CHANGE, Verb.ROLL_OUT}),
        edit=Edit("frontend", "GREETING", "welcome back"),
    ),
    Adopted(
        name="service adopted",
        story="ads were put up by hand: adopted while users ask, no task is replaced",
    ),
    Applied(
        name="the same manifests again",
        story="everything is as they say: nothing is made, changed or removed",
        verbs=frozenset(),
    ),
)


def complaints(scene: Scene, observed: Observed) -> list[str]:
    """Return what the scene did not do as it must; nothing where all is well."""
    found = [
        f"{name}: {observed.outcomes.get(name) or 'no outcome in time'}, not {wanted}"
        for name, wanted in scene.outcomes.items()
        if observed.outcomes.get(name) is not wanted
    ]
    found += [f"violation: {text}" for text in observed.violations]
    if observed.failed_not_by_bad_release:
        found.append(
            f"{observed.failed_not_by_bad_release} requests failed by no bad release"
        )
    if observed.failed and not scene.bad:
        found.append(f"{observed.failed} requests failed")
    if scene.bad and not observed.reached:
        found.append("the bad release never got a request: nothing was shown")
    if scene.never_serves and observed.reached:
        found.append(f"{observed.reached} requests reached the release")
    if scene.failure_rate is not None:
        if observed.bound is None:
            found.append("the release was not caught in its first step: no bound")
        elif observed.failed > observed.bound.requests:
            found.append(
                f"{observed.failed} requests failed, more than the bound of "
                f"{observed.bound.requests:.1f}"
            )
    return found


def applied_complaints(scene: Applied, observed: ObservedRun) -> list[str]:
    """Return what applying manifests did not do as it must."""
    found = []
    if observed.result is not Result.DONE:
        found.append(f"the run: {observed.result or 'no end in time'}, not done")
        found += observed.problems
    if set(observed.verbs) != scene.verbs:
        found.append(
            f"there was to {_named(observed.verbs)}, not {_named(scene.verbs)}"
        )
    found += [f"left to do: {text}" for text in observed.left]
    if not scene.verbs:
        found += [f"written with nothing to do: {text}" for text in observed.writes]
    if scene.edit is not None:
        if observed.outcome is not Outcome.PROMOTED:
            outcome = observed.outcome or "no outcome in time"
            found.append(f"{scene.edit.service}: {outcome}, not promoted")
        if observed.said != scene.edit.value:
            found.append(f"users are told {observed.said}, not {scene.edit.value}")
    found += [f"violation: {text}" for text in observed.violations]
    if observed.failed:
        found.append(f"{observed.failed} requests failed")
    return found


def _named(verbs: Collection[Verb]) -> str:
    return ", ".join(sorted(verbs)) or "do nothing"
