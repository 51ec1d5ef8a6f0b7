"""What any version of Slipway left in the journal and in payloads stays readable."""

import json
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any, cast

import pytest
from localcloud.clock import run_virtual
from pydantic import TypeAdapter
from slipway.domain.payload_history import PAYLOADS
from slipway.gateways.journal import Journal
from slipway.stage import StageRequest

from tests.builders import START
from tests.e2e import samples
from tests.fake_table import FakeClient, FakeTable

VERSIONS = range(1, PAYLOADS.newest + 1)
REQUEST = TypeAdapter(StageRequest)
CLOSING = ("Restore", "RecordRollout")


def sample(name: str, version: int) -> dict[str, Any]:
    """Return the samples of a version."""
    text = Path(samples.FOLDER / f"{name}-{version}.json").read_text()
    return cast("dict[str, Any]", json.loads(text))


def test_there_is_a_sample_of_everything_that_this_version_writes() -> None:
    payloads, items = run_virtual(samples.take())
    for name, taken in (("payloads", payloads), ("journal", items)):
        known = sample(name, PAYLOADS.newest)
        assert set(taken) == set(known)
        for kind, value in taken.items():
            assert set(value) == set(known[kind]), kind


@pytest.mark.parametrize("version", VERSIONS)
def test_a_journal_of_any_version_is_read_whole(version: int) -> None:
    items = sample("journal", version)
    table = FakeTable()
    for item in items.values():
        table.items[item["pk"]["S"], item["sk"]["S"]] = item
    journal = Journal(cast("Any", FakeClient(table)), "journal")
    keys = {kind: item["sk"]["S"].split("#") for kind, item in items.items()}
    rollout = journal.rollout("orders", keys["SERVICE ROLLOUT"][1])
    assert journal.service("orders").name == "orders"
    assert journal.services_of_repository(rollout.service.repository) == ["orders"]
    assert journal.service_of_slot(items["SLOT SERVICE"]["pk"]["S"][5:]) == "orders"
    assert journal.revision("orders", keys["SERVICE RELEASE"][1])
    assert rollout.release.id == keys["SERVICE RELEASE"][1]
    assert journal.token("orders", keys["SERVICE TOKEN"][1])
    assert journal.answer("orders", keys["SERVICE COMMAND"][1])
    for one in (journal.state, journal.lease, journal.watermark, journal.freezes):
        assert one("orders")
    assert journal.open_rollouts("orders")
    assert journal.rollouts("orders")
    for kind, read in (
        ("SERVICE MARK", journal.marks),
        ("SERVICE FINDING", journal.findings),
        ("SERVICE CONTROL", journal.controls),
    ):
        assert read(replace(rollout, id=keys[kind][1]))
    later = {"ENVIRONMENT STARTS"} & set(items)
    if later:
        assert journal.reserve_start(START, timedelta(seconds=1)) == START
    # A new kind of item needs a line above.
    assert len(items) == 16 + len(later)


@pytest.mark.parametrize("version", VERSIONS)
def test_payloads_of_any_version_are_read_as_far_as_they_are_needed(
    version: int,
) -> None:
    for stage, payload in sample("payloads", version).items():
        if stage in CLOSING:
            adapted = PAYLOADS.close(payload)
        elif version >= PAYLOADS.oldest:
            adapted = PAYLOADS.carry_on(payload)
        else:
            continue
        request = REQUEST.validate_python(adapted)
        assert request.service == "orders"
        assert request.rollout_id == payload["rollout_id"]
