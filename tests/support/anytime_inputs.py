"""Input for every public function of `anytime`: extreme but legal, and now and then illegal.

`INPUTS` has one entry for each function, method and class that computes, by its dotted name: a
strategy of (positional arguments, keyword arguments). Methods get their object as first argument.
"""

import math
from collections.abc import Callable
from typing import Any, TypeAlias

import numpy as np
from hypothesis import reject
from hypothesis import strategies as st

from anytime import AnytimeError, IncidentStratum, OutcomeStratum, SplitStratum
from anytime.e_detector import Outcomes, known
from anytime.mean_difference import ArmMoments, Effect, MeanStratum
from anytime.mean_tests import MeanTest
from anytime.moments import Moments
from anytime.ongoing import OngoingStratum, UnitEvent, harm_stratum, non_inferior_stratum
from anytime.paths import IncidentPath, OutcomePath
from anytime.prediction_powered import LabelledScores, PowerTuned
from anytime.quantile_sequence import ValueCounts
from anytime.quantile_tests import QuantileStratum, QuantileTest, quantile_test
from anytime.ratio_metric import Scale

Anything: TypeAlias = st.SearchStrategy[Any]
Call: TypeAlias = st.SearchStrategy[tuple[tuple[Any, ...], dict[str, Any]]]

TINY, HUGE = 5e-324, 1.7e308


def _rarely(illegal: list[Any], legal: Anything) -> Anything:
    """One in sixteen is illegal, so that most calls with several arguments are legal."""
    return st.integers(0, 15).flatmap(lambda n: st.sampled_from(illegal) if n == 15 else legal)


def _call(*arguments: Anything, **named: Anything) -> Call:
    return st.tuples(st.tuples(*arguments), st.fixed_dictionaries(named))


def _made(build: Callable[..., Any], *arguments: Anything) -> Anything:
    """What `build` makes of legal and illegal arguments, where it makes anything."""

    def attempt(drawn: tuple[Any, ...]) -> Any:
        try:
            return build(*drawn)
        except AnytimeError:
            return reject()

    return st.tuples(*arguments).map(attempt)


def _few(of: Anything, *, least: int = 0, most: int = 4) -> Anything:
    return st.lists(of, min_size=least, max_size=most)


NO_COUNT = [-1, -(10**15), math.nan, math.inf, -math.inf]
MANY = [0, 1, 2, 24, 25, 26, 100, 500, 10**6, 10**9, 2**53 + 1, 10**15, 10**18, 10**30]
LEGAL_COUNT = st.sampled_from(MANY) | st.integers(0, 3000)
COUNT = _rarely(NO_COUNT, LEGAL_COUNT)

NO_LEVEL = [0.0, 1.0, -0.1, 1.1, math.nan, math.inf]
EDGES = [TINY, 1e-300, 1e-12, 1e-6, 0.01, 0.05, 0.5, 0.99, 1.0 - 1e-12, math.nextafter(1.0, 0.0)]
LEVEL = _rarely(
    NO_LEVEL,
    st.sampled_from(EDGES) | st.floats(0.0, 1.0, exclude_min=True, exclude_max=True),
)

NOT_POSITIVE = [0.0, -0.0, -1.0, math.nan, math.inf, -math.inf]
POSITIVE = _rarely(
    NOT_POSITIVE,
    st.sampled_from([TINY, 1e-300, 1e-9, 0.3, 1.0, math.nextafter(1.0, 2.0), 2.0, 1e9, 1e300, HUGE])
    | st.floats(0.01, 1e6),
)
NOT_FINITE = [math.nan, math.inf, -math.inf]
FINITE = st.sampled_from([0.0, 1.0, -1.0, TINY, -1e-300, 1e-12, 1e9, -1e150, 1e155, 1e300, -HUGE])
REAL = _rarely(NOT_FINITE, FINITE | st.floats(-100.0, 100.0))
LOG_E = _rarely(
    [math.nan], st.sampled_from([-math.inf, math.inf, -1e300, 1e300, 0.0]) | st.floats(-1e3, 1e3)
)
NOT_VECTORS = [[], [[]], [[1.0], [2.0]], [[[1.0]]], 3.0, [1.0, math.nan]]
VECTOR = _rarely(NOT_VECTORS, _few(FINITE | st.floats(-10.0, 10.0), most=6))
AT_LEAST_0 = st.sampled_from([0.0, TINY, 1e-300, 1e12, 1e300, HUGE]) | st.floats(0.0, 1e6)


