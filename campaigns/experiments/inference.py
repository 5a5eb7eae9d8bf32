"""What may be concluded from counts: intervals, tests and sample sizes. Pure; every formula names its source.

Two-sided throughout; ``confidence`` is 0.95 unless said. The tests hold the figures against SciPy's and against
published ones.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from math import ceil, erfc, exp, lgamma, log, log1p, pi, sqrt
from statistics import NormalDist

CONFIDENCE = 0.95
_NORMAL = NormalDist()


@dataclass(frozen=True, slots=True)
class Interval:
    """An estimate with its confidence interval."""

    estimate: float
    low: float
    high: float

    @property
    def excludes_zero(self) -> bool:
        """Whether zero is no likely value."""
        return self.low > 0 or self.high < 0


def wilson(successes: int, number: int, confidence: float = CONFIDENCE) -> Interval:
    """A proportion by the score interval (Wilson, JASA 22, 1927); of nobody, anything is possible."""
    if number <= 0:
        return Interval(0.0, 0.0, 1.0)
    z = _NORMAL.inv_cdf(0.5 + confidence / 2)
    share = successes / number
    middle = share + z * z / (2 * number)
    reach = z * sqrt(share * (1 - share) / number + z * z / (4 * number * number))
    scale = 1 + z * z / number
    low = (middle - reach) / scale if successes else 0.0
    high = (middle + reach) / scale if successes < number else 1.0
    return Interval(share, low, high)


def difference(
    successes: int, number: int, base_successes: int, base_number: int, confidence: float = CONFIDENCE
) -> Interval:
    """First proportion minus second, by hybrid scores (method 10 of Newcombe, Statistics in Medicine 17, 1998)."""
    one, two = wilson(successes, number, confidence), wilson(base_successes, base_number, confidence)
    apart = one.estimate - two.estimate
    return Interval(
        apart,
        apart - sqrt((one.estimate - one.low) ** 2 + (two.high - two.estimate) ** 2),
        apart + sqrt((one.high - one.estimate) ** 2 + (two.estimate - two.low) ** 2),
    )


def proportions_differ(successes: int, number: int, base_successes: int, base_number: int) -> float:
    """The p-value of two proportions being one: the pooled z-test, which is Pearson's chi-square of the 2 x 2 table."""
    if not number or not base_number:
        return 1.0
    pooled = (successes + base_successes) / (number + base_number)
    variance = pooled * (1 - pooled) * (1 / number + 1 / base_number)
    if variance <= 0:
        return 1.0
    z = abs(successes / number - base_successes / base_number) / sqrt(variance)
    return erfc(z / sqrt(2))


@dataclass(frozen=True, slots=True)
class Sample:
    """Amounts of a group, as their number, sum and sum of squares."""

    number: int
    total: float
    squares: float

    @property
    def mean(self) -> float:
        """The mean; 0 of nobody."""
        return self.total / self.number if self.number else 0.0

    @property
    def variance(self) -> float:
        """The unbiased variance; 0 of fewer than two."""
        if self.number < 2:
            return 0.0
        return max(0.0, (self.squares - self.total * self.mean) / (self.number - 1))


@dataclass(frozen=True, slots=True)
class Comparison:
    """A difference with its interval and the p-value of there being none."""

    difference: Interval
    p: float


def welch(one: Sample, two: Sample, confidence: float = CONFIDENCE) -> Comparison:
    """First mean minus second, variances unequal (Welch, Biometrika 34, 1947; degrees of freedom by Satterthwaite)."""
    apart = one.mean - two.mean
    if one.number < 2 or two.number < 2:
        return Comparison(Interval(apart, float("-inf"), float("inf")), 1.0)
    a, b = one.variance / one.number, two.variance / two.number
    if a + b <= 0:
        return Comparison(Interval(apart, apart, apart), 1.0 if apart == 0 else 0.0)
    freedom = (a + b) ** 2 / (a * a / (one.number - 1) + b * b / (two.number - 1))
    error = sqrt(a + b)
    reach = t_quantile(0.5 + confidence / 2, freedom) * error
    return Comparison(Interval(apart, apart - reach, apart + reach), t_tails(apart / error, freedom))


def mean_of(sample: Sample, confidence: float = CONFIDENCE) -> Interval:
    """A mean with Student's interval."""
    if sample.number < 2:
        return Interval(sample.mean, float("-inf"), float("inf"))
    reach = t_quantile(0.5 + confidence / 2, sample.number - 1) * sqrt(sample.variance / sample.number)
    return Interval(sample.mean, sample.mean - reach, sample.mean + reach)


