"""A rehearsed rollback: a harmless deploy that is made to look harmful, and what becomes of it.

It is a rehearsal of the whole path on the real adapters: the manifest in git, the event log, the
engine in its thread. Everything is watched from outside, as a client would see it.
"""

import time
from collections.abc import Callable
from concurrent.futures import TimeoutError as NotInTime
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from tidegate.domain import manifest_files as files
from tidegate.domain.drill import (
    Casting,
    DrillReport,
    DrillStep,
    completed,
    seconds_between,
)
from tidegate.domain.journal import IndexedDecision
from tidegate.domain.quantities import percent
from tidegate.domain.release import Release
from tidegate.service.assigning import Assigner
from tidegate.service.drill_deploy import deploy_copy
from tidegate.service.drill_traffic import Traffic
from tidegate.service.engine import EngineLoop
from tidegate.service.ingest import EventWriter
from tidegate.service.ports import Clock, ControlDatabase, EventStore, ManifestRepository
from tidegate.service.served_manifest import ServedManifest
from tidegate.service.verifying import Verifier

READ_BACK_UNITS: Final = 200
_WATCH_S: Final = 0.005
_BREATH_S: Final = 0.02
"""How long the traffic waits after each batch with harm, so that the engine may look."""
_MOST_UNITS: Final = 500_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Scene:
    """A running service in miniature, around a scratch copy of the manifest.

    Attributes:
        person: the clone of the person who deploys.
        repository: the engine's own clone.
        patience_s: how long to wait for anything, in seconds.
    """

    person: ManifestRepository
    repository: ManifestRepository
    manifest: ServedManifest
    events: EventStore
    control: ControlDatabase
    writer: EventWriter
    loop: EngineLoop
    assigner: Assigner
    clock: Clock
    patience_s: float


def rehearse(scene: Scene, agent: str | None) -> DrillReport:
    """Deploy a copy of the live version, report harm of it, and watch the rollback.

    Args:
        scene: where; its writer and its engine run.
        agent: the agent; may be left out where there is only one.

    Raises:
        CannotDrill: nothing can be rehearsed with this agent.
        UnknownAgent: it has no release here.
        InvalidManifest: its files cannot be read.
    """
    casting = deploy_copy(scene.person, scene.manifest.environment, agent, scene.clock)
    drill = _Drill(scene, casting)
    steps = completed(drill.steps())
    return DrillReport(
        environment=casting.environment,
        agent=casting.agent,
        live=casting.live,
        copy=casting.copy,
        deploy=casting.deploy,
        guardrail=casting.guardrail,
        share_ppm=drill.share_ppm,
        units=drill.traffic.units,
        candidate_units=len(drill.traffic.harmed),
        harm_to_served_s=seconds_between(steps, "harm_stored", "override_in_force"),
        harm_to_pushed_s=seconds_between(steps, "harm_stored", "revert_pushed"),
        steps=steps,
        passed=all(each.ok for each in steps),
    )


