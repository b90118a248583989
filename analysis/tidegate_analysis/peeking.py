"""What happens to those who look at a running experiment at every snapshot?

Three rules read the same cumulative snapshots of a comparison (one variant against the control, on
one metric):

- `naive`: the fixed-horizon z-test, read as if each snapshot were the only one; at a level of 5 %
  it sees a difference where |z| is above 1.96;
- `anytime`: method S3, the confidence sequence of `anytime.mean_difference`; it sees a difference
  where the interval excludes 0;
- `intersected`: the same sequence with a memory, the intersection of its intervals so far.

A rule that saw a difference, and at the end does not, came back. `naive` does so by chance alone.
`anytime` may as well: that it ever excludes 0 without a difference is what has a probability of at
most alpha, but the interval moves on with the data, and an effect may fade. `intersected` cannot
come back, for it never widens; where the effect changes its intervals contradict each other, and
the intersection is empty.

Snapshots of real experiments are not quite what S3 is for. Its guarantee is for units whose outcome
is final; in a snapshot a unit that came early is still at it, and its outcome grows. Nor is the
truth known: the table tells what each rule would have said, not which of them was right.
"""

import math
from typing import Any

import numpy as np
import pandas as pd
from scipy.stats import norm

from anytime.mean_difference import ArmMoments, MeanStratum, mean_difference
from anytime.moments import Moments

COMPARISON = ["experiment_id", "variant_id", "metric_id"]
"""The columns that name a comparison."""

TIME = "time_since_start"
"""The column that orders the snapshots of a comparison, in any unit of time."""

ARM_COLUMNS = ["count_c", "count_t", "mean_c", "mean_t", "variance_c", "variance_t"]
"""Units, mean and population variance (the sum of squares over the count) of control and variant.

Of a metric that is 0 or 1 the variance is mean (1 - mean)."""

RULES = ("naive", "anytime", "intersected")
"""The rules that are compared, as the columns of the tables name them."""

_ANY_SHARE = 0.5  # S3 takes the units that each arm has got: the designed share moves no limit
_LEAST_UNITS = 2  # of an arm, to have a variance


class InvalidSnapshots(ValueError):
    """A table of snapshots lacks a column, or says what cannot be."""


def peeking_readings(
    snapshots: pd.DataFrame, *, planned: float, alpha: float = 0.05
) -> pd.DataFrame:
    """What each rule says at each snapshot that can be read.

    A snapshot can be read if no number is missing, both arms have two units, and outcomes vary; the
    others are left out, for no rule has anything to say there.

    Args:
        snapshots: one row per snapshot with the columns `COMPARISON`, `TIME` and `ARM_COLUMNS`, in
            any order; totals since the start. Further columns are ignored.
        planned: N*, the units (both arms) at which the sequence is to be narrowest, above 0. It
            must not be chosen by the outcomes.
        alpha: the two-sided level of the naive test and of the sequences, in (0, 1).

    Returns:
        One row per readable snapshot, in the order of comparison and time: the columns of
        `COMPARISON` and `TIME`; `units` of both arms; `estimate`, variant minus control; `z`; the
        limits `naive_lower`, `naive_upper`, `anytime_lower`, `anytime_upper`, `intersected_lower`
        and `intersected_upper`; and for each rule, under its name, whether it sees a difference.
        While S3 has not enough data its limits are infinite.

    Raises:
        InvalidSnapshots: a column or a name is missing, a snapshot stands there twice, a count or
            variance is negative, or a count is no whole number.
        anytime.InvalidLevel, anytime.InvalidValue: alpha or planned is out of range.

    Guarantee:
        `anytime` and `intersected` as `anytime.mean_difference`, asymptotically, for outcomes that
        are final when counted; `intersected` needs an effect that does not change. `naive` has
        none: that is what it is here for.
    """
    mean_difference([], planned=planned, alpha=alpha)  # refuses what is no question
    ordered = _checked(snapshots).sort_values([*COMPARISON, TIME])
    error = _standard_error(ordered)
    readable = ordered[ARM_COLUMNS].abs().lt(np.inf).all(axis=1) & (error > 0.0)
    read, error = ordered[readable], error[readable]
    readings = read[[*COMPARISON, TIME]].assign(
        units=(read["count_c"] + read["count_t"]).astype("int64"),
        estimate=read["mean_t"] - read["mean_c"],
    )
    readings["z"] = readings["estimate"] / error
    width = float(norm.isf(0.5 * alpha)) * error
    _set_rule(readings, "naive", readings["estimate"] - width, readings["estimate"] + width)
    lower, upper = _sequence(read, planned=planned, alpha=alpha)
    _set_rule(readings, "anytime", lower, upper)
    past = readings.groupby(COMPARISON)
    _set_rule(
        readings, "intersected", past["anytime_lower"].cummax(), past["anytime_upper"].cummin()
    )
    return readings.reset_index(drop=True)