@st.composite
def _incidents_of_units(draw: st.DrawFn) -> dict[str, Any]:
    """Mostly no more incidents than units; all, none and some of them."""
    units = draw(LEGAL_COUNT)
    some = draw(st.sampled_from([0, 1, units // 100, units // 2, max(units - 1, 0), units]))
    illegal = draw(st.integers(0, 7)) == 0
    return {
        "incidents": draw(COUNT) if illegal else some,
        "units": draw(COUNT) if illegal else units,
    }


def _of_units(**named: Anything) -> Call:
    with_counts = st.tuples(_incidents_of_units(), st.fixed_dictionaries(named))
    return with_counts.map(lambda parts: ((), parts[0] | parts[1]))


# Strata of counts.
INCIDENTS = st.builds(IncidentStratum, COUNT, COUNT, LEVEL)
OUTCOMES = st.builds(OutcomeStratum, COUNT, COUNT, COUNT, COUNT, LEVEL)
SHARES = st.sampled_from(
    [(0.5, 0.5), (1e-12, 1.0 - 1e-12), (TINY, 1.0), (0.2, 0.3, 0.5), (0.5, 0.4), (1.0,), ()]
) | LEVEL.map(lambda share: (share, 1.0 - share))
SPLITS = st.builds(SplitStratum, _few(COUNT, least=2, most=3), SHARES) | SHARES.flatmap(
    lambda shares: st.builds(
        SplitStratum, _few(COUNT, least=len(shares), most=len(shares)), st.just(shares)
    )
)
MIXTURE = st.dictionaries(POSITIVE.map(lambda above: 1.0 + above), POSITIVE, max_size=3)

# The same at many looks: arrays of counts, of one length or of two.
PATH = LEGAL_COUNT | _few(
    _rarely([-1], st.integers(0, 10**15)), least=2, most=3
).map(np.asarray)  # fmt: skip
INCIDENT_PATHS = _few(st.builds(IncidentPath, PATH, PATH, LEVEL), most=3)
OUTCOME_PATHS = _few(st.builds(OutcomePath, PATH, PATH, PATH, PATH, LEVEL), most=3)

# Events, one after the other.
ONE_BY_ONE = _rarely([-1, math.nan, math.inf], st.integers(0, 40) | st.just(10**15))
DETECTOR = st.builds(
    lambda detector, peak, stakes: detector._replace(log_peak=peak, log_stakes=stakes)
    if stakes is not None
    else detector,
    _made(lambda rate, rule: known(rate, rule=rule), LEVEL,
          st.sampled_from(["shiryaev-roberts", "cusum"])),
    LOG_E,
    st.none() | _few(LOG_E, least=1, most=8),
)  # fmt: skip
RULE = _rarely(["shiryaev", ""], st.sampled_from(["shiryaev-roberts", "cusum"]))
STAGE = st.builds(
    lambda stage, candidate, baseline, log_ratio: stage._replace(
        candidate=candidate,
        baseline=baseline,
        log_ratios=(log_ratio,) * len(stage.log_ratios),
    ),
    _made(lambda h: harm_stratum(null_ratio=h), POSITIVE)
    | _made(lambda margin: non_inferior_stratum(margin=margin), POSITIVE)
    | st.just(OngoingStratum(1.0, (2.0,), (1.0, 1.0), (0.0,))),
    COUNT,
    COUNT,
    LOG_E,
)
EVENT = st.builds(
    UnitEvent, st.sampled_from(["exposed", "incident", "left", "lost"]), st.booleans()
)

# Moments: consistent ones from a count, means, deviations and a correlation.


def _moments(columns: int) -> Anything:
    spread = st.sampled_from([0.0, 1.0]) | AT_LEAST_0
    means, spreads = (_few(each, least=columns, most=columns) for each in (REAL, spread))
    correlation = st.sampled_from([-1.0, 0.0, 0.5, 1.0])
    return _made(_consistent, LEGAL_COUNT, means, spreads, correlation)


def _consistent(
    count: int, means: list[float], spreads: list[float], correlation: float
) -> Moments:
    if count == 0:
        return Moments.empty(len(means))
    deviations = np.sqrt(spreads) if count > 1 else np.zeros(len(spreads))
    related = np.full((len(means), len(means)), correlation) + (1.0 - correlation) * np.eye(
        len(means)
    )
    comoment = np.outer(deviations, deviations) * related
    return Moments(count, tuple(means), tuple(map(tuple, comoment.tolist())))


MOMENTS = st.integers(1, 3).flatmap(_moments)


def _arm(columns: int) -> Anything:
    return _made(
        lambda moments, part: ArmMoments(moments, min(moments.count, part)),
        _moments(columns),
        LEGAL_COUNT,
    )


def _mean_strata(columns: int) -> Anything:
    return _few(st.builds(MeanStratum, _arm(columns), _arm(columns), LEVEL), most=3)


MEAN_STRATA = st.integers(1, 3).flatmap(_mean_strata) | _few(
    st.builds(MeanStratum, _arm(1), _arm(2), LEVEL), most=2
)
RATIO_STRATA = st.integers(2, 3).flatmap(_mean_strata) | MEAN_STRATA
COUNTED = MEAN_STRATA.map(lambda strata: [each for each in strata if _has_two(each)])
EFFECT = st.builds(Effect, REAL, _rarely([-1.0, math.nan, math.inf], AT_LEAST_0), COUNT)
TEST = _made(MeanTest, EFFECT, POSITIVE)
LABELS = _made(
    lambda moments, labels: LabelledScores(moments, min(moments.count, labels)),
    _moments(2),
    LEGAL_COUNT,
)
TUNED = _made(PowerTuned, LABELS, _moments(1))
BINS = _few(st.tuples(st.integers(0, 4167), st.integers(1, 10**15)), most=5).map(
    lambda pairs: tuple(sorted(dict(pairs).items()))
)
VALUES = _made(ValueCounts, BINS)
QUANTILE_STRATA = _few(st.builds(QuantileStratum, VALUES, VALUES, LEVEL), most=3)
QUANTILE_TEST = _made(
    lambda strata, at, planned, alpha, scale: quantile_test(
        strata, at=at, planned=planned, alpha=alpha, scale=scale
    ),
    QUANTILE_STRATA,
    LEVEL,
    POSITIVE,
    LEVEL,
    st.sampled_from(Scale),
)
NO_BINS = [((-1, 1),), ((4168, 1),), ((3, 1), (3, 1)), ((1, 0),), ((1, math.nan),), ((1, 1.5),)]


def _parts(test: QuantileTest) -> tuple[Any, ...]:
    return test.estimate, test.units, test.scale, test.curves, test.opposite


def _has_two(stratum: MeanStratum) -> bool:
    return min(stratum.candidate.moments.count, stratum.baseline.moments.count) >= 2


@st.composite
def _batch(draw: st.DrawFn) -> tuple[tuple[Any, ...], dict[str, Any]]:
    """Scores, labels, marks and probabilities; mostly of one length."""
    units = draw(st.integers(0, 5))
    columns = [
        draw(_rarely(NOT_VECTORS, _few(each, least=units, most=units)))
        for each in (REAL, REAL, st.sampled_from([0, 1, True, False]))
    ]
    chance = draw(LEVEL | _few(LEVEL, least=units, most=units))
    return tuple(columns), {"probability": chance}


def _matrix(columns: int) -> Anything:
    """Two rows, mostly of as many numbers as there are columns."""
    row = _few(REAL, least=columns, most=columns)
    return _rarely([[1.0], [[]], [[1.0] * 5]], _few(row, least=2, most=2))


SQUARE = _rarely(
    [((1.0, 2.0),), ((-1.0,),), ((math.nan,),), ()],
    st.sampled_from([((0.0,),), ((1e300,),), ((2.0, 1.0), (1.0, 2.0)), ((1.0, 5.0), (5.0, 1.0))]),
)
PLANNED = {"planned": POSITIVE, "alpha": LEVEL}
POWER = {"power": LEVEL, "share": LEVEL, "alpha": LEVEL}
SIZE = {"units": POSITIVE, "share": LEVEL, "alpha": LEVEL}
RAMP = {"candidate_units": COUNT, "baseline_units": COUNT, "alpha": LEVEL}

INPUTS: dict[str, Call] = {
    "adjustment.adjusted_outcome": _call(
        st.integers(1, 3).flatmap(lambda d: _few(st.tuples(COUNT, _moments(d))))
        | _few(st.tuples(COUNT, MOMENTS))
    ),
    "bernoulli.alternatives_above": _call(LEVEL),
    "bernoulli.log_e_above": _of_units(ceiling=LEVEL),
    "bernoulli.log_e_below": _of_units(ceiling=LEVEL),
    "bernoulli.lower_rate": _of_units(alpha=LEVEL),
    "bernoulli.upper_rate": _of_units(alpha=LEVEL),
    "e_detector.alarmed": _call(DETECTOR, run_length=POSITIVE),
    "e_detector.check_detector": _call(DETECTOR),
    "e_detector.follow": _call(DETECTOR, _few(st.builds(Outcomes, COUNT, ONE_BY_ONE))),
    "e_detector.known": _call(LEVEL, rule=RULE),
    "e_detector.learnt": _of_units(miss=LEVEL, rule=RULE),
    "fixed_horizon.means_power": _call(REAL, POSITIVE, **SIZE),
    "fixed_horizon.means_units": _call(REAL, POSITIVE, **POWER),
    "fixed_horizon.obrien_fleming_boundaries": _call(
        _few(LEVEL).map(sorted) | st.just([1.0]) | _few(REAL), alpha=LEVEL
    ),
    "fixed_horizon.proportions_power": _call(LEVEL, LEVEL, **SIZE),
    "fixed_horizon.proportions_units": _call(LEVEL, LEVEL, **POWER),
    "mean_difference.ArmMoments": _call(MOMENTS, COUNT),
    "mean_difference.ArmMoments.__add__": _call(_arm(2), _arm(2) | _arm(1)),
    "mean_difference.check_effect": _call(EFFECT),
    "mean_difference.check_level": _call(st.just("alpha"), LEVEL),
    "mean_difference.counted_strata": _call(MEAN_STRATA),
    "mean_difference.half_width": _call(REAL.map(abs), POSITIVE, **PLANNED),
    "mean_difference.interval": _call(REAL, _rarely([-1.0, math.nan], AT_LEAST_0), COUNT),
    "mean_difference.is_enough": _call(MEAN_STRATA),
    "mean_difference.mean_difference": _call(MEAN_STRATA, **PLANNED),
    "mean_difference.mean_effect": _call(MEAN_STRATA),
    "mean_difference.not_enough": _call(COUNT),
    "mean_difference.sequence_of": _call(EFFECT, **PLANNED),
    "mean_difference.units_of": _call(st.builds(MeanStratum, _arm(1), _arm(1), LEVEL)),
    "mean_difference.winsorised": _call(VECTOR, POSITIVE),
    "mean_tests.MeanTest": _call(EFFECT, POSITIVE),
    "mean_tests.MeanTest.estimate": _call(TEST),
    "mean_tests.MeanTest.log_e_greater": _call(TEST, REAL),
    "mean_tests.MeanTest.lower_limit": _call(TEST, LEVEL),
    "mean_tests.MeanTest.mirrored": _call(TEST),
    "mean_tests.MeanTest.units": _call(TEST),
    "mean_tests.one_sided_tuning": _call(POSITIVE, LEVEL),
    "mixture.log_mixture": st.integers(1, 4).flatmap(
        lambda n: _call(
            _few(LOG_E, least=n, most=n).map(np.asarray),
            st.none() | _few(POSITIVE, least=n, most=n) | _few(POSITIVE),
        )
    ),
    "moments.Moments": _call(COUNT, _few(REAL, most=2).map(tuple), SQUARE),
    "moments.Moments.__add__": _call(MOMENTS, MOMENTS),
    "moments.Moments.columns": _call(MOMENTS),
    "moments.Moments.empty": _call(st.integers(-1, 4)),
    "moments.Moments.from_floats": _call(MOMENTS.map(Moments.to_floats) | _few(REAL, most=8)),
    "moments.Moments.mapped": st.integers(1, 3).flatmap(
        lambda d: _call(
            _moments(d), _matrix(d), _rarely([[1.0], [math.nan]], _few(REAL, least=2, most=2))
        )
    ),
    "moments.Moments.of": _call(VECTOR),
    "moments.Moments.to_floats": _call(MOMENTS),
    "moments.Moments.variance": _call(MOMENTS, st.integers(-1, 3)),
    "moments.as_table": _call(VECTOR),
    "multiplicity.check_alpha": _call(LEVEL),
    "multiplicity.closed_levels": _call(LEVEL, _few(LOG_E)),
    "multiplicity.closed_log_es": _call(_few(LOG_E)),
    "multiplicity.e_bh": _call(LEVEL, _few(LOG_E)),
    "multiplicity.log_mean": _call(_few(LOG_E)),
    "multiplicity.weighted_thresholds": _call(LEVEL, _few(POSITIVE)),
    "ongoing.carried": _call(_few(STAGE)),
    "ongoing.check_stage": _call(STAGE),
    "ongoing.exposed": _call(STAGE, candidate=COUNT, baseline=COUNT),
    "ongoing.follow": _call(STAGE, _few(EVENT)),
    "ongoing.harm_stratum": _call(null_ratio=POSITIVE, mixture=MIXTURE),
    "ongoing.incident": _call(STAGE, on_candidate=st.booleans()),
    "ongoing.left": _call(STAGE, on_candidate=st.booleans()),
    "ongoing.log_e": _call(STAGE.map(lambda stage: [stage] * 2) | _few(STAGE)),
    "ongoing.non_inferior_stratum": _call(margin=POSITIVE),
    "paths.log_e_above": _call(incidents=PATH, units=PATH, ceiling=LEVEL),
    "paths.log_e_below": _call(incidents=PATH, units=PATH, ceiling=LEVEL),
    "paths.log_e_harm": _call(INCIDENT_PATHS, mixture=MIXTURE),
    "paths.log_e_lower": _call(OUTCOME_PATHS),
    "paths.log_e_mismatch": _call(INCIDENT_PATHS),
    "paths.log_e_non_inferior_incidents": _call(INCIDENT_PATHS, margin=POSITIVE),
    "paths.log_e_non_inferior_outcomes": _call(OUTCOME_PATHS, margin=LEVEL),
    "paths.log_e_of_lower_ratio": _call(
        INCIDENT_PATHS, ratios=_few(POSITIVE, least=2, most=2).map(np.asarray)
    ),
    "paths.log_e_of_lower_rate": _call(
        incidents=PATH, units=PATH, rates=_few(LEVEL, least=2, most=2).map(np.asarray)
    ),
    "paths.log_e_of_upper_rate": _call(
        incidents=PATH, units=PATH, rates=_few(LEVEL, least=2, most=2).map(np.asarray)
    ),
    "paths.log_mean": _call(_few(_few(LOG_E, least=2, most=3).map(np.asarray))),
    "prediction_powered.LabelledScores": _call(MOMENTS, COUNT),
    "prediction_powered.LabelledScores.__add__": _call(LABELS, LABELS),
    "prediction_powered.PowerTuned": _call(LABELS, MOMENTS),
    "prediction_powered.PowerTuned.extended": _call(TUNED, LABELS),
    "prediction_powered.PowerTuned.mean": _call(TUNED, **PLANNED),
    "prediction_powered.PowerTuned.start": _call(),
    "prediction_powered.PowerTuned.weight": _call(TUNED),
    "prediction_powered.label_mean": _call(LABELS, weight=REAL, **PLANNED),
    "prediction_powered.labelled_scores": _batch(),
    "quantile_sequence.ValueCounts": _call(_rarely(NO_BINS, BINS)),
    "quantile_sequence.ValueCounts.__add__": _call(VALUES, VALUES),
    "quantile_sequence.ValueCounts.units": _call(VALUES),
    "quantile_sequence.check_quantile": _call(LEVEL),
    "quantile_sequence.quantile_comparison": _call(
        VALUES, VALUES, at=LEVEL, share=LEVEL, **PLANNED
    ),
    "quantile_sequence.quantile_sequence": _call(VALUES, at=LEVEL, **PLANNED),
    "quantile_sequence.sample_quantile": _call(VALUES, LEVEL),
    "quantile_sequence.value_counts": _call(
        _rarely(NOT_VECTORS, _few(_rarely([-1.0, math.nan, math.inf], AT_LEAST_0)))
    ),
    "quantile_tests.QuantileTest": st.tuples(QUANTILE_TEST.map(_parts), st.just({})),
    "quantile_tests.QuantileTest.log_e_greater": _call(QUANTILE_TEST, REAL),
    "quantile_tests.QuantileTest.lower_limit": _call(QUANTILE_TEST, LEVEL),
    "quantile_tests.QuantileTest.mirrored": _call(QUANTILE_TEST),
    "quantile_tests.quantile_test": _call(
        QUANTILE_STRATA, at=LEVEL, scale=st.sampled_from(Scale), **PLANNED
    ),
    "ramp.excess_limit": _call(_few(INCIDENTS), **RAMP),
    "ramp.largest_share": _call(excess=REAL, units=COUNT, budget=POSITIVE),
    "ramp.next_share": _call(_few(INCIDENTS), units=COUNT, budget=POSITIVE, **RAMP),
    "ratio_metric.ratio_difference": _call(RATIO_STRATA, scale=st.sampled_from(Scale), **PLANNED),
    "ratio_metric.ratio_effect": _call(RATIO_STRATA, scale=st.sampled_from(Scale)),
    "safe_logrank.log_e_harm": _call(_few(INCIDENTS), null_ratio=POSITIVE, mixture=MIXTURE),
    "safe_logrank.log_e_non_inferior": _call(_few(INCIDENTS), margin=POSITIVE),
    "safe_logrank.ratio_sequence": _call(_few(INCIDENTS), alpha=LEVEL),
    "sample_ratio.log_e_mismatch": _call(_few(SPLITS)),
    "strata.check_count": _call(st.just("units"), COUNT),
    "strata.check_share": _call(LEVEL),
    "strata.check_stratum": _call(INCIDENTS | OUTCOMES),
    "two_proportions.log_e_lower": _call(_few(OUTCOMES)),
    "two_proportions.log_e_non_inferior": _call(_few(OUTCOMES), margin=LEVEL),
}