def t_tails(t: float, freedom: float) -> float:
    """P(|T| ≥ |t|) of Student's distribution, by the incomplete beta function."""
    return incomplete_beta(freedom / 2, 0.5, freedom / (freedom + t * t))


def t_quantile(probability: float, freedom: float) -> float:
    """Student's quantile for a probability of a half or more, by halving."""
    tails = 2 * (1 - probability)
    low, high = 0.0, 2.0
    while t_tails(high, freedom) > tails:
        low, high = high, high * 2
    for _ in range(80):
        middle = (low + high) / 2
        if t_tails(middle, freedom) > tails:
            low = middle
        else:
            high = middle
    return (low + high) / 2


def incomplete_beta(a: float, b: float, x: float) -> float:
    """The regularised I_x(a, b), by its continued fraction (DLMF 8.17.22) in Lentz' manner."""
    if x <= 0 or x >= 1:
        return 0.0 if x <= 0 else 1.0
    if x > (a + 1) / (a + b + 2):  # there it converges slowly
        return 1 - incomplete_beta(b, a, 1 - x)
    front = exp(lgamma(a + b) - lgamma(a) - lgamma(b) + a * log(x) + b * log1p(-x)) / a
    tiny = 1e-300
    ratio, below = 1.0, 1 / max(1 - (a + b) * x / (a + 1), tiny)
    fraction = below
    for m in range(1, 10_000):
        before = fraction
        for term in (
            m * (b - m) * x / ((a + 2 * m - 1) * (a + 2 * m)),
            -(a + m) * (a + b + m) * x / ((a + 2 * m) * (a + 2 * m + 1)),
        ):
            below = 1 / ((1 + term * below) or tiny)
            ratio = (1 + term / ratio) or tiny
            fraction *= below * ratio
        if abs(fraction - before) <= 1e-15 * abs(fraction):
            break
    return front * fraction


def chi_square_tail(statistic: float, freedom: int) -> float:
    """P(X ≥ statistic) of chi-square with whole degrees of freedom, by its closed form (DLMF 8.4)."""
    if statistic <= 0 or freedom < 1:
        return 1.0
    half = statistic / 2
    if freedom % 2:
        tail, term = erfc(sqrt(half)), exp(-half) * sqrt(half) * 2 / sqrt(pi)
        for step in range(1, (freedom - 1) // 2 + 1):
            tail += term
            term *= half / (step + 0.5)
        return min(1.0, tail)
    tail = term = exp(-half)
    for step in range(1, freedom // 2):
        term *= half / step
        tail += term
    return min(1.0, tail)


def split_differs(observed: Sequence[int], expected_shares: Sequence[float]) -> float:
    """The p-value of a split being the intended one: chi-square of the counts (goodness of fit)."""
    number, shares = sum(observed), sum(expected_shares)
    if not number or shares <= 0:
        return 1.0
    statistic, kinds = 0.0, 0
    for count, share in zip(observed, expected_shares, strict=True):
        expected = number * share / shares
        if expected > 0:
            statistic += (count - expected) ** 2 / expected
            kinds += 1
        elif count:
            return 0.0
    return chi_square_tail(statistic, kinds - 1)


def needed(rate: float, lift: float, power: float = 0.8, confidence: float = CONFIDENCE) -> int | None:
    """Customers an arm needs so that a relative ``lift`` of ``rate`` is seen with ``power``; None if there is no such.

    The usual formula for two proportions (Fleiss, Levin and Paik, Statistical Methods for Rates and Proportions, 3rd
    edition, equation 4.14, without the correction for continuity).
    """
    better = rate * (1 + lift)
    if not 0 < rate < 1 or not 0 < better < 1 or lift == 0:
        return None
    middle = (rate + better) / 2
    z, beta = _NORMAL.inv_cdf(0.5 + confidence / 2), _NORMAL.inv_cdf(power)
    spread = z * sqrt(2 * middle * (1 - middle)) + beta * sqrt(rate * (1 - rate) + better * (1 - better))
    return ceil((spread / (better - rate)) ** 2)


def needed_of_amounts(sample: Sample, lift: float, power: float = 0.8, confidence: float = CONFIDENCE) -> int | None:
    """As :func:`needed`, for a mean: twice the variance over the square of what is to be seen."""
    if sample.number < 2 or sample.mean == 0 or lift == 0:
        return None
    z = _NORMAL.inv_cdf(0.5 + confidence / 2) + _NORMAL.inv_cdf(power)
    return ceil(2 * sample.variance * (z / (sample.mean * lift)) ** 2)