def peeking_table(snapshots: pd.DataFrame, *, planned: float, alpha: float = 0.05) -> pd.DataFrame:
    """What became of each comparison under each rule; arguments and errors of `peeking_readings`.

    Returns:
        One row per comparison, named by the columns of `COMPARISON`:

        - `snapshots`, and how many of them were `readable`;
        - `units` of both arms, `estimate`, `anytime_lower`, `anytime_upper`, `intersected_lower`
          and `intersected_upper` at the last readable snapshot;
        - for each rule: `_ever`, whether it saw a difference at any snapshot; `_at_end`, at the
          last readable one; `_came_back`, ever but not at the end; `_first`, the time of the first
          snapshot at which it did, if it did;
        - `intersection_empty`: whether the sequence's intervals contradict each other.

        A comparison without a readable snapshot has its row, with all but the counts missing.
    """
    readings = peeking_readings(snapshots, planned=planned, alpha=alpha)
    groups = readings.groupby(COMPARISON)
    limits = [f"{rule}_{end}" for rule in ("anytime", "intersected") for end in ("lower", "upper")]
    last = groups[["units", "estimate", *limits]].last().astype({"units": "Int64"})
    verdicts = pd.concat([_verdicts(readings, rule) for rule in RULES], axis=1)
    is_empty = (last["intersected_lower"] > last["intersected_upper"]).astype("boolean")
    sizes = {"snapshots": snapshots.groupby(COMPARISON).size(), "readable": groups.size()}
    table = pd.DataFrame(sizes).fillna(0).astype("int64")
    known = last.join(verdicts).assign(intersection_empty=is_empty)
    return table.join(known).reset_index()


def peeking_summary(table: pd.DataFrame) -> pd.DataFrame:
    """How many comparisons each rule saw a difference in, and how many times it came back.

    Args:
        table: what `peeking_table` returned, or some of its rows.

    Returns:
        One row per metric and rule, indexed by both: `comparisons` that could be read; in how many
        the rule saw a difference `ever` and `at_end`, and in how many it `came_back`; and in how
        many its intervals left nothing (`empty`), which only a rule with a memory can do.
    """
    rows = [
        {"metric_id": metric, "rule": rule, **_counts(part, rule)}
        for metric, part in table.groupby("metric_id")
        for rule in RULES
    ]
    columns = ["metric_id", "rule", "comparisons", "ever", "at_end", "came_back", "empty"]
    return pd.DataFrame(rows, columns=columns).set_index(["metric_id", "rule"])


def _checked(snapshots: pd.DataFrame) -> pd.DataFrame:
    """The columns that are read, as plain floats where they measure; refused if they cannot be."""
    names = [*COMPARISON, TIME]
    missing = [name for name in [*names, *ARM_COLUMNS] if name not in snapshots]
    if missing:
        raise InvalidSnapshots(f"columns == {missing} are missing")
    checked = snapshots[[*names, *ARM_COLUMNS]].astype(dict.fromkeys(ARM_COLUMNS, "float64"))
    if checked[names].isna().any(axis=None):
        raise InvalidSnapshots(f"a snapshot lacks one of {names}; every row must have them all")
    if checked.duplicated(names).any():
        raise InvalidSnapshots(f"a comparison has two snapshots at one {TIME}; keep one of them")
    for name in ("count_c", "count_t", "variance_c", "variance_t"):
        if (checked[name] < 0.0).any():
            raise InvalidSnapshots(f"{name} == {checked[name].min()}, must be at least 0")
    for name in ("count_c", "count_t"):
        if (checked[name].dropna() % 1.0 != 0.0).any():
            raise InvalidSnapshots(f"{name} must hold whole numbers of units")
    return checked.reset_index(drop=True)


