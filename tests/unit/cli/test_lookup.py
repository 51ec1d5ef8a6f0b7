"""Which rollout is meant."""

from datetime import timedelta

from slipway.domain.rollout import Outcome
from slipway.gateways.journal import Entry
from slipway_cli.lookup import Wanted, pick

from tests.builders import DIGEST, OTHER_DIGEST, START, a_cause, a_rollout

ANY = Wanted()


def an_entry(
    number: int, outcome: Outcome | None = None, *, digest: str = DIGEST
) -> Entry:
    pushed_at = START + timedelta(minutes=number)
    cause = a_cause(tag=f"v{number}", digest=digest, pushed_at=pushed_at)
    return Entry(a_rollout(cause=cause, created_at=pushed_at), outcome, None, None)


def test_the_one_that_holds_the_lease_is_meant_before_others_that_are_open() -> None:
    old, holder, waiting = (
        an_entry(1, Outcome.PROMOTED),
        an_entry(2),
        an_entry(3),
    )
    assert pick([old, holder, waiting], ANY, holder.rollout.id) is holder


def test_the_newest_open_one_is_meant_where_none_holds_the_lease() -> None:
    first, second, ended = an_entry(1), an_entry(2), an_entry(3, Outcome.REJECTED)
    assert pick([first, second, ended], ANY, None) is second


def test_the_newest_is_meant_where_all_have_ended() -> None:
    entries = [an_entry(1, Outcome.PROMOTED), an_entry(2, Outcome.ABORTED)]
    assert pick(entries, ANY, None) is entries[-1]


def test_a_lease_of_a_rollout_that_has_ended_means_nothing() -> None:
    ended, is_open = an_entry(1, Outcome.FAILED), an_entry(2)
    assert pick([ended, is_open], ANY, ended.rollout.id) is is_open


def test_an_id_means_that_rollout_whatever_became_of_it() -> None:
    ended, is_open = an_entry(1, Outcome.FAILED), an_entry(2)
    wanted = Wanted(rollout_id=ended.rollout.id)
    assert pick([ended, is_open], wanted, is_open.rollout.id) is ended
    assert pick([is_open], wanted, None) is None


def test_a_digest_means_the_open_rollout_of_that_image_else_its_newest() -> None:
    first = an_entry(1, Outcome.ABORTED)
    again = an_entry(2)
    other = an_entry(3, digest=OTHER_DIGEST)
    wanted = Wanted(digest=DIGEST)
    assert pick([first, again, other], wanted, other.rollout.id) is again
    assert pick([first, other], wanted, None) is first
    assert pick([other], wanted, None) is None


def test_nothing_is_found_where_there_is_nothing() -> None:
    assert pick([], ANY, None) is None
