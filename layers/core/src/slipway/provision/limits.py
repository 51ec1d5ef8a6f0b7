"""What manifests may say and Slipway does not do at one stroke."""

from collections.abc import Iterable, Iterator

from slipway.domain.planning import Refusal
from slipway.domain.resources import Kind


def too_many_gone(known: Iterable[str], wanted: Iterable[str]) -> Iterator[Refusal]:
    """Refuse to remove more than half of the services, and more than one, in one run.

    `known` are the services of the journal. Somebody may have emptied the bucket by
    mistake.
    """
    known = set(known)
    gone = sorted(known - set(wanted))
    if len(gone) > 1 and 2 * len(gone) > len(known):
        reason = (
            f"{len(gone)} of {len(known)} services have no manifest any more: bring "
            "the files back, remove services in steps, each of half of them at most, "
            "or take the whole environment away by `slipway destroy`"
        )
        yield Refusal(Kind.RECORD, ", ".join(gone), reason)
