"""Lists of metrics and segments: what is worth a report."""

import math

import msgspec
import numpy as np
import pytest

from anytime.errors import InvalidMargin
from experiments import counted, measured, plan, seen, stage, timed
from tidegate.domain.experiment_exploration import Finding, Slice, explore
from tidegate.domain.goal import GoalMetric

CONVERSION = GoalMetric(name="conversion")
LATENCY = GoalMetric(name="latency", kind="quantile", quantile=0.5, scale="log_ratio")
REVENUE = GoalMetric(name="revenue", kind="mean")


def _slice(segment: str, won: int, other: int = 1000) -> Slice:
    evidence = seen(
        stage(a=counted(10_000, 1000), b=counted(10_000, won), c=counted(10_000, other))
    )
    return Slice(metric=CONVERSION, segment=segment, evidence=evidence)


def _reported(findings: tuple[Finding, ...]) -> list[tuple[str, str, str]]:
    return [(each.metric, each.segment, each.arm) for each in findings if each.reported]


def test_differences_in_either_direction_are_reported_and_flat_ones_are_not() -> None:
    found = explore(plan("b", "c"), [_slice("new", 1300), _slice("old", 1000, 700)])
    assert _reported(found) == [("conversion", "new", "b"), ("conversion", "old", "c")]
    assert [each.estimate for each in found] == pytest.approx([0.03, 0.0, 0.0, -0.03])


def test_metrics_of_every_kind_stand_in_one_list() -> None:
    rng = np.random.default_rng(1)
    slices = [
        Slice(metric=LATENCY, segment="all", evidence=seen(stage(
            a=timed(rng.lognormal(size=5000)), b=timed(2.0 * rng.lognormal(size=5000))))),
        Slice(metric=REVENUE, segment="all", evidence=seen(stage(
            a=measured(rng.exponential(size=5000)), b=measured(rng.exponential(size=5000))))),
        Slice(metric=CONVERSION, segment="all", evidence=seen()),
    ]  # fmt: skip
    found = explore(plan(), slices)
    assert _reported(found) == [("latency", "all", "b")]
    assert found[2].estimate is None
    assert (found[2].log_e, found[2].reported) == (0.0, False)


def test_one_finding_among_many_needs_more_than_one_among_few() -> None:
    striking = _slice("one", 1180)
    few = explore(plan("b", "c"), [striking])
    many = explore(plan("b", "c"), [striking, *(_slice(str(each), 1000) for each in range(60))])
    assert few[0].reported
    assert not many[0].reported
    assert few[0].log_e == many[0].log_e


def test_limits_are_given_for_what_is_reported_and_leave_out_nothing() -> None:
    new, other = explore(plan("b", "c"), [_slice("new", 1300)])
    assert (other.lower, other.upper) == (None, None)
    assert new.lower is not None
    assert new.upper is not None
    assert 0.0 < new.lower < 0.03 < new.upper


def test_evidence_of_a_difference_is_the_two_sided_mixture() -> None:
    """Written out by hand, with the mixture that is best for 5 % on either side."""
    flat, high = np.tile([0.0, 2.0], 5000), np.tile([0.0, 2.2], 5000)
    evidence = seen(stage(a=measured(flat), b=measured(high)))
    slices = [Slice(metric=REVENUE, segment="all", evidence=evidence)]
    found = explore(plan(horizon_units=20_000), slices)[0]
    spent = -2.0 * math.log(0.1)
    scaled = spent + math.log1p(spent)  # of as many units as are planned
    errors = 0.1 / math.sqrt((np.var(flat, ddof=1) + np.var(high, ddof=1)) / 10_000)
    expected = 0.5 * errors**2 * scaled / (scaled + 1.0) - 0.5 * math.log1p(scaled)
    assert found.log_e == pytest.approx(expected)


def test_findings_survive_json() -> None:
    found = explore(plan("b", "c"), [_slice("new", 1300)])
    assert msgspec.json.decode(msgspec.json.encode(found), type=tuple[Finding, ...]) == found


def test_empty_list_has_no_findings_and_a_share_that_cannot_be_is_refused() -> None:
    assert explore(plan(), []) == ()
    with pytest.raises(InvalidMargin):
        explore(plan(), [], false_share=0.0)
