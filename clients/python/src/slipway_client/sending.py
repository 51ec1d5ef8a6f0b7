"""HTTP to one instance of a service, and to another one where that is safe."""

import errno
import http.client
import logging
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from slipway_client.errors import AnswerLost, Misdirected, NoInstance, Unreachable
from slipway_client.identity import HEADER, MISDIRECTED, named
from slipway_client.instance import Instance

if TYPE_CHECKING:
    from slipway_client.service import Service, Verify

log = logging.getLogger(__name__)

CONNECT_SECONDS = 1.0
"""How long a connection may take. A stopped task's address refuses nothing, it is
silent; within a region a living one answers in milliseconds."""

IDEMPOTENT = {"GET", "HEAD", "OPTIONS", "TRACE", "PUT", "DELETE"}
"""Methods that may be repeated (RFC 9110, Idempotent Methods)."""

OWN_TROUBLE = {
    errno.EMFILE,
    errno.ENFILE,
    errno.ENOBUFS,
    errno.ENOMEM,
    errno.EADDRNOTAVAIL,
}
"""Failures to connect that are the caller's own: they say nothing about an instance."""


@dataclass(frozen=True, slots=True)
class Request:
    """What to send. `body` is bytes, so that it can be sent again."""

    method: str
    path: str
    body: bytes | None
    headers: Mapping[str, str]

    @property
    def repeatable(self) -> bool:
        """Whether it may be handled twice."""
        return self.method.upper() in IDEMPOTENT


@dataclass(frozen=True, slots=True)
class Response:
    """What an instance answered, whatever its status, read to its end.

    `headers` are those of the standard library: in any case, several of one name.
    """

    status: int
    headers: http.client.HTTPMessage
    body: bytes
    instance: Instance

    @property
    def named(self) -> str | None:
        """The service that the answer says it comes from."""
        return named(self.headers.items())


def connect(instance: Instance, timeout: float) -> http.client.HTTPConnection:
    """Return an open connection; `timeout` holds for each later wait on it."""
    connection = http.client.HTTPConnection(
        instance.address, instance.port, timeout=min(timeout, CONNECT_SECONDS)
    )
    connection.connect()
    connection.sock.settimeout(timeout)
    return connection


def exchange(
    connection: http.client.HTTPConnection, request: Request, instance: Instance
) -> Response:
    """Send a request that names the instance's service, and read its answer.

    What the request's own headers say in that header is left out: a service that passes
    on what it received would pass on its own name.
    """
    headers = {k: v for k, v in request.headers.items() if k.lower() != HEADER}
    headers[HEADER] = instance.service
    connection.request(request.method, request.path, request.body, headers)
    answer = connection.getresponse()
    return Response(answer.status, answer.headers, answer.read(), instance)


def is_misdirected(response: Response) -> bool:
    """Return whether an answer comes from another service than the one meant.

    By its name; of an answer without one, by its status. A service that passes on the
    421 of one that it asked itself is still the one that was meant.
    """
    if response.named is None:
        return response.status == MISDIRECTED
    return response.named != response.instance.service


def send(
    service: "Service", request: Request, timeout: float, attempts: int
) -> Response:
    """Send a request to an instance, by a connection of its own, and return its answer.

    `timeout` is in seconds, for each wait: for the connection (1 s at most), and for
    each part of the answer. Up to `attempts` instances are tried, each once, where the
    request

    - was not sent, for no connection came about: the instance is put aside;
    - was refused with 421, or answered by another service: the instance is dropped;
    - was sent and the connection broke: only methods that are idempotent.

    Raises Unreachable where no attempt is left, AnswerLost where a request was sent and
    may have been handled, Misdirected where another service may have handled it,
    TimeoutError where an instance took a request and did not answer in time, and what
    `pick` raises.
    """
    tried: list[Instance] = []
    why: list[str] = []
    while len(tried) < attempts:
        try:
            instance = service.pick(exclude=tried)
        except NoInstance:
            if not tried:
                raise
            break
        tried.append(instance)
        result = attempt(service, request, instance, timeout)
        if isinstance(result, Response):
            return result
        why.append(f"{instance} {result}")
    raise Unreachable(f"{service.name}: " + "; ".join(why))


def attempt(
    service: "Service", request: Request, instance: Instance, timeout: float
) -> Response | str:
    """Send a request to one instance; return why another one may have it instead."""
    try:
        connection = connect(instance, timeout)
    except OSError as error:
        if error.errno in OWN_TROUBLE:
            raise
        service.failed(instance)
        return f"could not be connected to: {error}"
    try:
        response = exchange(connection, request, instance)
    except TimeoutError:
        raise
    except (OSError, http.client.HTTPException) as error:
        if not request.repeatable:
            raise AnswerLost(f"{request.method} to {instance}") from error
        return f"broke the connection: {error!r}"
    finally:
        connection.close()
    if is_misdirected(response):
        service.misdirected(instance)
        name = response.named or "another service"
        if response.status != MISDIRECTED and not request.repeatable:
            raise Misdirected(f"{request.method} to {instance} was answered by {name}")
        return f"is {name}"
    service.succeeded(instance)
    if response.named == service.name:
        service.verified(instance)
    return response


def verify_by_http(path: str = "/", timeout: float = 1) -> "Verify":
    """Return a check that asks an instance for its name: HEAD of `path`, any status.

    It passes where the answer names the service. An answer without a name proves
    nothing, so a service has to name itself in its answers for this.
    """

    def verify(instance: Instance) -> bool:
        connection = connect(instance, timeout)
        try:
            request = Request("HEAD", path, None, {})
            response = exchange(connection, request, instance)
        except http.client.HTTPException as error:
            log.info("%s did not answer its check in HTTP: %r", instance, error)
            return False
        finally:
            connection.close()
        return not is_misdirected(response) and response.named == instance.service

    return verify
