"""Clients of the local cloud's own: each is made once, and serves every world.

They keep nothing of what they say or hear. Making one takes longer than its calls.
"""

from functools import cache
from typing import Any, cast

import boto3

from localcloud.api import REGION


@cache
def client(service: str) -> Any:
    """Return a client that calls as nobody's function."""
    return cast("Any", boto3).client(service, region_name=REGION)
