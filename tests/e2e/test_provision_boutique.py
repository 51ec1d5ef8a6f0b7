"""The boutique from its manifests alone: eleven services, told once for all tests."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import pytest
import yaml
from localcloud.api import ACCOUNT, Call
from localcloud.clock import run_virtual
from slipway.domain.provision_run import Report, Result
from slipway.domain.rollout import Outcome

from tests.e2e.grounds import Grounds, grounds
from tests.e2e.road import GOOD, client
from tests.structure.repository import ROOT
from tests.structure.test_manifests import GRAPH

BOUTIQUE = ROOT / "examples" / "boutique"
EDGE = "edge"
"""The group of the public load balancer, which somebody else made."""
INSIDE = "dev/load-balancer/inside"
BEHIND = {"public": {"frontend"}, "inside": {"checkoutservice", "frontend"}}
"""Which services have a rule on which load balancer."""
LEAF = "adservice"

type Pairs = set[tuple[str, str, int]]


@dataclass(frozen=True, slots=True)
class Story:
    """What came of the boutique."""

    first: Report
    pairs: Pairs
    outcomes: Mapping[str, tuple[Outcome | None, str]]
    """By service, of its first release."""
    second: Report
    second_writes: list[Call]
    third: Report
    """Of the run after the leaf's manifest was deleted."""
    pairs_without_leaf: Pairs
    left_of_leaf: list[str]
    """Names of whatever there is of the leaf yet."""
    again: list[Call]
    """What a run after that writes."""


def expected(graph: Mapping[str, tuple[int | None, set[str]]]) -> Pairs:
    """Return who connects to whom: callers directly, or by the load balancer."""
    pairs: Pairs = set()
    for caller, (_, called) in graph.items():
        for name in called:
            port = graph[name][0]
            assert port is not None
            pairs.add((f"dev/{caller}", f"dev/{name}", port))
            if name in BEHIND["inside"]:
                pairs.add((f"dev/{caller}", INSIDE, 443))
    for balancer, names in BEHIND.items():
        source = INSIDE if balancer == "inside" else EDGE
        ports = {name: graph[name][0] for name in names}
        pairs |= {(source, f"dev/{name}", port or 0) for name, port in ports.items()}
    return pairs


def manifests(
    made: Grounds, balancer_arn: str, certificate_arn: str, zone_id: str
) -> dict[str, str]:
    """Read the boutique's manifests; only ids that differ everywhere are replaced."""
    paths = [BOUTIQUE / "environment.yaml", *BOUTIQUE.glob("services/*.yaml")]
    found = {p.relative_to(BOUTIQUE).as_posix(): p.read_text() for p in paths}
    network = made.cloud.network
    environment = found["environment.yaml"]
    theirs = yaml.safe_load(environment)
    ours = {
        theirs["vpc"]: network.vpc_id,
        theirs["account"]: ACCOUNT,
        theirs["load_balancers"]["public"]["arn"]: balancer_arn,
        theirs["certificates"]["shop"]["arn"]: certificate_arn,
        theirs["certificates"]["inside"]["create"]["hosted_zone"]: zone_id,
        **dict(zip(theirs["subnets"], _subnets(made), strict=True)),
    }
    for one in sorted(ours, key=len, reverse=True):
        environment = environment.replace(one, ours[one])
    found["environment.yaml"] = environment
    return found


def _subnets(made: Grounds) -> list[str]:
    return [subnet.subnet_id for subnet in made.cloud.network.subnets]


def put(made: Grounds, path: str, manifest: str) -> None:
    """Upload one file."""
    client("s3").put_object(Bucket=made.bucket, Key=path, Body=manifest.encode())


def zone() -> str:
    """Make the zone of boutique.example; return its id."""
    made = client("route53").create_hosted_zone(
        Name="boutique.example", CallerReference="test"
    )
    return str(made["HostedZone"]["Id"]).removeprefix("/hostedzone/")


async def certificate(made: Grounds, zone_id: str) -> str:
    """Make a certificate as people do, and prove it; return its ARN."""
    acm = client("acm")
    arn = acm.request_certificate(
        DomainName="shop.boutique.example", ValidationMethod="DNS"
    )["CertificateArn"]

    def shown() -> Any:
        return acm.describe_certificate(CertificateArn=arn)["Certificate"]

    def proof() -> Any:
        return shown().get("DomainValidationOptions", [{}])[0].get("ResourceRecord")

    await made.until(proof)
    record = {"Name": proof()["Name"], "Type": "CNAME", "TTL": 300}
    values = [{"Value": proof()["Value"]}]
    change = {
        "Action": "UPSERT",
        "ResourceRecordSet": record | {"ResourceRecords": values},
    }
    client("route53").change_resource_record_sets(
        HostedZoneId=zone_id, ChangeBatch={"Changes": [change]}
    )
    await made.until(lambda: shown()["Status"] == "ISSUED")
    return str(arn)


