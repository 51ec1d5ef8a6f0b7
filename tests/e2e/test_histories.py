"""No execution's history nears 25,000 events, however long and close a bake looks.

Events are counted as AWS writes them: a Task enters, is scheduled, starts, succeeds and
exits; one that waits for a token is also submitted; a Choice enters and exits
(https://docs.aws.amazon.com/step-functions/latest/apireference/API_HistoryEvent.html).
"""

import json
import re
from dataclasses import replace

from slipway.domain.rollout import Outcome
from slipway.domain.service import Step

from tests.e2e.road import QUICK, TEMPLATE, road

LOOKS_OF_A_DAY = 24 * 3600 // 10
STEP = TEMPLATE.parent / "statemachines" / "step.asl.yaml"
[LOOKS_OF_A_PART] = {int(n) for n in re.findall(r"\$looks < (\d+)", STEP.read_text())}
FAR_BELOW = 10_000


async def test_a_bake_of_a_day_with_a_look_every_ten_seconds_stays_far_below() -> None:
    """By what one look adds: 8,640 of them are run in parts, one after another."""
    close = replace(QUICK, steps=(Step(10, 600), Step(100, 60)), look_seconds=10)
    async with road(close) as world:
        await world.first_release()
        digest = world.push("v2")
        assert (await world.ended(digest)).outcome is Outcome.PROMOTED
        rollout = world.execution(digest)
        assert rollout is not None
        known = world.cloud.states.executions.values()
        (baked,) = [e for e in known if e.name == f"{rollout.name}-0-1"]
        assert json.loads(baked.input)["look_seconds"] == 10
        looks = baked.progress.visited.count("JudgeCandidate")
        assert looks > 50
        other = 5 * 25
        assert baked.progress.events <= 13 * looks + other
        assert 13 * LOOKS_OF_A_PART + other < FAR_BELOW
        parts = -(-LOOKS_OF_A_DAY // LOOKS_OF_A_PART)
        assert rollout.progress.events + 8 * parts < FAR_BELOW
