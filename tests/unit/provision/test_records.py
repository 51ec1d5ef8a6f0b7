"""Records of services are kept like other resources: stored once, found the same."""

from pathlib import Path
from typing import Any, cast

from slipway.domain.planning import plan
from slipway.domain.resources import Ids
from slipway.gateways.journal import Journal
from slipway.gateways.records import Records
from slipway.manifests.reading import read
from slipway.provision.desired import scope_of
from slipway.provision.records import service_of, wanted_record
from slipway_cli.manifests import contents

from tests.fake_table import FakeClient, FakeTable
from tests.unit.manifests.folder import CART, reading

EXAMPLES = Path(__file__).parents[3] / "examples"


def test_a_stored_record_is_found_to_be_what_is_wanted() -> None:
    for example in ("boutique", "demo"):
        record = read(contents(EXAMPLES / example, "environment.yaml")).record
        assert record is not None
        records = Records(Journal(cast("Any", FakeClient(FakeTable())), "journal"))
        scope, ids = scope_of(record), Ids()
        wanted = [
            wanted_record(service, record.environment, ids)
            for service in record.services
        ]
        assert len(plan(wanted, records.found(scope, wanted, ids)).changes) > 0
        for one in wanted:
            records.make(scope, one, ids)

        assert plan(wanted, records.found(scope, wanted, ids)).changes == ()


def test_each_rule_says_for_itself_whether_clients_stay() -> None:
    http = (
        "http:\n  load_balancer: inside\n  stickiness: true\n  path: /a\n"
        "  additional_rules: [{load_balancer: inside, path: /b}]\n"
    )
    record = reading({"services/cart.yaml": CART + http}).record
    assert record is not None
    service = next(one for one in record.services if one.manifest.name == "cart")
    found = service_of(service, record.environment, Ids())
    assert [binding.sticky for binding in found.bindings] == [True, False]
