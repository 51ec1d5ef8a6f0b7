"""An https listener whose certificate is made, kept, and made anew."""

from typing import Any

from localcloud.api import Call, Fault
from localcloud.blocking import Killed
from localcloud.certificates import Certificate
from localcloud.clock import run_virtual
from localcloud.delays import Delays, OpenQuestions
from slipway.domain.provision_run import Report, Result
from slipway.domain.rollout import Outcome

from tests.e2e.grounds import Grounds, Manifest, environment, front, grounds, orders
from tests.e2e.road import client


def zone() -> str:
    """Make the zone of shop.example; return its id."""
    made = client("route53").create_hosted_zone(
        Name="shop.example", CallerReference="test"
    )
    return str(made["HostedZone"]["Id"]).removeprefix("/hostedzone/")


def secure(made: Grounds, zone_id: str, name: str = "shop", *others: str) -> Manifest:
    """Describe an environment that is reached by https."""
    whole = environment(made.cloud.network)
    create = {"domain": "shop.example", "hosted_zone": zone_id}
    if others:
        create["alternatives"] = [*others]
    listener = {"port": 443, "protocol": "https", "certificates": [name]}
    whole["load_balancers"]["public"]["listeners"] = [listener]
    return whole | {"certificates": {name: {"create": create}}}


async def provisioned(made: Grounds, *manifests: Manifest) -> Report:
    """Upload an environment and its services, and wait."""
    made.upload(*manifests, front(), orders())
    return await made.provisioned()


def certificates(made: Grounds) -> list[Certificate]:
    """Return what ACM has."""
    return made.cloud.compute.certificates.all()


def records(zone_id: str) -> list[Any]:
    """Return a zone's proofs."""
    answer = client("route53").list_resource_record_sets(HostedZoneId=zone_id)
    return [one for one in answer["ResourceRecordSets"] if one["Type"] == "CNAME"]


def served(made: Grounds) -> set[str]:
    """Return the certificates of the public listener."""
    listener = made.service("front").bindings[0].listener_arn
    answer = client("elbv2").describe_listener_certificates(ListenerArn=listener)
    return {one["CertificateArn"] for one in answer["Certificates"]}


def test_a_certificate_is_made_and_served_and_then_let_be() -> None:
    async def scene() -> None:
        async with grounds() as made:
            zone_id = zone()
            report = await provisioned(
                made, secure(made, zone_id, "shop", "www.shop.example")
            )
            assert report.result is Result.DONE, report
            (one,) = certificates(made)
            assert one.status == "ISSUED"
            assert served(made) == {one.arn}
            assert len(records(zone_id)) == 2
            entry = await made.released("front")
            assert entry.outcome is Outcome.PROMOTED, entry.reason
            before = made.calls
            assert (await made.run()).result is Result.DONE
            assert made.writes(before) == []

    run_virtual(scene())


def test_acm_may_take_its_time() -> None:
    async def scene() -> None:
        delays = Delays(certificate_seconds=60, certificate_issue_seconds=1800)
        unknown = OpenQuestions(new_certificate_is_unknown=True)
        async with grounds(unknown, delays) as made:
            report = await provisioned(made, secure(made, zone()))
            assert report.result is Result.DONE, report
            assert [one.status for one in certificates(made)] == ["ISSUED"]

    run_virtual(scene())


def test_a_proof_that_was_deleted_by_hand_is_repaired_and_nothing_else() -> None:
    async def scene() -> None:
        async with grounds() as made:
            zone_id = zone()
            await provisioned(made, secure(made, zone_id))
            before, whole = made.calls, records(zone_id)
            client("route53").change_resource_record_sets(
                HostedZoneId=zone_id,
                ChangeBatch={
                    "Changes": [{"Action": "DELETE", "ResourceRecordSet": whole[0]}]
                },
            )
            assert records(zone_id) == []
            assert (await made.run()).result is Result.DONE
            assert records(zone_id) == whole
            assert [str(call) for call in made.writes(before)] == [
                "route53:ChangeResourceRecordSets"
            ]

    run_virtual(scene())


