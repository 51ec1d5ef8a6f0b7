"""The two ECS services of a service."""

from collections.abc import Iterator
from datetime import datetime
from typing import Any

from slipway.domain.resources import Kind, Ref, Wanted
from slipway.domain.service import Slot
from slipway.manifests.environment import Environment
from slipway.manifests.records import ServiceRecord
from slipway.manifests.shaping import role_arn
from slipway.provision.security_groups import own_group
from slipway.provision.standing import Standing, as_adopted, serves

TASKS_DURING_DEPLOYMENT = {"min_percent": 100, "max_percent": 200}


def family_of(environment: Environment, service: str) -> str:
    """Return the family of a service's task definitions."""
    return f"{environment.name}_{service}"


def slots(
    service: ServiceRecord, environment: Environment, standing: Standing, now: datetime
) -> Iterator[Wanted]:
    """Give both slots, and a task definition that names them before any release."""
    manifest = service.manifest
    family = family_of(environment, manifest.name)
    container = {"container": manifest.container, "port": manifest.image.port}
    yield Wanted(
        Kind.TASK_DEFINITION,
        family,
        "a slot names one before its first release; it is never started",
        {},
        once={
            **container,
            "execution_role": role_arn(manifest.execution_role or "", environment),
        },
        service=manifest.name,
    )
    state, bounds = standing.state, manifest.count.bounds().at(now)
    found_by = []
    if environment.namespace is not None and manifest.image.port is not None:
        found_by = [Ref(Kind.REGISTRY_SERVICE, manifest.name)]
    for slot in Slot:
        is_serving = serves(service, standing, slot)
        groups = {groups[slot] for groups in service.target_groups.values()}
        redeploying = {
            "capacity": _capacity(service),
            "target_groups": [
                {"group": Ref(Kind.TARGET_GROUP, group), **container}
                for group in sorted(groups)
            ],
            "registries": found_by,
        }
        as_it_is = is_serving and as_adopted(service, standing)
        yield Wanted(
            Kind.ECS_SERVICE,
            service.slots[slot],
            f"slot {slot} of {manifest.name}",
            {
                **({} if as_it_is else redeploying),
                "deployment": TASKS_DURING_DEPLOYMENT,
                "breaker": {"enabled": True, "rollback": False},
                "rebalancing": "ENABLED",
                **_grace(service),
                **_tasks(service, standing, is_serving=is_serving),
            },
            once={
                **redeploying,
                "task_definition": (standing.revision if is_serving else None)
                or Ref(Kind.TASK_DEFINITION, family),
                "tasks": bounds.min_tasks if is_serving and state is not None else 0,
                "subnets": list(environment.subnets),
                "security_groups": [
                    own_group(service, environment),
                    *manifest.network.vpc.security_groups,
                ],
            },
            service=manifest.name,
        )


def _tasks(
    service: ServiceRecord, standing: Standing, *, is_serving: bool
) -> dict[str, int]:
    """Return a slot's desired count, where neither a rollout nor scaling sets it."""
    if standing.in_rollout or (is_serving and service.scaling is not None):
        return {}
    if is_serving and standing.state is None:
        return {}
    return {"tasks": service.manifest.count.range.min if is_serving else 0}


def _grace(service: ServiceRecord) -> dict[str, int]:
    """Return how long ECS overlooks failed checks; a service without any has none."""
    rules = [i.rule.healthcheck.grace_period for i in service.ingress]
    return {"grace_seconds": max(rules)} if rules else {}


def _capacity(service: ServiceRecord) -> list[Any]:
    """Return shares of capacity providers: name, base, weight."""
    count = service.manifest.count
    if not count.spot:
        return [["FARGATE", 0, 1]]
    base = (count.range.spot_from or 1) - 1
    shares = [["FARGATE", base, 100 - count.spot], ["FARGATE_SPOT", 0, count.spot]]
    return [share for share in shares if share[1] or share[2]]
