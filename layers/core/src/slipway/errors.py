"""Everything Slipway raises on purpose, in one tree.

Final errors need a person or another input; retryable ones may pass by themselves.
State machines match these by class name, so a rename here is a change of interface.
"""


class SlipwayError(Exception):
    """The root of the tree; never raised itself."""


class FinalError(SlipwayError):
    """Trying again with the same input gives the same answer."""


class RetryableError(SlipwayError):
    """Trying again later may work."""


class InvalidRecord(FinalError):
    """Stored or received data does not have the shape it must have."""


class NotMeant(FinalError):
    """An event is in order and speaks of nothing that Slipway runs."""


class UnsupportedPayload(FinalError):
    """A payload was written by a version of Slipway this one cannot read."""


class NotFound(FinalError):
    """What was named does not exist."""


class AccessDenied(FinalError):
    """AWS refused the call: the function's role does not allow it."""


class Refused(FinalError):
    """AWS understood the call and will not carry it out."""


class LeaseLost(FinalError):
    """Another rollout holds the service's lease; this one must stop writing."""


class Throttled(RetryableError):
    """AWS asked to slow down."""


class Unavailable(RetryableError):
    """AWS, or the way to it, failed for now."""
