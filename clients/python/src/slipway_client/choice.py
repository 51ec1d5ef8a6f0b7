"""Which instance gets the next request: by slot, then zone, then chance. Pure."""

from collections.abc import Callable, Sequence
from random import Random

from slipway_client.instance import Instance
from slipway_client.weights import Weights


def shares(
    instances: Sequence[Instance], weights: Weights | None, zone: str
) -> list[tuple[Instance, float]]:
    """Return each instance's share of a caller's requests; together they are 1.

    A slot gets its weight's proportion of the weights of all slots that have an
    instance here, whatever their number. Without weights all instances count equally.
    `weights` must be above 0 for every slot here. Within a slot `in_zone` divides.
    """
    if weights is None:
        return in_zone(instances, zone)
    slots: dict[str, list[Instance]] = {}
    for instance in instances:
        slots.setdefault(instance.slot, []).append(instance)
    whole = sum(weights[slot] for slot in slots)
    return [
        (instance, share * weights[slot] / whole)
        for slot, members in slots.items()
        for instance, share in in_zone(members, zone)
    ]


def in_zone(instances: Sequence[Instance], zone: str) -> list[tuple[Instance, float]]:
    """Divide a slot's requests: the caller's own zone first, as far as it can carry.

    A zone can carry what its number of instances can. Callers are taken to be spread
    evenly over the zones that have instances, so with Z such zones and n instances, a
    zone with at least n / Z of them keeps all requests of its own callers. A zone with
    k < n / Z keeps k * Z / n of them; the rest goes to the zones with more than n / Z,
    in proportion to what they have beyond it. So every instance gets as much as every
    other, over callers in all zones. A caller in none of the zones, or one that does
    not know its zone, divides evenly.
    """
    zones: dict[str, list[Instance]] = {}
    for instance in instances:
        zones.setdefault(instance.zone, []).append(instance)
    own = zones.get(zone, []) if zone else []
    if not own:
        return [(instance, 1 / len(instances)) for instance in instances]
    kept = min(1.0, len(own) * len(zones) / len(instances))
    divided = [(instance, kept / len(own)) for instance in own]
    if kept == 1:
        return divided
    beyond = {
        name: len(members) * len(zones) - len(instances)
        for name, members in zones.items()
        if len(members) * len(zones) > len(instances)
    }
    spare = sum(beyond.values())
    return divided + [
        (instance, (1 - kept) * more / spare / len(zones[name]))
        for name, more in beyond.items()
        for instance in zones[name]
    ]


def choose(
    instances: Sequence[Instance],
    weights: Weights | None,
    zone: str,
    *,
    away_since: Callable[[Instance], float | None],
    chance: Random,
) -> Instance | None:
    """Return the instance for the next request, None only where there is none at all.

    Slots with a weight come first, and among their instances those that are not put
    aside (`away_since` is None): by their `shares`. Where all of these are put aside
    they are used anyway, least recently failed first: weights say more about a slot
    than failures of a few seconds. Instances of slots without a weight, or with 0, come
    only where no other is left, in the same order; so weights that are all 0 count as
    none.
    """
    named: list[Instance] = []
    others: list[Instance] = []
    for instance in instances:
        counts = weights is None or weights.get(instance.slot, 0) > 0
        (named if counts else others).append(instance)
    for group, group_weights in ((named, weights), (others, None)):
        ready = [i for i in group if away_since(i) is None]
        if ready:
            divided = shares(ready, group_weights, zone)
            return chance.choices([i for i, _ in divided], [s for _, s in divided])[0]
        if group:
            return min(group, key=lambda i: away_since(i) or 0)
    return None
