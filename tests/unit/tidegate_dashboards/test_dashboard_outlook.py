"""What happens next, in one sentence."""

import pytest

from tidegate_dashboards import outlook
from tidegate_dashboards.service_client import Rollout, RolloutDetail


def _progressing(detail: RolloutDetail, rollout: Rollout) -> RolloutDetail:
    running: Rollout = {**rollout, "phase": "Progressing", "share_ppm": 50_000}
    return {**detail, "rollout": running}


def test_a_step_that_lacks_units_says_how_many(detail: RolloutDetail, rollout: Rollout) -> None:
    sentence = outlook.next_sentence(_progressing(detail, rollout))
    assert sentence.startswith("Next: 100%, after 500 units more at 5%.")


def test_a_certifying_step_says_what_it_waits_for(detail: RolloutDetail, rollout: Rollout) -> None:
    running = _progressing(detail, rollout)
    running["steps"][1]["min_units"] = 100
    sentence = outlook.next_sentence(running)
    assert sentence.startswith("Next: 100%, once prompt injection and goal are certified.")


def test_a_step_that_only_waits_says_so(detail: RolloutDetail, rollout: Rollout) -> None:
    running = _progressing(detail, rollout)
    running["steps"][1] = {"share_ppm": 50_000, "min_units": 0, "certify": False}
    assert "has lasted as long as the manifest says" in outlook.next_sentence(running)


@pytest.mark.parametrize(
    ("phase", "words"),
    [
        ("RolledBack", "served v1 again"),
        ("Completed", "served v2"),
        ("Paused", "until a person"),
        ("Superseded", "a newer commit"),
    ],
)
def test_every_phase_says_what_happens_next(detail: RolloutDetail, phase: str, words: str) -> None:
    detail["rollout"]["phase"] = phase
    assert words in outlook.next_sentence(detail)


def test_few_units_are_pointed_out_and_enough_are_not(detail: RolloutDetail) -> None:
    assert outlook.data_notice(detail) is None
    detail["exposed_candidate_units"] = 1
    assert "Only 1 unit met" in (outlook.data_notice(detail) or "")


def test_nobody_yet_says_when_figures_appear(detail: RolloutDetail, rollout: Rollout) -> None:
    running = _progressing(detail, rollout)
    running["exposed_candidate_units"] = 0
    assert "with the first units" in (outlook.data_notice(running) or "")
    detail["exposed_candidate_units"] = 0
    assert "nothing to compare" in (outlook.data_notice(detail) or "")
