"""How a server and its callers make sure that they mean each other.

AWS gives an address to a new task as soon as the old one is gone, so an address in a
list may answer for another service by now. Callers name the service that they mean, in
a header. A server refuses what is not meant for it with 421 (Misdirected Request, RFC
9110) before it does anything, and names itself in the same header of all its answers:
it sets that header, so that no name stays which another service's answer brought.
"""

from collections.abc import Iterable, Mapping

HEADER = "slipway-service"
"""In a request, the service that is meant; in an answer, the one that answers."""

MISDIRECTED = 421


def named(headers: Iterable[tuple[str, str]]) -> str | None:
    """Return the service that headers name, in whatever case the header stands."""
    found = (value for name, value in headers if name.lower() == HEADER)
    return next(found, None)


def accepts(headers: Mapping[str, str], own_name: str) -> bool:
    """Return whether a request is meant for the service `own_name`: if not, answer 421.

    A request that names no service is accepted: load balancers, health checks and
    callers without this package send none.
    """
    return named(headers.items()) in {None, own_name}
