"""A few random histories beside the model, and that a fault would be found and told shortly."""

import logging

import pytest

from histories import ENGINES, Histories, Operation, random_history
from tidegate.service.emergencies import Emergencies

FIRST, SECOND = ENGINES


@pytest.fixture(scope="module")
def histories(tmp_path_factory: pytest.TempPathFactory) -> Histories:
    return Histories(tmp_path_factory.mktemp("histories"))


@pytest.fixture(autouse=True)
def quiet(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.CRITICAL, logger="tidegate")


@pytest.mark.parametrize("seed", range(4))
def test_random_operations_go_as_the_model_says(seed: int, histories: Histories) -> None:
    histories.check(random_history(seed, 50))


def test_a_history_with_all_that_can_happen_goes_as_the_model_says(histories: Histories) -> None:
    histories.check(
        [
            Operation("deploy_both", ("v2",)),
            Operation("turn", (FIRST,), Operation("turn", (SECOND,))),
            Operation("ride", (FIRST, "support")),
            Operation("cut_off", (FIRST,)),
            Operation("harm", (FIRST, "other")),
            Operation("turn", (FIRST,)),
            Operation("restart", (FIRST,)),
            Operation("deploy", ("other", "v2", "edited")),
            Operation("order", ("support", "full")),
            Operation("connect", (FIRST,)),
            Operation("turn", (FIRST,), Operation("write_notes")),
            Operation("turn", (FIRST,)),
            Operation("revert_the_deploy", ("support",)),
            Operation("turn", (SECOND,)),
            Operation("merge_a_deploy", ("support", "v3")),
            Operation("turn", (FIRST,), Operation("revert_the_deploy", ("support",))),
            Operation("break_intent", ("other",)),
            Operation("deploy", ("support", "v9", "")),
            Operation("turn", (FIRST,)),
            Operation("break_metrics", ("support",)),
            Operation("restart", (SECOND,)),
            Operation("mend_metrics", ("support",)),
        ]
    )


def test_a_fault_is_found_and_the_history_that_shows_it_is_made_short(
    histories: Histories, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The fault: an engine never closes an override, so that what was reverted stays stopped."""
    monkeypatch.setattr(Emergencies, "settle", lambda *_: None)
    history = [
        Operation("write_notes"),
        Operation("deploy", ("support", "v2", "")),
        Operation("turn", (FIRST,)),
        Operation("order", ("other", "pause")),
        Operation("harm", (FIRST, "support")),
        Operation("turn", (FIRST,)),
    ]
    with pytest.raises(AssertionError) as caught:
        histories.check(history)
    assert str(caught.value).endswith(
        "The shortest history that was found:\n"
        "  1. deploy support v2\n"
        "  2. turn first engine\n"
        "  3. harm first engine support"
    )
    assert "the first engine has stopped" in str(caught.value)
