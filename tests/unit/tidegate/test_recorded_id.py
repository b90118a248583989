"""The id of a decision can be told from its recorded bytes alone, whatever later versions add."""

import json
from typing import Any

from tidegate.domain.decision import Verdict
from tidegate.domain.record import recorded_id, to_json


def test_the_id_of_a_record_is_that_of_its_decision(make_record: Any) -> None:
    record = make_record(Verdict.ROLL_BACK, "harm")
    assert recorded_id(to_json(record)) == record.decision_id


def test_a_field_that_evidence_did_not_have_yet_does_not_change_the_id(make_record: Any) -> None:
    """A record of an earlier version has fewer fields than evidence has now."""
    written = json.loads(to_json(make_record(Verdict.ADVANCE, "step_complete")))
    del written["evidence"]["orders"]
    earlier = recorded_id(json.dumps(written).encode())
    assert earlier != make_record(Verdict.ADVANCE, "step_complete").decision_id
    assert earlier == recorded_id(json.dumps(written, indent=2).encode())
