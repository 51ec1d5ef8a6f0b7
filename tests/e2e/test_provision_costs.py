"""What provisioning costs: AWS calls for each service, and for looking again."""

from collections import Counter

from benchmarks.provision import Provisioned, provision

EACH = {
    "ec2:CreateSecurityGroup": 1,
    "ec2:AuthorizeSecurityGroupIngress": 3,
    "servicediscovery:CreateService": 1,
    "servicediscovery:UpdateServiceAttributes": 1,
    "elbv2:CreateTargetGroup": 2,
    "elbv2:ModifyTargetGroupAttributes": 2,
    "elbv2:CreateRule": 2,
    "ecs:RegisterTaskDefinition": 1,
    "ecs:CreateService": 2,
    "application-autoscaling:RegisterScalableTarget": 2,
    "application-autoscaling:PutScalingPolicy": 2,
}
"""What a service of the benchmark is made with: it has one binding, calls another and
is called by one, and scales by one metric."""
MOST_READS_EACH = 7
"""Of AWS and the journal, to see that nothing is to be done with one more service."""
FEW, MORE = 3, 6


async def test_each_service_costs_the_same_and_looking_again_writes_nothing() -> None:
    """Invariant 11: what is read in pages grows by less than one call a service."""
    few, more = await provision(FEW, ()), await provision(MORE, ())
    grown = Counter(more.first.called)
    grown.subtract(few.first.called)
    written = {call: grown[call] for call in EACH}
    assert written == {call: each * (MORE - FEW) for call, each in EACH.items()}
    for measured in (few, more):
        assert measured.second.writes == 0
    assert _reads_each(few, more) <= MOST_READS_EACH


def _reads_each(few: Provisioned, more: Provisioned) -> float:
    return (more.second.reads - few.second.reads) / (MORE - FEW)
