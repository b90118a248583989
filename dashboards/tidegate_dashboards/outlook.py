"""What will happen next to a rollout, in one sentence."""

from collections.abc import Callable
from typing import Final

from tidegate_dashboards import wording
from tidegate_dashboards.service_client import Rollout, RolloutDetail

ENOUGH_UNITS: Final = 30
"""Candidate units below which its rates say little to the eye; e-values need no such minimum."""


def next_sentence(detail: RolloutDetail) -> str:
    """What happens next, by the phase of the rollout."""
    rollout = detail["rollout"]
    if rollout["phase"] == "Progressing":
        return _next_step(detail)
    end = _ENDS.get(rollout["phase"])
    return end(rollout) if end else ""


def data_notice(detail: RolloutDetail) -> str | None:
    """What to make of few data; None where there are enough."""
    met, rollout = detail["exposed_candidate_units"], detail["rollout"]
    if met >= ENOUGH_UNITS:
        return None
    if met == 0:
        return _nobody_yet(rollout)
    return (
        f"Only {wording.units(met)} met the candidate: its rates still jump about. The e-values "
        "take that into account, so the rollout can stop on few units if they are clear."
    )


def _nobody_yet(rollout: Rollout) -> str:
    if rollout["phase"] not in ("Progressing", "Paused"):
        return "No unit met the candidate, so there is nothing to compare."
    share = wording.share(rollout["share_ppm"])
    return (
        f"No unit has met the candidate yet. Its share is {share}; rates and e-values appear here "
        "with the first units."
    )


def _next_step(detail: RolloutDetail) -> str:
    step, steps = detail["rollout"]["step"], detail["steps"]
    if step + 1 >= len(steps):
        return "Next: the engine's decision on the last step."
    here, following = (
        wording.share(steps[step]["share_ppm"]),
        wording.share(steps[step + 1]["share_ppm"]),
    )
    seen = _units_seen(detail, step)
    missing = steps[step]["min_units"] - seen
    if missing > 0:
        condition = f"after {wording.units(missing)} more at {here}"
    elif steps[step]["certify"] and (waiting := _uncertified(detail)):
        condition = (
            f"once {wording.listed(waiting)} {'is' if len(waiting) == 1 else 'are'} certified"
        )
    else:
        condition = f"once the step at {here} has lasted as long as the manifest says"
    return (
        f"Next: {following}, {condition}. A guardrail that reaches its threshold stops it before."
    )


def _units_seen(detail: RolloutDetail, step: int) -> int:
    stages = [stage for stage in detail["evidence"]["stages"] if stage["step"] == step]
    return sum(stage["baseline"]["units"] + stage["candidate"]["units"] for stage in stages)


def _uncertified(detail: RolloutDetail) -> list[str]:
    return [
        wording.words(each["guardrail"])
        for each in detail["assessments"]
        if each["log_e_safe"] < each["log_certify_threshold"]
    ]


def _after_rollback(rollout: Rollout) -> str:
    return (
        f"Every unit is served {rollout['baseline']} again, until somebody deploys a new version."
    )


def _after_promotion(rollout: Rollout) -> str:
    return f"Every unit is served {rollout['candidate']}. It is the baseline of the next rollout."


def _while_paused(rollout: Rollout) -> str:
    return (
        f"Nothing changes until a person resumes it or reverts the deploy: "
        f"{wording.share(rollout['share_ppm'])} of the units stay on {rollout['candidate']}."
    )


def _after_supersession(_: Rollout) -> str:
    return "A person's commit ended this attempt before the engine did; a newer commit is served."


_ENDS: Final[dict[str, Callable[[Rollout], str]]] = {
    "RolledBack": _after_rollback,
    "Completed": _after_promotion,
    "Paused": _while_paused,
    "Superseded": _after_supersession,
}