def surroundings(made: Grounds, certificate_arn: str) -> str:
    """Make what the boutique finds: its cluster and its public load balancer."""
    providers = ["FARGATE", "FARGATE_SPOT"]
    client("ecs").create_cluster(
        clusterName="boutique-dev", capacityProviders=providers
    )
    group = client("ec2").create_security_group(
        GroupName=EDGE, Description="edge", VpcId=made.cloud.network.vpc_id
    )["GroupId"]
    elb = client("elbv2")
    (balancer,) = elb.create_load_balancer(
        Name="boutique-dev",
        Type="application",
        Scheme="internet-facing",
        Subnets=_subnets(made),
        SecurityGroups=[group],
    )["LoadBalancers"]
    arn: str = balancer["LoadBalancerArn"]
    answer: Any = {
        "Type": "fixed-response",
        "FixedResponseConfig": {"StatusCode": "404"},
    }
    elb.create_listener(
        LoadBalancerArn=arn,
        Port=443,
        Protocol="HTTPS",
        Certificates=[{"CertificateArn": certificate_arn}],
        DefaultActions=[answer],
    )
    return arn


def left_of(made: Grounds, service: str) -> list[str]:
    """Return the names of a service's resources that are still there."""
    groups = client("ec2").describe_security_groups()["SecurityGroups"]
    known = client("servicediscovery").list_services()["Services"]
    slots = client("ecs").list_services(cluster="boutique-dev", maxResults=100)
    names = [
        *(group["GroupName"] for group in groups),
        *(one["Name"] for one in known),
        *slots["serviceArns"],
        *made.journal.services(),
    ]
    return [name for name in names if service in name]


async def tell() -> Story:
    """Provision the boutique, release all of it, then take the leaf away."""
    repositories = [f"boutique/{name}" for name in GRAPH]
    async with grounds(
        name="dev", cluster="boutique-dev", repositories=repositories
    ) as made:
        zone_id = zone()
        known = await certificate(made, zone_id)
        files = manifests(made, surroundings(made, known), known, zone_id)
        for path, manifest in files.items():
            put(made, path, manifest)
        first = await made.provisioned()
        assert first.result is Result.DONE, first
        pairs = made.pairs()
        digests = {
            name: made.cloud.images.push(
                f"boutique/{name}", "v1", GOOD | {"app": name, "version": "v1"}
            )
            for name in GRAPH
        }
        entries = {
            name: await made.ended(name, digest) for name, digest in digests.items()
        }
        before = made.calls
        second = await made.run()
        second_writes = made.writes(before)

        frontend = files["services/frontend.yaml"]
        assert f"  - {LEAF}\n" in frontend
        path = "services/frontend.yaml"
        put(made, path, frontend.replace(f"  - {LEAF}\n", ""))
        made.withdraw(LEAF)
        third = await made.provisioned()
        without, left = made.pairs(), left_of(made, LEAF)
        before = made.calls
        await made.run()
        return Story(
            first,
            pairs,
            {n: (e.outcome, e.reason or "") for n, e in entries.items()},
            second,
            second_writes,
            third,
            without,
            left,
            made.writes(before),
        )


@pytest.fixture(scope="module")
def story() -> Story:
    """Tell the story once."""
    return run_virtual(tell())


def test_manifests_alone_make_all_of_it(story: Story) -> None:
    assert story.first.result is Result.DONE, story.first


def test_the_pairs_are_the_graph_s_edges_and_the_ways_in(story: Story) -> None:
    assert story.pairs == expected(GRAPH)


def test_the_first_release_of_every_service_is_promoted(story: Story) -> None:
    assert {
        name: outcome for name, (outcome, _) in story.outcomes.items()
    } == dict.fromkeys(GRAPH, Outcome.PROMOTED), story.outcomes


def test_a_second_run_writes_nothing(story: Story) -> None:
    assert story.second.result is Result.DONE, story.second
    assert story.second_writes == []


def test_of_a_leaf_that_is_withdrawn_nothing_is_left(story: Story) -> None:
    assert story.third.result is Result.DONE, story.third
    fewer = {
        name: (port, called - {LEAF})
        for name, (port, called) in GRAPH.items()
        if name != LEAF
    }
    assert story.pairs_without_leaf == expected(fewer)
    assert story.left_of_leaf == []
    assert story.again == []
