"""The record of a decision: what was known, what was decided, and the digest that seals it."""

import hashlib
from typing import TypeAlias

import msgspec

from tidegate.domain.blue_green import BlueGreen
from tidegate.domain.decision import Decision, decide
from tidegate.domain.evidence import Clock, Evidence
from tidegate.domain.experiment_decision import ExperimentDecision, decide_experiment
from tidegate.domain.experiment_evidence import ExperimentEvidence
from tidegate.domain.experiment_policy import ExperimentPolicy
from tidegate.domain.policy import Policy
from tidegate.domain.release import rollout_id
from tidegate.domain.switch import SwitchEvidence, decide_switch
from tidegate.domain.watch import WatchEvidence, decide_watch

AnyEvidence: TypeAlias = Evidence | WatchEvidence | SwitchEvidence | ExperimentEvidence
AnyDecision: TypeAlias = Decision | ExperimentDecision


class DecisionRecord(msgspec.Struct, frozen=True, kw_only=True):
    """Everything needed to take a decision again; it is committed beside what it changed."""

    environment: str
    agent: str
    attempt: str
    baseline: str
    candidate: str
    policy: Policy | ExperimentPolicy
    evidence: AnyEvidence
    clock: Clock
    decision: AnyDecision

    @property
    def rollout(self) -> str:
        """The id of the rollout."""
        return rollout_id(self.agent, self.attempt)

    @property
    def decision_id(self) -> str:
        """Hash of rollout, step, rule and evidence: the same decision never has two ids."""
        parts = (self.environment, self.agent, self.attempt, self.evidence.step, self.decision.rule)
        return _id(parts, msgspec.json.encode(self.evidence))

    def recompute(self) -> AnyDecision:
        """The decision that the recorded policy, evidence and clock lead to, taken anew."""
        match self.policy, self.evidence:
            case Policy() as policy, Evidence() as evidence:
                return decide(policy, evidence, self.clock)
            case Policy() as policy, WatchEvidence() as evidence:
                return decide_watch(policy, evidence, self.clock)
            case Policy(switch=BlueGreen() as plan), SwitchEvidence() as evidence:
                return decide_switch(plan, evidence, self.clock)
            case ExperimentPolicy() as policy, ExperimentEvidence() as evidence:
                return decide_experiment(policy, evidence, self.clock)
            case _:
                raise TypeError(f"a record's evidence does not go with its policy: {self.evidence}")


def to_json(record: DecisionRecord) -> bytes:
    """The record as indented JSON, as it is committed."""
    return msgspec.json.format(msgspec.json.encode(record), indent=2) + b"\n"


def from_json(content: bytes) -> DecisionRecord:
    """The record that `to_json` wrote."""
    return msgspec.json.decode(content, type=DecisionRecord)


def recorded_id(content: bytes) -> str:
    """The id of the decision in a record, from its bytes.

    Unlike `DecisionRecord.decision_id` it stays the same when evidence gets more fields.
    """
    said = msgspec.json.decode(content)
    evidence = said["evidence"]
    parts = (said["environment"], said["agent"], said["attempt"], evidence["step"])
    return _id((*parts, said["decision"]["rule"]), msgspec.json.encode(evidence))


def digest_of(content: bytes) -> str:
    """The digest that a decision commit's `Tidegate-Evidence` trailer carries."""
    return f"sha256:{hashlib.sha256(content).hexdigest()}"


def _id(parts: tuple[object, ...], evidence: bytes) -> str:
    digest = hashlib.sha256("/".join(map(str, parts)).encode())
    digest.update(evidence)
    return digest.hexdigest()[:16]
