"""What can go wrong for a caller, and what each means for its request."""


class DiscoveryError(Exception):
    """Anything that this package raises of its own."""


class RegistryAway(DiscoveryError):
    """The registry did not answer. Raised to a caller only where no list is known."""


class UnknownService(DiscoveryError):
    """The registry knows no such service. Raised only where no list is known."""


class NoInstance(DiscoveryError):
    """A list is known and holds nothing that may be used. Nothing was sent."""


class Unreachable(DiscoveryError):
    """No instance took the request: none was reached, or all refused it as another."""


class AnswerLost(DiscoveryError):
    """The request was sent and has no whole answer: it may have been handled."""


class Misdirected(DiscoveryError):
    """Another service took and may have handled a request that must not be repeated."""
