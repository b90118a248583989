"""Sequential statistics that hold at any look: sufficient statistics in, log e-values out.

This library knows no database, no clock and no network. It sees the counts of each stage of a
rollout and returns natural logarithms of e-values; an e-value of 1/alpha or more rejects its null
hypothesis at level alpha, whenever and however often one looks.
"""

from anytime.bernoulli import log_e_below
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
    "log_e_below",
    "log_e_mismatch",
]
