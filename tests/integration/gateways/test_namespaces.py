"""Namespaces: made once, however long that takes and however often it is asked for."""

import pytest
from slipway.domain.resources import Ids, Kind, Scope, Wanted
from slipway.errors import Refused, Unavailable
from slipway.gateways.servicediscovery import Namespaces

from tests.unit.localcloud.compute import Cloud, client, compute_cloud, virtual

MADE_SECONDS = 120
NAME = "shop.internal"


def wanted(cloud: Cloud) -> Wanted:
    """Ask for a namespace that answers by DNS."""
    vpc = {"vpc": cloud.compute.network.vpc_id}
    return Wanted(Kind.NAMESPACE, NAME, "names", {"type": "dns"}, once=vpc)


def scope(cloud: Cloud) -> Scope:
    """Name an environment."""
    return Scope("dev", cloud.compute.network.vpc_id, "dev")


@virtual
async def test_one_that_came_to_be_since_it_was_looked_for_is_taken_as_made() -> None:
    async with compute_cloud() as cloud:
        namespaces, ids = Namespaces(client("servicediscovery")), Ids()
        asked, where = wanted(cloud), scope(cloud)
        assert namespaces.found(where, [asked], ids) == []
        with pytest.raises(Unavailable):
            namespaces.make(where, asked, ids)
        await cloud.clock.sleep(MADE_SECONDS)
        made = namespaces.make(where, asked, ids)
        (found,) = namespaces.found(where, [asked], ids)
        assert (found.id, found.owned) == (made.id, True)


@virtual
async def test_one_that_somebody_else_made_meanwhile_is_refused() -> None:
    async with compute_cloud() as cloud:
        client("servicediscovery").create_private_dns_namespace(
            Name=NAME, Vpc=cloud.compute.network.vpc_id, CreatorRequestId="somebody"
        )
        await cloud.clock.sleep(MADE_SECONDS)
        namespaces = Namespaces(client("servicediscovery"))
        with pytest.raises(Refused, match="already exists"):
            namespaces.make(scope(cloud), wanted(cloud), Ids())
