"""One simulated rollout, from its first share to its end: the rule of real ones decides."""

import math

import msgspec
import numpy as np

from tidegate.domain.decision import Decision, Verdict, decide
from tidegate.domain.evidence import StageCounts
from tidegate.domain.policy import Policy
from tidegate.service.screening import Screen, screened
from tidegate.service.simulated_stage import Over, Stage
from tidegate.service.streams import Stream


class Rollout(msgspec.Struct, frozen=True, kw_only=True):
    """How a simulated rollout ended.

    Attributes:
        verdict: ROLL_BACK, PROMOTE, PAUSE where it waits for a person, or HOLD where the units ran
            out first.
        rule: the rule that ended it; "" where the units ran out.
        guardrail: the guardrail that ended it, if one did.
        stages: what was seen of each stage.
    """

    verdict: Verdict
    rule: str = ""
    guardrail: str | None = None
    stages: tuple[StageCounts, ...] = ()

    @property
    def units(self) -> int:
        """Units of both arms until the end."""
        return sum(stage.units for stage in self.stages)

    @property
    def candidate_units(self) -> int:
        """Of these, on the candidate."""
        return sum(stage.candidate.units for stage in self.stages)

    def harmed_units(self, name: str) -> int:
        """Of these, with an incident of one guardrail, or without its success."""
        arms = [stage.candidate for stage in self.stages]
        return sum(arm.incidents.get(name, 0) + arm.failures.get(name, 0) for arm in arms)


def roll_out(
    policy: Policy, stream: Stream, *, units_per_s: float = math.inf, screen: Screen = screened
) -> Rollout:
    """Run a rollout until it is rolled back or promoted, or until the units run out.

    A rollout that the rule pauses stays so, as no person is there, and harm may still end it.

    Args:
        policy: the plan; its guardrails are those of the stream, in the same order.
        stream: the units.
        units_per_s: units of both arms a second; inf if time shall not pass.
        screen: at which looks the rule is asked.
    """
    done: tuple[Over, ...] = ()
    share_ppm = policy.first_share_ppm
    while True:
        stage = Stage(policy, units_per_s, len(done), share_ppm, done)
        decision, over = _decide_along(stage, stream, screen)
        done = done if over is None else (*done, over)
        if decision is None:
            return Rollout(verdict=Verdict.HOLD, stages=_counts(done))
        if decision.verdict is not Verdict.ADVANCE or decision.next_share_ppm is None:
            return Rollout(
                verdict=decision.verdict,
                rule=decision.rule,
                guardrail=decision.guardrail,
                stages=_counts(done),
            )
        share_ppm = decision.next_share_ppm


def _decide_along(
    stage: Stage, stream: Stream, screen: Screen
) -> tuple[Decision | None, Over | None]:
    """What ends a stage, if anything does, and the stage as it is then, if it has any unit."""
    pause: Decision | None = None
    over: Over | None = None
    for looks in stream.stage(stage.first, stage.share, stage.marks()):
        worth = screen(stage, looks)
        for look in np.flatnonzero(worth.harm | worth.onward).tolist():
            if pause is not None and not worth.harm[look]:
                continue
            evidence = stage.evidence(looks, look, paused=pause is not None)
            decision = decide(stage.policy, evidence, stage.clock(int(looks.units[look])))
            if decision.verdict is Verdict.PAUSE:
                pause = decision
            elif decision.verdict is not Verdict.HOLD:
                return decision, Over(evidence.stages[-1], looks.only(np.array([look])))
        if len(looks.units):
            over = Over(stage.counts(looks, -1), looks.only(np.array([-1])))
    return pause, over


def _counts(done: tuple[Over, ...]) -> tuple[StageCounts, ...]:
    return tuple(stage.counts for stage in done)
