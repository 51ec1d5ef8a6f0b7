"""SNS topics: they keep what was published, for whoever looks.

Subscriptions are not modelled: a person reads their e-mail elsewhere.
"""

import json
from dataclasses import dataclass, field
from typing import Any

from localcloud.api import AwsError, Parameters, only
from localcloud.identity import Ids, arn


@dataclass(slots=True)
class Topic:
    """One topic and all its messages, oldest first."""

    name: str
    messages: list[str] = field(default_factory=list)

    @property
    def arn(self) -> str:
        """The topic's ARN."""
        return arn("sns", self.name)

    async def deliver(self, event: dict[str, Any]) -> None:
        """Take an event from a rule."""
        self.messages.append(json.dumps(event))


class Topics(dict[str, Topic]):
    """The topics of a local cloud, by name."""

    def __init__(self) -> None:
        super().__init__()
        self._ids = Ids("topics")

    def publish(self, params: Parameters) -> dict[str, Any]:
        """Answer Publish."""
        only(params, "TopicArn", "Message", "Subject")
        topic = self.get(params["TopicArn"].split(":")[-1])
        if topic is None or topic.arn != params["TopicArn"]:
            raise AwsError("NotFound", "Topic does not exist", 404)
        topic.messages.append(params["Message"])
        return {"MessageId": self._ids.uuid("message")}
