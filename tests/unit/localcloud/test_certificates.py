"""Certificates: proved by DNS, issued in time, and used by listeners once they are."""

from collections.abc import Callable
from typing import Any

import pytest
from botocore.exceptions import ClientError
from localcloud.delays import Delays, OpenQuestions

from tests.unit.localcloud.compute import Cloud, client, compute_cloud, virtual

LAG = Delays().certificate_seconds
ISSUING = Delays().certificate_issue_seconds
ALL_KEYS = {"keyTypes": ["RSA_2048", "EC_prime256v1"]}


def refusal(call: Callable[[], object]) -> str:
    """Return the code with which a call is refused."""
    with pytest.raises(ClientError) as caught:
        call()
    return caught.value.response["Error"]["Code"]


def request(domain: str = "shop.example", *others: str, **more: Any) -> str:
    alternatives = {"SubjectAlternativeNames": [*others]} if others else {}
    answer = client("acm").request_certificate(
        DomainName=domain, ValidationMethod="DNS", **alternatives, **more
    )
    return str(answer["CertificateArn"])


def described(arn: str) -> dict[str, Any]:
    found: dict[str, Any] = client("acm").describe_certificate(CertificateArn=arn)
    return found["Certificate"]


def listed(**more: Any) -> list[str]:
    answer = client("acm").list_certificates(**more)
    return [one["CertificateArn"] for one in answer["CertificateSummaryList"]]


def zone(name: str = "shop.example") -> str:
    made = client("route53").create_hosted_zone(Name=name, CallerReference=name)
    return str(made["HostedZone"]["Id"]).removeprefix("/hostedzone/")


def change(zone_id: str, action: str, *records: tuple[str, str]) -> None:
    client("route53").change_resource_record_sets(
        HostedZoneId=zone_id,
        ChangeBatch={
            "Changes": [
                {
                    "Action": action,
                    "ResourceRecordSet": {
                        "Name": name,
                        "Type": "CNAME",
                        "TTL": 300,
                        "ResourceRecords": [{"Value": value}],
                    },
                }
                for name, value in records
            ]
        },
    )


def proofs(arn: str) -> list[tuple[str, str]]:
    """Return the records that prove a certificate's domains, each once."""
    options = described(arn)["DomainValidationOptions"]
    records = [option["ResourceRecord"] for option in options]
    return sorted({(record["Name"], record["Value"]) for record in records})


async def issued(cloud: Cloud, *domains: str) -> str:
    """Request a certificate and prove it; return it when it is issued."""
    arn = request(*domains)
    await cloud.clock.sleep(LAG)
    change(zone(domains[0]), "UPSERT", *proofs(arn))
    await cloud.clock.sleep(ISSUING + 1)
    assert described(arn)["Status"] == "ISSUED"
    return arn


@virtual
async def test_a_certificate_is_issued_some_time_after_all_its_records_are_there() -> (
    None
):
    async with compute_cloud() as cloud:
        arn = request("shop.example", "www.shop.example")
        await cloud.clock.sleep(LAG)
        first, second = proofs(arn)
        shop = zone()
        change(shop, "CREATE", first)
        await cloud.clock.sleep(2 * ISSUING)
        assert described(arn)["Status"] == "PENDING_VALIDATION"
        change(shop, "CREATE", second)
        await cloud.clock.sleep(ISSUING - 1)
        assert described(arn)["Status"] == "PENDING_VALIDATION"
        await cloud.clock.sleep(2)
        assert described(arn)["Status"] == "ISSUED"


@virtual
async def test_a_record_that_is_gone_before_the_end_proves_nothing() -> None:
    async with compute_cloud() as cloud:
        arn = request()
        await cloud.clock.sleep(LAG)
        shop = zone()
        change(shop, "CREATE", *proofs(arn))
        await cloud.clock.sleep(ISSUING / 2)
        change(shop, "DELETE", *proofs(arn))
        await cloud.clock.sleep(ISSUING)
        assert described(arn)["Status"] == "PENDING_VALIDATION"


@virtual
async def test_a_domain_and_all_names_below_it_have_one_record() -> None:
    async with compute_cloud() as cloud:
        arn = request("shop.example", "*.shop.example")
        await cloud.clock.sleep(LAG)
        assert len(described(arn)["DomainValidationOptions"]) == 2
        assert len(proofs(arn)) == 1


@virtual
async def test_a_new_certificate_says_little_for_some_seconds() -> None:
    async with compute_cloud() as cloud:
        arn = request()
        (option,) = described(arn)["DomainValidationOptions"]
        assert "ResourceRecord" not in option
        assert listed() == []
        await cloud.clock.sleep(LAG)
        assert proofs(arn)
        assert listed() == [arn]
    unknown = OpenQuestions(new_certificate_is_unknown=True)
    async with compute_cloud(questions=unknown) as cloud:
        arn = request()
        assert refusal(lambda: described(arn)) == "ResourceNotFoundException"
        await cloud.clock.sleep(LAG)
        assert proofs(arn)


