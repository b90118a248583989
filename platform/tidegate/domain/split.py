"""Is the comparison fair: are units, and their outcomes, split between the arms as designed?"""

import numpy as np

from anytime import IncidentStratum, SplitStratum, log_e_mismatch, safe_logrank
from anytime.mixture import log_mixture
from tidegate.domain.assessment import comparable
from tidegate.domain.evidence import Evidence


def log_e_srm(evidence: Evidence) -> float:
    """Log e-value against "units were split as the manifest says"."""
    return log_e_mismatch(
        SplitStratum(
            counts=(stage.baseline.newcomers, stage.candidate.newcomers),
            shares=(1.0 - stage.share, stage.share),
        )
        for stage in comparable(evidence.stages)
    )


def log_e_outcomes_missing(evidence: Evidence) -> float:
    """Log e-value against "whether a unit reports an outcome does not depend on its arm".

    Only units whose window has closed are asked: a candidate that is slow, but reports in time, is
    no alarm. Under the null the units that reported are split as designed, and so are those that
    did not. The first is seen when outcomes are lost by the dozen, the second when they are hardly
    ever lost on the other arm: a few of a share of 1 % are enough. The average of e-values for
    one null is an e-value for it.

    Guarantee:
        Under the null, P(ever >= log(1/alpha)) <= alpha at any looks, exactly by randomisation.
    """
    stages = comparable(evidence.stages)
    reported = log_e_mismatch(
        SplitStratum(
            counts=(stage.baseline.reported, stage.candidate.reported),
            shares=(1.0 - stage.share, stage.share),
        )
        for stage in stages
    )
    lost = [
        IncidentStratum(
            candidate=max(0, stage.candidate.closed - stage.candidate.reported),
            baseline=max(0, stage.baseline.closed - stage.baseline.reported),
            share=stage.share,
        )
        for stage in stages
    ]
    exchanged = [IncidentStratum(b, c, 1.0 - share) for c, b, share in lost]
    on_candidate = safe_logrank.log_e_harm(lost)
    on_baseline = safe_logrank.log_e_harm(exchanged)
    return log_mixture(np.array([reported, on_candidate, on_baseline]))