class _Drill:
    """The course of one drill."""

    def __init__(self, scene: Scene, casting: Casting) -> None:
        self._scene = scene
        self._casting = casting
        self.traffic = Traffic(scene.assigner, casting)
        self.share_ppm = 0

    def steps(self) -> list[DrillStep]:
        """Go through the steps until one fails that the others need."""
        found: list[DrillStep] = []
        for act in (self._deploy_seen, self._canary_started, self._harmed, self._written_back):
            found += act()
            if not found[-1].ok:
                return found
        return [*found, *self._looked_at()]

    def _deploy_seen(self) -> list[DrillStep]:
        seen = self._until(lambda: self._release.attempt == self._casting.deploy)
        casting = self._casting
        detail = f"{casting.deploy[:12]} deploys {casting.copy}, {casting.live} once more"
        return [self._event("deploy_seen", seen, detail)]

    def _canary_started(self) -> list[DrillStep]:
        began = self._until(lambda: self._release.in_rollout)
        if began is None:
            return [self._event("canary_started", None, self._release.traffic.reason)]
        self.share_ppm = self._release.traffic.share_ppm
        detail = f"{self._casting.copy} at {percent(self.share_ppm)}"
        return [self._event("canary_started", began, detail)]

    def _harmed(self) -> list[DrillStep]:
        """Let units come until they are served the live version again."""
        first_harm: datetime | None = None
        give_up_at = time.monotonic() + self._scene.patience_s
        while time.monotonic() < give_up_at and self.traffic.units < _MOST_UNITS:
            harmed = len(self.traffic.harmed)
            if not self._store():
                break
            if len(self.traffic.harmed) > harmed:
                first_harm = first_harm or self._scene.clock.now()
                stopped = self._until(self._is_stopped, patience_s=_BREATH_S)
                if stopped is not None:
                    return self._stopped(first_harm, stopped)
        harm = f"{len(self.traffic.harmed)} of {self.traffic.units} units met {self._casting.copy}"
        return [
            self._event("harm_stored", first_harm, harm),
            self._event("override_in_force", None, f"{harm}, and it goes on being served"),
        ]

    def _stopped(self, first_harm: datetime, stopped: datetime) -> list[DrillStep]:
        what = f"{self._casting.guardrail} on {self._casting.copy}, reported by the first unit"
        met = f"after {len(self.traffic.harmed)} units that met {self._casting.copy}"
        return [
            self._event("harm_stored", first_harm, what),
            self._event("override_in_force", stopped, f"{self._casting.live} is served, {met}"),
        ]

    def _written_back(self) -> list[DrillStep]:
        pushed = self._until(lambda: self._revert() is not None)
        revert = self._revert()
        if pushed is None or revert is None or revert.pushed_at is None:
            return [self._event("revert_pushed", None, "no revert was pushed")]
        return [
            self._event("rollback_decided", revert.decided_at, revert.reason),
            self._event(
                "revert_pushed", revert.pushed_at, f"{revert.commit[:12]} reverts the deploy"
            ),
        ]

    def _looked_at(self) -> list[DrillStep]:
        return [self._read_back(), self._intent_restored(), self._marked_bad(), self._verified()]

    def _read_back(self) -> DrillStep:
        """A rollback that changed nothing would be the worst failure of all."""
        fresh = (f"read-back-{number}" for number in range(READ_BACK_UNITS))
        answers = self.traffic.served((*fresh, *self.traffic.harmed))
        at_head = self._until(lambda: self._release.commit == self._scene.repository.head())
        wrong = [each for each in answers if each.assignment.version != self._casting.live]
        told = (
            f"{len(answers) - len(wrong)} of {len(answers)} units are served {self._casting.live}"
        )
        alarm = self._scene.manifest.current.problems.get(self._casting.agent)
        if alarm is not None:
            told = f"{told}; {alarm}"
        ok = not wrong and at_head is not None and alarm is None
        return DrillStep(name="read_back", ok=ok, detail=told)

    def _intent_restored(self) -> DrillStep:
        path = files.intent_path(self._casting.environment, self._casting.agent)
        self._scene.person.fetch()
        head = self._scene.person.head() or ""
        same = self._scene.person.read(head, path) == self._casting.intent_before
        detail = f"{path} is {'byte for byte' if same else 'not'} what it was before the deploy"
        return DrillStep(name="intent_restored", ok=same, detail=detail)

    def _marked_bad(self) -> DrillStep:
        state = self._release.state
        marked = state is not None and state.marks_bad(self._casting.copy)
        words = "needs force: true to return" if marked else "is not marked bad"
        return DrillStep(name="marked_bad", ok=marked, detail=f"{self._casting.copy} {words}")

    def _verified(self) -> DrillStep:
        revert = self._revert()
        commit = revert.commit if revert is not None else self._casting.deploy
        found = Verifier(self._scene.repository, self._scene.events).verify(commit)
        return DrillStep(name="verified", ok=found.verified, detail=found.conclusion)

    @property
    def _release(self) -> Release:
        return self._scene.manifest.release(self._casting.agent)

    def _store(self) -> bool:
        """Send the next events; false if they are not on disk in time."""
        written = self._scene.writer.submit(self.traffic.batch())
        try:
            written.result(self._scene.patience_s)
        except NotInTime:
            return False
        return True

    def _is_stopped(self) -> bool:
        """Whether units that met the copy are served the live version."""
        answers = self.traffic.served(self.traffic.harmed)
        return all(each.assignment.version == self._casting.live for each in answers)

    def _revert(self) -> IndexedDecision | None:
        """The engine's revert of the deploy, once it is pushed and in the books."""
        decisions = self._scene.control.decisions()
        ours = [each for each in decisions if each.reverts == self._casting.deploy]
        return ours[-1] if ours and ours[-1].pushed_at is not None else None

    def _event(self, name: str, at: datetime | None, detail: str) -> DrillStep:
        after_s = None if at is None else self._casting.after_s(at)
        return DrillStep(name=name, ok=at is not None, after_s=after_s, detail=detail)

    def _until(
        self, condition: Callable[[], bool], *, patience_s: float | None = None
    ) -> datetime | None:
        """When a condition came to hold; None if it did not in time."""
        patience = self._scene.patience_s if patience_s is None else patience_s
        give_up_at = time.monotonic() + patience
        while not condition():
            if time.monotonic() >= give_up_at:
                return None
            time.sleep(_WATCH_S)
        return self._scene.clock.now()