@virtual
async def test_a_token_names_a_request_for_an_hour() -> None:
    async with compute_cloud() as cloud:
        arn = request(IdempotencyToken="a")
        await cloud.clock.sleep(3599)
        assert request(IdempotencyToken="a") == arn
        assert request(IdempotencyToken="b") != arn
        await cloud.clock.sleep(2)
        assert request(IdempotencyToken="a") != arn


@virtual
async def test_a_list_holds_the_types_of_keys_that_it_is_asked_for() -> None:
    async with compute_cloud() as cloud:
        request()
        other = request(KeyAlgorithm="EC_prime256v1")
        await cloud.clock.sleep(LAG)
        assert other not in listed()
        assert len(listed()) == 1
        assert len(listed(Includes=ALL_KEYS)) == 2


@virtual
async def test_who_waits_three_days_for_a_proof_waits_in_vain() -> None:
    async with compute_cloud() as cloud:
        arn = request()
        await cloud.clock.sleep(72 * 3600 + 1)
        assert described(arn)["Status"] == "VALIDATION_TIMED_OUT"


@virtual
async def test_a_zone_takes_names_of_its_own_and_each_change_once() -> None:
    async with compute_cloud():
        shop = zone()
        for records in (
            [("x.notshop.example", "y.example")],
            [("x.shop.example", "y.example"), ("x.shop.example.", "z.example")],
        ):
            code = refusal(lambda wrong=records: change(shop, "UPSERT", *wrong))  # type: ignore[misc]
            assert code == "InvalidChangeBatch"


# --------------------------------------------------------------------- load balancers


def listen(cloud: Cloud, arn: str) -> str:
    elb = client("elbv2")
    [balancer] = elb.create_load_balancer(
        Name="shop",
        Scheme="internal",
        Subnets=[s.subnet_id for s in cloud.compute.network.subnets],
    )["LoadBalancers"]
    fixed = {"StatusCode": "404"}
    [made] = elb.create_listener(
        LoadBalancerArn=balancer["LoadBalancerArn"],
        Protocol="HTTPS",
        Port=443,
        Certificates=[{"CertificateArn": arn}],
        DefaultActions=[{"Type": "fixed-response", "FixedResponseConfig": fixed}],
    )["Listeners"]
    return str(made["ListenerArn"])


def shown(listener: str) -> list[tuple[str, bool]]:
    answer = client("elbv2").describe_listener_certificates(ListenerArn=listener)
    return [(c["CertificateArn"], c["IsDefault"]) for c in answer["Certificates"]]


@virtual
async def test_a_listener_takes_issued_certificates_only() -> None:
    async with compute_cloud() as cloud:
        arn = request()
        assert refusal(lambda: listen(cloud, arn)) == "UnsupportedCertificate"
        none = arn.rpartition("/")[0] + "/none"
        elb = client("elbv2")
        elb.delete_load_balancer(
            LoadBalancerArn=elb.describe_load_balancers()["LoadBalancers"][0][
                "LoadBalancerArn"
            ]
        )
        assert refusal(lambda: listen(cloud, none)) == "CertificateNotFound"


@virtual
async def test_another_default_takes_no_other_certificate_off_a_listener() -> None:
    async with compute_cloud() as cloud:
        one = await issued(cloud, "one.example")
        two = await issued(cloud, "two.example")
        three = await issued(cloud, "three.example")
        listener = listen(cloud, one)
        elb = client("elbv2")
        for _ in range(2):
            elb.add_listener_certificates(
                ListenerArn=listener,
                Certificates=[{"CertificateArn": arn} for arn in (two, three)],
            )
        assert shown(listener) == [(one, True), (two, False), (three, False)]
        elb.modify_listener(
            ListenerArn=listener, Certificates=[{"CertificateArn": two}]
        )
        assert shown(listener) == [(two, True), (two, False), (three, False)]
        elb.remove_listener_certificates(
            ListenerArn=listener, Certificates=[{"CertificateArn": three}]
        )
        assert shown(listener) == [(two, True), (two, False)]


@virtual
async def test_a_certificate_in_use_is_not_deleted() -> None:
    async with compute_cloud() as cloud:
        arn = await issued(cloud, "shop.example")
        listener = listen(cloud, arn)
        acm = client("acm")
        code = refusal(lambda: acm.delete_certificate(CertificateArn=arn))
        assert code == "ResourceInUseException"
        assert len(described(arn)["InUseBy"]) == 1
        client("elbv2").delete_listener(ListenerArn=listener)
        acm.delete_certificate(CertificateArn=arn)
        assert listed() == []
