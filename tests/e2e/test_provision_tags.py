"""Tags that manifests ask for later are given to what is there, and nobody's taken."""

from collections import Counter
from collections.abc import Iterator, Mapping
from typing import Any

from localcloud.clock import run_virtual
from slipway.domain.provision_run import Result

from tests.e2e.grounds import Grounds, environment, front, orders, shop
from tests.e2e.inventory import inventory
from tests.e2e.road import client

ADD, TAG, GROUPS = "elbv2:AddTags", "ecs:TagResource", "ec2:CreateTags"
OWNER = "slipway:environment"


def carried(value: Any) -> Iterator[Mapping[str, str]]:
    """Give the tags of each of the environment's resources in an inventory."""
    if isinstance(value, Mapping):
        if OWNER in value.get("tags", {}) and "dns" not in value:
            yield value["tags"]
        value = list(value.values())
    if isinstance(value, list | tuple):
        for inner in value:
            yield from carried(inner)


async def tagged(made: Grounds, *, team: str, tier: str = "") -> None:
    """Upload manifests with other tags; see them carried out."""
    more = {"tags": {"tier": tier}} if tier else {}
    made.upload(
        environment(made.cloud.network, tags={"team": team}), front(**more), orders()
    )
    report = await made.provisioned()
    assert report.result is Result.DONE, report


def test_other_tags_are_given_to_everything_that_is_there_in_place() -> None:
    async def scene() -> None:
        async with shop() as made:
            await made.released("front")
            rollouts = len(made.journal.rollouts("front"))
            before, whole = made.calls, inventory(made)
            await tagged(made, team="red", tier="web")
            everything = list(carried(inventory(made)))
            assert len(everything) == len(list(carried(whole)))
            assert {tags["team"] for tags in everything} == {"red"}
            tiers = {t.get("slipway:service"): t.get("tier") for t in everything}
            assert tiers == {None: None, "front": "web", "orders": None}
            calls = Counter(str(call) for call in made.writes(before))
            assert calls.keys() == {
                ADD,
                TAG,
                GROUPS,
                "logs:TagResource",
                "servicediscovery:TagResource",
            }
            assert calls.total() == len(everything)
            assert len(made.journal.rollouts("front")) == rollouts
            before = made.calls
            assert (await made.run()).result is Result.DONE
            assert made.writes(before) == []

    run_virtual(scene())


def test_a_tag_that_somebody_changed_is_set_right_and_others_are_let_be() -> None:
    async def scene() -> None:
        async with shop() as made:
            await tagged(made, team="red")
            group = made.service("front").bindings[0].target_group_arns
            (arn, *_) = group.values()
            client("elbv2").add_tags(
                ResourceArns=[arn],
                Tags=[
                    {"Key": "team", "Value": "blue"},
                    {"Key": "cost-center", "Value": "7"},
                ],
            )
            before = made.calls
            assert (await made.run()).result is Result.DONE
            (call,) = made.writes(before)
            assert str(call) == ADD
            answer = client("elbv2").describe_tags(ResourceArns=[arn])
            (described,) = answer["TagDescriptions"]
            tags = {tag["Key"]: tag["Value"] for tag in described["Tags"]}
            assert (tags["team"], tags["cost-center"]) == ("red", "7")

    run_virtual(scene())


def test_a_tag_that_manifests_name_no_more_stays() -> None:
    async def scene() -> None:
        async with shop() as made:
            await tagged(made, team="red", tier="web")
            before = made.calls
            await tagged(made, team="red")
            assert made.writes(before) == []
            everything = list(carried(inventory(made)))
            assert {t["tier"] for t in everything if "tier" in t} == {"web"}

    run_virtual(scene())
