"""Puts images, tasks and load balancers together.

Metrics come first and by themselves (`Metrics(clock, router, delays)`): a data plane
writes them, and is one of the parts here.
"""

from dataclasses import dataclass
from typing import Self

from localcloud.account import Account
from localcloud.api import Router
from localcloud.autoscaling import Autoscaling
from localcloud.balancer_records import BalancerRecords
from localcloud.certificates import Certificates
from localcloud.clock import Clock
from localcloud.cloudmap import CloudMap
from localcloud.delays import Delays, OpenQuestions
from localcloud.ecs import Ecs
from localcloud.elb import Elb
from localcloud.images import EventSink, Images
from localcloud.log_groups import LogGroups
from localcloud.monitor import Monitor
from localcloud.network import Network
from localcloud.network_balancers import NetworkBalancers
from localcloud.seams import DataPlane, TaskRuntime
from localcloud.security_groups import SecurityGroups
from localcloud.zones import Zones


@dataclass(frozen=True, slots=True)
class Compute:
    """Images, tasks and load balancers, with the monitor over them."""

    account: Account
    images: Images
    network: Network
    elb: Elb
    certificates: Certificates
    cloud_map: CloudMap
    ecs: Ecs
    autoscaling: Autoscaling
    monitor: Monitor

    @classmethod
    def start(  # noqa: PLR0917  a composition root passes its parts
        cls,
        clock: Clock,
        router: Router,
        events: EventSink,
        runtime: TaskRuntime,
        data_plane: DataPlane,
        delays: Delays,
        open_questions: OpenQuestions,
    ) -> Self:
        """Serve what tasks need around them; moto must be active."""
        images = Images(clock, router, events)
        network = Network()
        elb = Elb(clock, router, runtime, data_plane, network, delays)
        LogGroups(clock, router)
        BalancerRecords(router)
        NetworkBalancers(router)
        certificates = Certificates(
            clock, router, Zones(router), delays, open_questions
        )
        cloud_map = CloudMap(clock, router, delays)
        ecs = Ecs(
            clock,
            router,
            events,
            images,
            elb,
            cloud_map,
            runtime,
            network,
            delays,
            open_questions,
        )
        SecurityGroups(router, ecs.tasks)
        autoscaling = Autoscaling(clock, router, ecs)
        monitor = Monitor(clock, router, ecs, elb, cloud_map)
        return cls(
            Account(router),
            images,
            network,
            elb,
            certificates,
            cloud_map,
            ecs,
            autoscaling,
            monitor,
        )

    async def close(self) -> None:
        """End all that runs in the background; raise what failed there."""
        self.autoscaling.close()
        try:
            await self.ecs.close()
        finally:
            await self.elb.close()
