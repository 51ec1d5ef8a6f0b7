"""What manifests may say and Slipway does not do, or does not do at one stroke."""

from collections.abc import Iterable, Iterator

from slipway.domain.planning import Refusal
from slipway.domain.resources import Kind
from slipway.domain.service import Mode
from slipway.manifests.bindings import HttpRule
from slipway.manifests.records import EnvironmentRecord, ServiceRecord


def not_done(record: EnvironmentRecord) -> Iterator[Refusal]:
    """Give what manifests ask for in vain: without it services would not be right."""
    for service in record.services:
        name = service.manifest.name
        rules = [one for one in service.ingress if isinstance(one.rule, HttpRule)]
        if service.ingress and not rules and service.mode is Mode.CANARY:
            reason = (
                "rollout.judge.metric: Slipway judges by no metric of the "
                "application's own yet, and behind a Network Load Balancer alone there "
                "is no other: say rollout.strategy: batches"
            )
            yield Refusal(Kind.RECORD, name, reason, name)


def not_heeded(record: EnvironmentRecord) -> Iterator[str]:
    """Give what manifests say and Slipway does not heed yet: all else is as asked."""
    for service in record.services:
        for key, instead in _unheeded(service):
            yield f"{service.manifest.name}: {key}: {instead}"


def _unheeded(service: ServiceRecord) -> Iterator[tuple[str, str]]:
    rollout = service.manifest.rollout
    if rollout.window is not None:
        yield "rollout.window", "not heeded yet, rollouts begin at any hour"
    if rollout.gates.alarms:
        yield "rollout.gates.alarms", "not heeded yet, no alarm keeps a rollout back"
    if rollout.gates.approval:
        yield "rollout.gates.approval", "not heeded yet, nobody is asked"
    if rollout.judge.metric is not None:
        yield (
            "rollout.judge.metric",
            "not heeded yet, the load balancer's metrics are judged by",
        )


def too_many_gone(known: Iterable[str], wanted: Iterable[str]) -> Iterator[Refusal]:
    """Refuse to remove more than half of the services, and more than one, in one run.

    `known` are the services of the journal. Somebody may have emptied the bucket by
    mistake.
    """
    known = set(known)
    gone = sorted(known - set(wanted))
    if len(gone) > 1 and 2 * len(gone) > len(known):
        reason = (
            f"{len(gone)} of {len(known)} services have no manifest any more: bring "
            "the files back, remove services in steps, each of half of them at most, "
            "or take the whole environment away by `slipway destroy`"
        )
        yield Refusal(Kind.RECORD, ", ".join(gone), reason)
