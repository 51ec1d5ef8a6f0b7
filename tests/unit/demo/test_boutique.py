"""The demonstration's manifests hold, and say what it plays."""

from dataclasses import dataclass
from pathlib import Path

import pytest
from localcloud.demo.boutique import Boutique, Edit, InvalidSystem, entry_host
from localcloud.demo.scenes import UNDER_LOAD, Applied
from slipway.domain.service import JudgePolicy, Mode, RolloutPolicy, Step

REPOSITORY = Path(__file__).parents[3]
GRAPH = {
    "cartservice": (7070, ("productcatalogservice",)),
    "currencyservice": (7000, ()),
    "frontend": (8080, ("productcatalogservice", "cartservice", "currencyservice")),
    "productcatalogservice": (3550, ()),
}
POLICY = RolloutPolicy(
    steps=(Step(10, 180), Step(50, 120), Step(100, 120)),
    judge=JudgePolicy(min_requests=30, warmup_seconds=0, metric_lateness_seconds=120),
    look_seconds=15,
    launch_timeout_seconds=600,
    retire_delay_seconds=60,
)


@dataclass
class FakeSubnet:
    """A subnet of the network that there is."""

    subnet_id: str


class FakeNetwork:
    """The network that there is."""

    vpc_id = "vpc-11111111"
    subnets = tuple(FakeSubnet(f"subnet-2222222{n}") for n in range(3))


@pytest.fixture
def boutique(tmp_path: Path) -> Boutique:
    return Boutique.copied(REPOSITORY, tmp_path / "manifests")


def test_the_manifests_hold_and_are_the_graph_that_is_meant(boutique: Boutique) -> None:
    services = boutique.record().services

    assert {
        one.manifest.name: (one.manifest.image.port, one.manifest.calls)
        for one in services
    } == GRAPH
    assert {one.mode for one in services} == {Mode.CANARY}
    assert {one.rollout for one in services} == {POLICY}
    assert {one.manifest.count.range.min for one in services} == {2}


def test_whoever_is_called_is_asked_by_a_host_that_leads_to_it(
    boutique: Boutique,
) -> None:
    services = {one.manifest.name: one for one in boutique.record().services}

    frontend = services["frontend"].manifest
    hosts = frontend.variables["CALLS"].split()
    assert [services[called].ingress[0].hosts for called in frontend.calls] == [
        (host,) for host in hosts
    ]
    assert {services[called].ingress[0].load_balancer for called in frontend.calls} == {
        "internal"
    }


def test_users_reach_the_one_public_host(boutique: Boutique) -> None:
    assert entry_host(boutique.record()) == "boutique.example"


def test_two_public_hosts_are_refused(boutique: Boutique) -> None:
    path = boutique.manifests / "services/cartservice.yaml"
    shown = "load_balancer: public\n  alias: carts.example"
    path.write_text(path.read_text().replace("load_balancer: internal", shown))

    with pytest.raises(InvalidSystem, match="not 2"):
        entry_host(boutique.record())


def test_the_network_that_there_is_takes_the_place_of_the_example(
    boutique: Boutique,
) -> None:
    before = boutique.record().environment
    boutique.settle(FakeNetwork())  # type: ignore[arg-type]
    after = boutique.record().environment

    assert after.vpc == "vpc-11111111"
    assert after.subnets == ("subnet-22222220", "subnet-22222221", "subnet-22222222")
    assert (
        after.model_copy(update={"vpc": before.vpc, "subnets": before.subnets})
        == before
    )


def test_the_manifests_of_the_checkout_stay_as_they_are(boutique: Boutique) -> None:
    file = REPOSITORY / "examples/demo/services/frontend.yaml"
    before = file.read_text()
    boutique.edit(Edit("frontend", "GREETING", "changed"))

    assert file.read_text() == before


def test_each_edit_that_is_played_changes_its_variable_and_nothing_else(
    boutique: Boutique,
) -> None:
    edits = [s.edit for s in UNDER_LOAD if isinstance(s, Applied) and s.edit]
    assert edits
    for edit in edits:
        before = _variables(boutique)
        boutique.edit(edit)
        after = _variables(boutique)

        assert before[edit.service][edit.variable] != edit.value
        before[edit.service][edit.variable] = edit.value
        assert after == before


def test_an_edit_of_a_variable_that_is_not_there_is_refused(
    boutique: Boutique,
) -> None:
    with pytest.raises(InvalidSystem, match="FAREWELL 0 times"):
        boutique.edit(Edit("frontend", "FAREWELL", "bye"))


def test_manifests_that_do_not_hold_are_refused(boutique: Boutique) -> None:
    (boutique.manifests / "services/cartservice.yaml").write_text("name: cart\n")

    with pytest.raises(InvalidSystem, match=r"cartservice\.yaml:1"):
        boutique.record()


def _variables(boutique: Boutique) -> dict[str, dict[str, str]]:
    services = boutique.record().services
    return {one.manifest.name: dict(one.manifest.variables) for one in services}
