"""The availability zone that the caller runs in."""

import http.client
import json
import logging
from collections.abc import Mapping
from urllib.parse import urlsplit

log = logging.getLogger(__name__)

METADATA_URI = "ECS_CONTAINER_METADATA_URI_V4"
TIMEOUT_SECONDS = 1.0


def own_zone(environ: Mapping[str, str]) -> str | None:
    """Return the zone of this ECS task, "" outside of ECS, None if nobody answered.

    Read from the task's metadata ("Amazon ECS task metadata endpoint version 4 for
    tasks on Fargate"), whose address ECS puts into each container's environment.
    """
    uri = environ.get(METADATA_URI)
    if not uri:
        return ""
    place = urlsplit(uri)
    connection = http.client.HTTPConnection(place.netloc, timeout=TIMEOUT_SECONDS)
    try:
        connection.request("GET", f"{place.path}/task")
        answer = connection.getresponse()
        text = answer.read()
        if answer.status != http.HTTPStatus.OK:
            log.warning("no zone: task metadata answered %s", answer.status)
            return None
        return str(json.loads(text).get("AvailabilityZone", ""))
    except (OSError, http.client.HTTPException, ValueError) as error:
        log.warning("no zone: task metadata did not answer: %r", error)
        return None
    finally:
        connection.close()
