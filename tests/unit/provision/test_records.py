"""Records of services are kept like other resources: stored once, found the same."""

from pathlib import Path
from typing import Any, cast

from slipway.domain.planning import plan
from slipway.domain.resources import Ids
from slipway.gateways.journal import Journal
from slipway.gateways.records import Records
from slipway.manifests.reading import read
from slipway.provision.desired import scope_of
from slipway.provision.records import wanted_record
from slipway_cli.manifests import contents

from tests.fake_table import FakeClient, FakeTable

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
