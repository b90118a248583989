"""What a decision about an experiment says for itself: one sentence with the numbers."""

from tidegate.domain.assessment import e_value_text
from tidegate.domain.experiment_assessment import ArmAssessment, GoalAssessment
from tidegate.domain.experiment_evidence import ExperimentEvidence
from tidegate.domain.experiment_policy import ExperimentPolicy


def harm_text(policy: ExperimentPolicy, arm: ArmAssessment) -> str:
    """What an arm did, and to what; of an arm that harmed nothing, that it did not."""
    worst = arm.worst
    if worst is None:
        return f"{arm.arm} harms no guardrail"
    beside = f"{policy.control} {worst.baseline}"
    compared = beside if worst.against == "baseline" else "over its ceiling"
    return (
        f"{worst.guardrail}: {arm.arm} {worst.candidate}, {compared}; "
        f"e-value {e_value_text(worst.log_e_harm)} reached {e_value_text(worst.log_harm_threshold)}"
    )


def mismatch_text(policy: ExperimentPolicy, evidence: ExperimentEvidence, log_e: float) -> str:
    """How many units each arm got that should not be so."""
    newcomers = {
        arm: sum(stage.arm(arm).counts.newcomers for stage in evidence.stages)
        for arm in policy.arm_names
    }
    got = f"units were {_listed(newcomers)}"
    return f"the split is not what the manifest says: {got}; {_reached(policy, log_e)}"


def missing_text(policy: ExperimentPolicy, evidence: ExperimentEvidence, log_e: float) -> str:
    """How many units of each arm never reported an outcome."""
    counts = {arm: [stage.arm(arm).counts for stage in evidence.stages] for arm in policy.arm_names}
    lost = {arm: sum(each.closed - each.reported for each in all_) for arm, all_ in counts.items()}
    never = f"units that never reported one were {_listed(lost)}"
    return f"outcomes are missing unevenly: {never}; {_reached(policy, log_e)}"


def winner_text(policy: ExperimentPolicy, best: ArmAssessment) -> str:
    """What the winner wins by."""
    return (
        f"{best.arm} beats {policy.control} on {policy.goal.name} by more than "
        f"{policy.goal.minimum_effect:g}: {_goal_text(best.goal)}, {best.goal.units} units"
    )


def equal_text(policy: ExperimentPolicy, running: tuple[ArmAssessment, ...]) -> str:
    """Within which limits every arm lies."""
    arms = ", ".join(f"{each.arm} {_own_text(each.goal)}" for each in running)
    return (
        f"{policy.goal.name} differs from that of {policy.control} by less than "
        f"{policy.goal.minimum_effect:g} on every arm: {arms}"
    )


def standing_text(policy: ExperimentPolicy, running: tuple[ArmAssessment, ...]) -> str:
    """Where every arm stands, decided or not."""
    arms = ", ".join(f"{each.arm} {_goal_text(each.goal)}" for each in running)
    return f"{policy.goal.name} against {policy.control}: {arms}"


def _goal_text(goal: GoalAssessment) -> str:
    if goal.estimate is None:
        return f"has too few data ({goal.units} units)"
    return (
        f"{goal.estimate:+.4g} ({_limits_text(goal.lower, goal.upper)}), "
        f"e-value {e_value_text(goal.corrected_log_e)} of {e_value_text(goal.log_threshold)}"
    )


def _own_text(goal: GoalAssessment) -> str:
    return f"{goal.estimate or 0.0:+.4g} ({_limits_text(goal.own_lower, goal.own_upper)})"


def _limits_text(lower: float | None, upper: float | None) -> str:
    low, high = ("no limit" if each is None else f"{each:+.4g}" for each in (lower, upper))
    return f"{low} to {high}"


def _listed(counts: dict[str, int]) -> str:
    return ", ".join(f"{count} on {arm}" for arm, count in counts.items())


def _reached(policy: ExperimentPolicy, log_e: float) -> str:
    return f"e-value {e_value_text(log_e)} reached {1 / policy.srm_alpha:g}"
