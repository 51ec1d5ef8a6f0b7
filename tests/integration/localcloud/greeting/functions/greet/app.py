"""Says hello, once it is not too busy."""

import os
from typing import Any

import boto3

_table = boto3.client("dynamodb", region_name="eu-west-1")
_asked: set[str] = set()


class Busy(Exception):
    """Ask again."""


class Rude(Exception):
    """No greeting for this name."""


def handler(event: dict[str, Any], _context: object) -> dict[str, str]:
    """Greet by name; a name that begins with busy needs a second try."""
    name = event["name"]
    if name == "rude":
        raise Rude(name)
    if name.startswith("busy") and name not in _asked:
        _asked.add(name)
        raise Busy(name)
    _table.put_item(TableName=os.environ["TABLE"], Item={"pk": {"S": name}})
    return {"text": f"hello {name} from {os.environ['WHO']}"}