def test_stages_that_are_killed_after_any_write_leave_one_certificate() -> None:
    async def scene() -> None:
        async with grounds() as made:
            killed: list[str] = []

            def disturb(call: Call) -> Fault | None:
                due = call.operation in {
                    "RequestCertificate",
                    "ChangeResourceRecordSets",
                    "CreateListener",
                }
                if not due or call.operation in killed:
                    return None
                killed.append(call.operation)
                return Fault(failure=Killed())

            made.cloud.router.disturb = disturb
            zone_id = zone()
            report = await provisioned(made, secure(made, zone_id))
            assert len(killed) == 3
            assert report.result is Result.DONE, report
            (one,) = certificates(made)
            assert served(made) == {one.arn}
            assert len(records(zone_id)) == 1

    run_virtual(scene())


def test_other_domains_are_refused_and_another_name_takes_over() -> None:
    async def scene() -> None:
        async with grounds() as made:
            zone_id = zone()
            await provisioned(made, secure(made, zone_id))
            (old,) = certificates(made)
            before = made.calls
            made.upload(secure(made, zone_id, "shop", "www.shop.example"))
            report = await made.provisioned()
            assert report.result is Result.REFUSED, report
            assert "give it another name" in report.problems[0]
            assert made.writes(before) == []
            made.upload(secure(made, zone_id, "shop-2", "www.shop.example"))
            report = await made.provisioned()
            assert report.result is Result.DONE, report
            (new,) = certificates(made)
            assert new.arn != old.arn
            assert served(made) == {new.arn}

    run_virtual(scene())


def test_one_that_others_use_is_left_for_another_run() -> None:
    async def scene() -> None:
        async with grounds() as made:
            zone_id = zone()
            await provisioned(made, secure(made, zone_id))
            (old,) = certificates(made)
            elb = client("elbv2")
            listener = made.service("orders").bindings[0].listener_arn
            theirs = [{"CertificateArn": old.arn}]
            elb.add_listener_certificates(ListenerArn=listener, Certificates=theirs)
            made.upload(secure(made, zone_id, "shop-2"))
            report = await made.provisioned()
            assert report.result is Result.WAITING, report
            assert old.arn in report.waits[0]
            assert old.arn not in served(made)
            elb.remove_listener_certificates(ListenerArn=listener, Certificates=theirs)
            assert (await made.run()).result is Result.DONE
            assert old not in certificates(made)

    run_virtual(scene())


def test_one_that_acm_gives_up_fails_the_run_in_acms_words() -> None:
    async def scene() -> None:
        async with grounds() as made:
            zone_id = zone()
            made.upload(secure(made, zone_id), front(), orders())
            await made.until(lambda: certificates(made))
            (one,) = certificates(made)
            made.cloud.compute.certificates.end(one.arn, "FAILED", "CAA_ERROR")
            report = await made.provisioned()
            assert report.result is Result.FAILED, report
            assert "CAA_ERROR" in report.problems[0]
            report = await made.run()
            assert report.result is Result.REFUSED, report
            assert "CAA_ERROR" in report.problems[0]
            client("acm").delete_certificate(CertificateArn=one.arn)
            assert (await made.run()).result is Result.DONE
            assert certificates(made)[0].status == "ISSUED"

    run_virtual(scene())


def test_a_zone_that_cannot_prove_a_domain_is_refused_before_anything_is_written() -> (
    None
):
    async def scene() -> None:
        async with grounds() as made:
            report = await provisioned(
                made, secure(made, zone(), "shop", "www.elsewhere.example")
            )
            assert report.result is Result.REFUSED, report
            assert "www.elsewhere.example" in report.problems[0]
            assert made.writes() == []

    run_virtual(scene())


def test_a_certificate_is_given_other_tags() -> None:
    async def scene() -> None:
        async with grounds() as made:
            asked = secure(made, zone())
            assert (await provisioned(made, asked)).result is Result.DONE
            (one,) = certificates(made)
            before = made.calls
            await provisioned(made, asked | {"tags": {"team": "red"}})
            calls = [str(call) for call in made.writes(before)]
            assert calls.count("acm:AddTagsToCertificate") == 1
            answer = client("acm").list_tags_for_certificate(CertificateArn=one.arn)
            assert {"Key": "team", "Value": "red"} in answer["Tags"]
            assert [known.arn for known in certificates(made)] == [one.arn]

    run_virtual(scene())
