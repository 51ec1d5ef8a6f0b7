"""Samples of everything that one version of Slipway leaves for the next ones to read.

`python -m tests.e2e.samples` takes them from a world and writes
tests/samples/payloads-N.json and tests/samples/journal-N.json for the payloads' version
N of this tree. Samples of older versions stay as they are, for ever.
"""

import json
from pathlib import Path
from typing import Any

from localcloud.clock import run_virtual
from slipway.domain.control import Verb
from slipway.domain.payload_history import PAYLOADS

from tests.e2e.road import SHORT, road

FOLDER = Path(__file__).parents[1] / "samples"
INDENT = 1

type Samples = dict[str, Any]


def kind(item: dict[str, Any]) -> str:
    """Return what an item is: its keys without what names one of many."""
    pk, sk = (item[key]["S"].partition("#")[0] for key in ("pk", "sk"))
    return f"{pk} {sk}"


async def take() -> tuple[Samples, Samples]:
    """Return a payload of each function, and an item of each kind of the journal."""
    payloads: Samples = {}
    async with road(SHORT, at_rest=False) as world:
        functions = world.cloud.functions
        invoke = functions.invoke

        async def note(name: str, payload: Any) -> Any:
            if "payload_version" in payload:
                stage = functions.find(name).name.removesuffix("Function")
                payloads[stage.rpartition("-")[2]] = payload
            return await invoke(name, payload)

        functions.invoke = note  # type: ignore[method-assign]
        await world.first_release()
        crashing = await world.ended(world.push("v2", crash_at_start=True))
        assert crashing.receipt is not None
        paused = world.push("v3")
        await world.reached(paused, "shifted-0")
        await world.answered(world.say(Verb.PAUSE, id="pause"))
        await world.answered(world.say(Verb.FREEZE, id="freeze"))
        items = {kind(item): item for item in world.table.items.values()}
        world.say(Verb.UNFREEZE, id="unfreeze")
        world.say(Verb.ABORT, id="abort")
        await world.ended(paused)
        await world.ended(world.push("v4"))
    return payloads, items


def write() -> None:
    """Write the samples of this version."""
    FOLDER.mkdir(exist_ok=True)
    for name, samples in zip(("payloads", "journal"), run_virtual(take()), strict=True):
        path = FOLDER / f"{name}-{PAYLOADS.newest}.json"
        text = json.dumps(samples, indent=INDENT, sort_keys=True, ensure_ascii=False)
        path.write_text(text + "\n")


if __name__ == "__main__":
    write()