def _standard_error(snapshots: pd.DataFrame) -> "pd.Series[float]":
    """Of variant minus control; missing where an arm has too few units for a variance."""
    squares = [
        snapshots[f"variance_{arm}"] / (units - 1.0).where(units >= _LEAST_UNITS)
        for arm, units in (("c", snapshots["count_c"]), ("t", snapshots["count_t"]))
    ]
    return (squares[0] + squares[1]) ** 0.5


def _set_rule(
    readings: pd.DataFrame, rule: str, lower: "pd.Series[float]", upper: "pd.Series[float]"
) -> None:
    """Write a rule's limits, and whether they exclude 0."""
    readings[f"{rule}_lower"], readings[f"{rule}_upper"] = lower, upper
    readings[rule] = (lower > 0.0) | (upper < 0.0)


def _sequence(
    read: pd.DataFrame, *, planned: float, alpha: float
) -> "tuple[pd.Series[float], pd.Series[float]]":
    """The limits of S3 at each snapshot, from its counts, means and variances alone."""
    found = [
        mean_difference([_stratum(*row)], planned=planned, alpha=alpha)
        for row in read[ARM_COLUMNS].to_numpy(dtype=np.float64).tolist()
    ]
    lower = pd.Series([each.lower for each in found], index=read.index, dtype="float64")
    upper = pd.Series([each.upper for each in found], index=read.index, dtype="float64")
    return lower, upper


def _stratum(*row: float) -> MeanStratum:
    """One snapshot, its figures in the order of `ARM_COLUMNS`: the whole test is one stage."""
    baseline, candidate = (_arm(*arm) for arm in (row[0::2], row[1::2]))
    return MeanStratum(candidate=candidate, baseline=baseline, share=_ANY_SHARE)


def _arm(count: float, mean: float, variance: float) -> ArmMoments:
    """The sufficient statistics of one arm of one snapshot.

    Its events are the units whose outcome is not 0. A snapshot does not tell how many these are,
    but (sum of Y)^2 / (sum of Y^2) is at most that many (Cauchy and Schwarz), and exactly that many
    of a metric that is 0 or 1.
    """
    root = math.hypot(mean, math.sqrt(variance))
    events = round(count * (mean / root) ** 2) if root > 0.0 else 0
    return ArmMoments(Moments(int(count), (mean,), ((count * variance,),)), events)


def _verdicts(readings: pd.DataFrame, rule: str) -> pd.DataFrame:
    """One row per comparison: whether a rule saw a difference, when, and whether it still does."""
    groups = readings.groupby(COMPARISON)[rule]
    ever, at_end = groups.any().astype("boolean"), groups.last().astype("boolean")
    verdicts = {
        f"{rule}_ever": ever,
        f"{rule}_at_end": at_end,
        f"{rule}_came_back": ever & ~at_end,
        f"{rule}_first": readings[readings[rule]].groupby(COMPARISON)[TIME].min(),
    }
    return pd.DataFrame(verdicts, index=ever.index)


def _counts(part: pd.DataFrame, rule: str) -> dict[str, Any]:
    """One row of the summary, but for its names."""
    sums = {name: int(part[f"{rule}_{name}"].sum()) for name in ("ever", "at_end", "came_back")}
    empty = int(part["intersection_empty"].sum()) if rule == "intersected" else 0
    return {"comparisons": int((part["readable"] > 0).sum()), **sums, "empty": empty}
