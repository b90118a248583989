"""The record of a decision: it survives JSON to the last bit, and can be taken again."""

import hashlib
from collections.abc import Callable
from typing import Any

import pytest

from tidegate.domain.decision import decide
from tidegate.domain.evidence import Clock
from tidegate.domain.policy import Policy
from tidegate.domain.record import DecisionRecord, digest_of, from_json, to_json

Make = Callable[..., Any]


@pytest.fixture
def record(
    policy: Policy, make_evidence: Make, make_stage: Make, after: Callable[[float], Clock]
) -> DecisionRecord:
    evidence = make_evidence(
        make_stage(candidate_incidents={"error": 9}, baseline_incidents={"error": 10}),
        make_stage(step=1, units=1234),
        step=1,
    )
    clock = after(12.345678)
    return DecisionRecord(
        environment="production",
        agent="support",
        attempt="d" * 40,
        baseline="v1",
        candidate="v2",
        policy=policy,
        evidence=evidence,
        clock=clock,
        decision=decide(policy, evidence, clock),
    )


def test_record_read_back_is_equal_to_the_last_bit_of_every_number(record: DecisionRecord) -> None:
    again = from_json(to_json(record))
    assert again == record
    assert to_json(again) == to_json(record)


def test_record_read_back_leads_to_the_same_decision_again(record: DecisionRecord) -> None:
    assert from_json(to_json(record)).recompute() == record.decision


def test_record_as_json_is_text_that_people_and_git_can_compare(record: DecisionRecord) -> None:
    content = to_json(record)
    assert content.startswith(b'{\n  "environment": "production",\n')
    assert content.endswith(b"}\n")


def test_digest_of_a_record_is_the_sha256_of_its_bytes(record: DecisionRecord) -> None:
    content = to_json(record)
    assert digest_of(content) == f"sha256:{hashlib.sha256(content).hexdigest()}"
