"""Exit codes: one for each way to end."""

import pytest
from slipway.domain.rollout import Outcome
from slipway_cli.display import ADVICE
from slipway_cli.exits import ENDS, Exit, of


def test_every_outcome_has_a_code_of_its_own() -> None:
    assert set(ENDS) == set(Outcome)
    assert len(set(ENDS.values())) == len(Outcome)


def test_only_a_promotion_is_a_success() -> None:
    """aws-actions/amazon-ecs-deploy-task-definition#191 was green after a rollback.

    ecspresso#169: success was reported as failure.
    """
    assert {outcome for outcome in Outcome if of(outcome) == 0} == {Outcome.PROMOTED}


def test_no_outcome_looks_like_an_error_a_wrong_usage_or_a_refusal() -> None:
    others = {Exit.ERROR, Exit.USAGE, Exit.TIMED_OUT, Exit.REFUSED, Exit.INVALID}
    assert not others & set(ENDS.values())


def test_a_rollout_that_goes_on_is_told_from_all_ends() -> None:
    assert of(None) is Exit.TIMED_OUT


@pytest.mark.parametrize(
    ("code", "number"),
    [
        (Exit.DONE, 0),
        (Exit.ERROR, 1),
        (Exit.USAGE, 2),
        (Exit.ROLLED_BACK, 3),
        (Exit.ABORTED, 4),
        (Exit.SUPERSEDED, 5),
        (Exit.REJECTED, 6),
        (Exit.FAILED, 7),
        (Exit.TIMED_OUT, 8),
        (Exit.REFUSED, 9),
        (Exit.INVALID, 10),
    ],
)
def test_codes_stay_as_they_were_published(code: Exit, number: int) -> None:
    assert code == number


def test_every_end_but_a_promotion_says_what_to_do() -> None:
    assert set(ADVICE) == set(Outcome)
    assert [o for o, advice in ADVICE.items() if not advice] == [Outcome.PROMOTED]
