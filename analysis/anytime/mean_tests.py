"""Is a difference of means, or of ratios, above a given number, at any look?

One-sided tests of an effect (`mean_difference.mean_effect`, `ratio_metric.ratio_effect`) against
"it is at most d0". Over n units with standard error s/sqrt(n), a bet of size b on the effect has
the wealth exp(b z - n b^2 / 2), z the sum of standardised influence values above d0; bets are mixed
by the half of a normal distribution with variance r2 that lies above 0:

    E = 2 / sqrt(v + 1) * exp(u^2 / 2) * Phi(u)
    with v = n r2 and u = (estimate - d0) / standard error * sqrt(v / (v + 1)).

Where the effect is smaller than d0, all bets lose on average, so the whole half-line is tested. E
falls as d0 rises; the d0 at which it crosses 1/alpha is a lower confidence limit, at any look.

Source: Waudby-Smith, Arbour, Sinha, Kennedy and Ramdas (2024), "Time-uniform central limit theory
and asymptotic confidence sequences"; Howard, Ramdas, McAuliffe and Sekhon (2021), "Time-uniform,
nonparametric, nonasymptotic confidence sequences", Proposition 6 (one-sided normal mixture).
"""

import math
from dataclasses import dataclass

from scipy.optimize import brentq
from scipy.special import erfc, erfcx

from anytime.errors import InvalidValue
from anytime.mean_difference import Effect, check_effect, check_level

_LARGEST_TUNED = 0.5  # of a two-sided level; at 1 the best mixture would be no mixture at all


@dataclass(frozen=True, slots=True)
class MeanTest:
    """One-sided tests of one effect, at this look.

    Attributes:
        effect: the difference with its variance; "too few data" leaves all e-values at 1.
        tuning: r2, the variance of the mixture, above 0; fixed before the first look.

    Raises:
        InvalidCount, InvalidValue: the effect cannot be.
        InvalidValue: the tuning is not finite and above 0, or out of all proportion to the units.
    """

    effect: Effect
    tuning: float

    def __post_init__(self) -> None:
        check_effect(self.effect)
        scaled = max(self.effect.units, 1) * self.tuning
        if not (0.0 < scaled < math.inf and 1.0 / scaled < math.inf):
            raise InvalidValue(f"tuning == {self.tuning}, must be above 0 and in proportion")

    @property
    def estimate(self) -> float | None:
        """Candidate minus baseline; None if there are too few data."""
        return self.effect.difference if self.effect.enough else None

    @property
    def units(self) -> int:
        """Units that are counted, both arms together."""
        return self.effect.units

    def log_e_greater(self, than: float) -> float:
        """Log e-value against "the effect is at most `than`"; 0 if there are too few data.

        Raises:
            InvalidValue: `than` is not finite.

        Guarantee:
            Under the null, P(ever >= log(1/alpha)) tends to at most alpha as the first look is
            later, at any looks (asymptotic, as S3).

        Example:
            >>> test = MeanTest(Effect(0.01, 0.003**2, 30_000), one_sided_tuning(30_000, 0.05))
            >>> [round(test.log_e_greater(than), 3) for than in (0.0, 0.002, 0.02)]
            [4.494, 2.761, -2.438]
        """
        if not math.isfinite(than):
            raise InvalidValue(f"than == {than}, must be finite")
        if not self.effect.enough:
            return 0.0
        scaled = self.effect.units * self.tuning
        surplus = (self.effect.difference - than) / math.sqrt(self.effect.variance)
        return _log_mixed(surplus * math.sqrt(scaled / (scaled + 1.0))) - 0.5 * math.log1p(scaled)

    def lower_limit(self, alpha: float) -> float:
        """The number that the effect is above, at this look: where the e-value crosses 1/alpha.

        Args:
            alpha: the chance that the limit is ever above the effect, in (0, 1); any level, also
                one that other arms' e-values led to, for the e-value is the same for all.

        Returns:
            The limit on the scale of the effect; -inf if there are too few data.

        Raises:
            InvalidLevel: alpha is not strictly between 0 and 1.
        """
        check_level("alpha", alpha)
        if not self.effect.enough:
            return -math.inf
        scaled = self.effect.units * self.tuning
        needed = 0.5 * math.log1p(scaled) - math.log(alpha)
        u = brentq(lambda each: _log_mixed(each) - needed, 0.0, math.sqrt(2.0 * needed))
        return self.effect.difference - u * math.sqrt(self.effect.variance * (1.0 + 1.0 / scaled))

    def mirrored(self) -> "MeanTest":
        """The tests of baseline minus candidate; its lower limit is minus this one's upper."""
        return MeanTest(self.effect._replace(difference=-self.effect.difference), self.tuning)


def one_sided_tuning(planned: float, alpha: float) -> float:
    """The variance r2 of the mixture whose limit is narrowest at a planned time.

    Args:
        planned: N*, the units (both arms), above 0; a wrong guess costs 5 to 20 % more units, never
            validity.
        alpha: the one-sided level of the tests, in (0, 1).

    Raises:
        InvalidLevel: alpha is not strictly between 0 and 1.
        InvalidValue: `planned` is not finite and above 0.

    Source:
        Howard et al. (2021), Section 3.5: a one-sided mixture is tuned as the two-sided one of
        twice the level.
    """
    check_level("alpha", alpha)
    if not 0.0 < planned < math.inf:
        raise InvalidValue(f"planned == {planned}, must be finite and above 0")
    spent = -2.0 * math.log(min(2.0 * alpha, _LARGEST_TUNED))
    return (spent + math.log1p(spent)) / planned


def _log_mixed(u: float) -> float:
    """log(2 exp(u^2 / 2) Phi(u)), with all digits on both sides."""
    if u < 0.0:
        mixed = float(erfcx(-u / math.sqrt(2.0)))
        return math.log(mixed) if mixed else -math.inf
    return 0.5 * u * u + math.log(erfc(-u / math.sqrt(2.0)))
