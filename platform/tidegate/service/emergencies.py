"""Overrides: rollbacks that are in force before git knows of them."""

import threading

from tidegate.domain.decision import Verdict
from tidegate.domain.emergency import stops
from tidegate.domain.errors import InvalidManifest
from tidegate.domain.journal import Override
from tidegate.domain.record import DecisionRecord
from tidegate.domain.release import Release
from tidegate.service.deciding import Decider
from tidegate.service.ports import ControlDatabase, ManifestRepository
from tidegate.service.served_manifest import ServedManifest, Snapshot

_HALTS = (Verdict.ROLL_BACK.value, Verdict.FREEZE.value)


class Emergencies:
    """Stops harm at once, and knows what of it git has yet to learn.

    Args:
        repository: where the commit is kept that was served when harm was found.
        manifest: what is served.
        control: the journal.
        decider: takes a decision again.
    """

    def __init__(
        self,
        repository: ManifestRepository,
        manifest: ServedManifest,
        control: ControlDatabase,
        decider: Decider,
    ) -> None:
        self._repository = repository
        self._manifest = manifest
        self._control = control
        self._decider = decider
        self._open: dict[str, Override] = {}
        self._reading = threading.Lock()  # or else an older reading could replace a newer one

    def read_journal(self) -> None:
        """Learn which overrides are open, also of other processes: once a turn is often enough."""
        with self._reading:
            self._open = self._control.open_overrides()

    def declare(self, release: Release, record: DecisionRecord) -> None:
        """Stop the harm before anything that can fail: git comes second."""
        override = Override(
            rollout=release.rollout,
            reason=record.decision.reason,
            seq=record.evidence.seq,
            at=record.clock.now,
        )
        is_new = override.rollout not in self._control.open_overrides()
        self._control.add_override(override)
        self.read_journal()
        self._manifest.halt(release.agent, record.decision.reason)
        if is_new:
            self._repository.remember(_kept(override), release.commit)

    def of(self, release: Release) -> Override | None:
        """The override that stops a release, if one does."""
        return next((each for each in self._open.values() if stops(each, release)), None)

    def owed(self, release: Release, override: Override) -> DecisionRecord | None:
        """The rollback that is in force, as long as git does not have it.

        It is decided on the same events and at the same instant as then: what came later must not
        talk it out of being recorded. What others have written meanwhile may: then it is decided on
        the release as it was.
        """
        if self._is_recorded(override):
            return None  # git has it, but head cannot be read yet: the override goes on
        for each in (release, self._stopped(release.agent, override)):
            if each is not None and each.rollout == override.rollout:
                record = self._decider.due(each, override.seq, override.at)
                if record is not None and halts(record):
                    return record
        self._manifest.alarm(
            release.agent,
            f"stopped by an override ({override.reason}) that cannot be written down any more; "
            "revert the deploy, or begin it again with force: true",
        )
        return None

    def settle(self, snapshot: Snapshot) -> None:
        """Close what git has caught up with: it is recorded, or another attempt is served."""
        self.read_journal()
        over = [each.rollout for each in self._open.values() if self._is_over(each, snapshot)]
        for rollout in over:
            self._control.settle_override(rollout)
        if over:
            self.read_journal()
            self._manifest.reload()  # which knew them as open

    def _is_over(self, override: Override, snapshot: Snapshot) -> bool:
        stopped = [each for each in snapshot.releases.values() if stops(override, each)]
        if stopped:
            is_head = stopped[0].commit == snapshot.served and "" not in snapshot.problems
            return is_head and self._is_recorded(override)
        agent = override.rollout.rpartition("@")[0]
        return agent in snapshot.releases or agent not in snapshot.problems

    def _is_recorded(self, override: Override) -> bool:
        """Whether git has the decision."""
        return any(each.verdict in _HALTS for each in self._control.decisions(override.rollout))

    def _stopped(self, agent: str, override: Override) -> Release | None:
        """The release as it was when harm was found; None if it cannot be known any more."""
        commit = self._repository.recall(_kept(override))
        if commit is None:
            return None
        try:
            return self._manifest.reader.release(agent, commit)
        except InvalidManifest:
            return None


def halts(record: DecisionRecord) -> bool:
    """Whether a decision stops a version."""
    return record.decision.verdict.value in _HALTS


def _kept(override: Override) -> str:
    return f"stopped/{override.rollout}"
