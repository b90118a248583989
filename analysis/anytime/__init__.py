"""Sequential statistics that hold at any look: sufficient statistics in, log e-values out.

This library knows no database, no clock and no network. It sees the counts of each stage of a
rollout and returns natural logarithms of e-values; an e-value of 1/alpha or more rejects its null
hypothesis at level alpha, whenever and however often one looks.

One module to a question; import the module where its names are short (`ramp.next_share`):

- `safe_logrank`, `ongoing`: more incidents than the concurrent baseline, for units that are one
  task each, and for units that stay at risk
- `bernoulli`: a rate above or below a ceiling
- `two_proportions`: fewer successes, or not many fewer
- `mean_difference`, `ratio_metric`, `quantile_sequence`: means with CUPED (`adjustment`), ratios,
  quantiles
- `mean_tests`, `quantile_tests`: is the effect on them above a given number
- `prediction_powered`: a mean from many judge scores and few labels
- `sample_ratio`: a split that was not designed
- `multiplicity`: many guardrails, arms, or list entries
- `e_detector`: a change with no concurrent control
- `ramp`: the next share within a budget of harm
- `fixed_horizon`: power, sample size and planned looks; none of it may drive a decision unplanned
"""

from anytime.bernoulli import log_e_above, log_e_below
from anytime.errors import AnytimeError, InvalidCount, InvalidMargin, InvalidShare
from anytime.sample_ratio import SplitStratum, log_e_mismatch
from anytime.strata import IncidentStratum, OutcomeStratum

__all__ = [
    "AnytimeError",
    "IncidentStratum",
    "InvalidCount",
    "InvalidMargin",
    "InvalidShare",
    "OutcomeStratum",
    "SplitStratum",
    "log_e_above",
    "log_e_below",
    "log_e_mismatch",
]
