"""One look at a release: gather the evidence, ask the decision core, and say what is due."""

from datetime import UTC, datetime, timedelta

from tidegate.domain.blue_green import BlueGreen
from tidegate.domain.decision import Decision, Verdict, decide
from tidegate.domain.evidence import Clock as Instants
from tidegate.domain.experiment_decision import decide_experiment
from tidegate.domain.experiment_policy import ExperimentPolicy
from tidegate.domain.journal import Look
from tidegate.domain.record import AnyDecision, AnyEvidence, DecisionRecord
from tidegate.domain.recording import record_of
from tidegate.domain.release import Release
from tidegate.domain.state import Phase, ReleaseState
from tidegate.domain.switch import decide_switch
from tidegate.domain.watch import decide_watch
from tidegate.service.gathering import EvidenceGatherer
from tidegate.service.ports import ControlDatabase, EventStore, HealthProbe

_PAUSE = timedelta(seconds=1)  # between looks that read more than what is new
_LONG_AGO = datetime(1970, 1, 1, tzinfo=UTC)


class Decider:
    """Looks at releases.

    Args:
        events: the evidence.
        control: keeps the looks.
        probe: asks environments whether they are well.
    """

    def __init__(self, events: EventStore, control: ControlDatabase, probe: HealthProbe) -> None:
        self._gather = EvidenceGatherer(events)
        self._control = control
        self._probe = probe
        self._seen: dict[str, int] = {}
        self._looked_at: dict[str, datetime] = {}

    def due(self, release: Release, seq: int, now: datetime) -> DecisionRecord | None:
        """The decision that is due on the events up to `seq`, at an instant; None to hold.

        Which question is asked is read from STATE: an emergency override hides it from the traffic.
        STATE of another attempt is void, and asks nothing.
        """
        state = release.state
        if state is None or state.attempt != release.attempt:
            return None
        clock = Instants(
            now=now, step_started=state.step_started or now, rollout_started=state.started
        )
        if state.phase is Phase.COMPLETED:
            return self._watch(release, seq, clock)
        if state.phase not in (Phase.PROGRESSING, Phase.PAUSED):
            return None
        if release.experiment is not None:
            return self._experiment(release, state, release.experiment, seq, clock)
        plan = release.intent.strategy.blue_green
        if plan is not None:
            return self._switch(release, plan, seq, clock)
        return self._canary(release, state, seq, clock)

    def _canary(
        self, release: Release, state: ReleaseState, seq: int, clock: Instants
    ) -> DecisionRecord | None:
        evidence = self._gather.evidence(release, state, seq, clock.now)
        decision = decide(release.policy, evidence, clock)
        self._note(release, decision, clock, seq, units=(evidence.units, evidence.candidate_units))
        return _recorded(release, decision, evidence, clock)

    def _experiment(
        self,
        release: Release,
        state: ReleaseState,
        policy: ExperimentPolicy,
        seq: int,
        clock: Instants,
    ) -> DecisionRecord | None:
        if policy.goal.kind != "binary" and not self._rested(release, clock):
            return None
        evidence = self._gather.experiment_evidence(release, state, policy, seq, clock.now)
        decision = decide_experiment(policy, evidence, clock)
        self._note(release, decision, clock, seq, units=(evidence.units, evidence.contender_units))
        return _recorded(release, decision, evidence, clock)

    def _switch(
        self, release: Release, plan: BlueGreen, seq: int, clock: Instants
    ) -> DecisionRecord | None:
        if not self._rested(release, clock):
            return None
        address = plan.active_colour.health
        health = None if address is None else self._probe.ask(address)
        evidence = self._gather.switch_evidence(release, seq, clock.now, health)
        decision = decide_switch(plan, evidence, clock)
        units = (evidence.preview_units, evidence.preview_units)
        self._note(release, decision, clock, seq, units=units)
        return _recorded(release, decision, evidence, clock)

    def _watch(self, release: Release, seq: int, clock: Instants) -> DecisionRecord | None:
        """Look at a version that everyone has; windows close without new events."""
        watch_is_over = clock.in_step_s >= release.policy.watch.duration_s
        if release.experiment is not None or watch_is_over or not self._rested(release, clock):
            return None
        evidence = self._gather.watch_evidence(release, seq, clock)
        return _recorded(release, decide_watch(release.policy, evidence, clock), evidence, clock)

    def _rested(self, release: Release, clock: Instants) -> bool:
        """Whether the last look at a release was long enough ago; if so, this one counts.

        A look at the instant of the last one is the same look: a decision that is taken again.
        """
        passed = abs(clock.now - self._looked_at.get(release.rollout, _LONG_AGO))
        if timedelta() < passed < _PAUSE:
            return False
        self._looked_at[release.rollout] = clock.now
        return True

    def _note(
        self,
        release: Release,
        decision: Decision,
        clock: Instants,
        seq: int,
        *,
        units: tuple[int, int],
    ) -> None:
        """Keep a look at new events: a point of the charts."""
        if self._seen.get(release.rollout) == seq:
            return
        self._seen[release.rollout] = seq
        found = decision.assessments
        self._control.add_look(
            Look(
                rollout=release.rollout,
                at=clock.now,
                seq=seq,
                step=release.step,
                share_ppm=release.traffic.share_ppm,
                units=units[0],
                candidate_units=units[1],
                verdict=decision.verdict.value,
                rule=decision.rule,
                reason=decision.reason,
                log_e_values={each.guardrail: each.log_e_harm for each in found},
                log_thresholds={each.guardrail: each.log_harm_threshold for each in found},
            )
        )


def _recorded(
    release: Release, decision: AnyDecision, evidence: AnyEvidence, clock: Instants
) -> DecisionRecord | None:
    if decision.verdict is Verdict.HOLD:
        return None
    return record_of(release, decision, evidence, clock)
