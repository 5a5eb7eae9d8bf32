"""The formulas against published figures and SciPy's, and against what they promise: errors at the stated rate."""

import random

import pytest

from campaigns.experiments.inference import (
    Sample,
    chi_square_tail,
    difference,
    incomplete_beta,
    mean_of,
    needed,
    proportions_differ,
    split_differs,
    t_quantile,
    welch,
    wilson,
)


@pytest.mark.parametrize(
    ("successes", "number", "low", "high"),
    [(81, 263, 0.2553, 0.3662), (15, 148, 0.0624, 0.1605), (1, 29, 0.0061, 0.1718), (0, 10, 0, 0.2775),
     (10, 10, 0.7225, 1)],
)  # fmt: skip
def test_wilson_as_newcombe_printed_it(successes: int, number: int, low: float, high: float) -> None:
    found = wilson(successes, number)
    assert (found.low, found.high) == pytest.approx((low, high), abs=5e-5)
    assert found.low <= successes / number <= found.high


@pytest.mark.parametrize(
    ("counts", "low", "high"),
    [
        ((56, 70, 48, 80), 0.05243147, 0.33387265), ((9, 10, 3, 10), 0.17052272, 0.80901797),
        ((0, 10, 0, 10), -0.2775328, 0.2775328), ((120, 1000, 100, 1100), 0.00282611, 0.0557397),
    ],
)  # fmt: skip
def test_newcombe_as_printed(counts: tuple[int, int, int, int], low: float, high: float) -> None:
    found = difference(*counts)
    assert (found.low, found.high) == pytest.approx((low, high), abs=1e-7)


def test_the_pooled_test() -> None:
    assert proportions_differ(56, 70, 48, 80) == pytest.approx(0.008045081, abs=1e-8)
    assert proportions_differ(120, 1000, 100, 1100) == pytest.approx(0.02970007, abs=1e-8)
    assert proportions_differ(0, 0, 3, 10) == proportions_differ(0, 5, 0, 10) == 1


def _sample(values: list[float]) -> Sample:
    return Sample(len(values), sum(values), sum(value * value for value in values))


def test_welch() -> None:
    one = _sample([27.5, 21, 19, 23.6, 17, 17.9, 16.9, 20.1, 21.9, 22.6, 23.1, 19.6, 19, 21.7, 21.4])
    two = _sample([27.1, 22, 20.8, 23.4, 23.4, 23.5, 25.8, 22, 24.8, 20.2, 21.9, 22.1, 22.9, 30.1, 25.2])
    found = welch(one, two)
    assert found.p == pytest.approx(0.007132611, abs=1e-8)
    assert (found.difference.low, found.difference.high) == pytest.approx((-4.877698955, -0.842301045), abs=1e-7)
    assert welch(_sample([1]), two).difference.low == float("-inf")
    assert welch(_sample([0, 0, 0]), _sample([0, 0])).p == 1
    assert mean_of(one).low < one.mean < mean_of(one).high


def test_distributions() -> None:
    for freedom, quantile in [(1, 12.7062047362), (4.5, 2.6589123472), (30, 2.0422724563), (1e6, 1.9599663568)]:
        assert t_quantile(0.975, freedom) == pytest.approx(quantile, rel=1e-8)
    assert t_quantile(0.995, 1000) == pytest.approx(2.580754698, rel=1e-8)
    for statistic, freedom, tail in [
        (3.84, 1, 0.0500435212), (10.5, 2, 0.0052475184), (7.81, 3, 0.0501060564), (30, 10, 0.0008566412),
        (25, 9, 0.0029711805), (0.01, 5, 0.99999947),
    ]:  # fmt: skip
        assert chi_square_tail(statistic, freedom) == pytest.approx(tail, abs=1e-9)
    for a, b, x, below in [(2, 3, 0.4, 0.5248), (0.5, 0.5, 0.9, 0.7951672353), (50, 0.5, 0.99, 0.3173043979),
                           (500, 700, 0.4, 0.1205162891)]:  # fmt: skip
        assert incomplete_beta(a, b, x) == pytest.approx(below, abs=1e-9)


def test_sample_sizes() -> None:
    assert needed(0.10, 0.2) == 3841  # 10 % against 12 %, as in every textbook
    assert needed(0.05, 0.2) == 8158
    assert needed(0.1, 0) is needed(0, 0.2) is needed(0.9, 0.2) is None
    assert (needed(0.1, 0.2, power=0.9) or 0) > 3841


def test_a_split_that_is_off() -> None:
    assert split_differs([5000, 5000], [1, 1]) == 1
    assert split_differs([5000, 5050], [1, 1]) > 0.1
    assert split_differs([5000, 5400], [1, 1]) < 0.001
    assert split_differs([3333, 6667], [1, 2]) > 0.9
    assert split_differs([5, 0], [0, 1]) == 0


def test_alike_arms_differ_in_one_case_of_twenty_and_intervals_cover() -> None:
    """2,000 simulated A/A experiments, and as many whose arms differ by five points."""
    chance, number, rounds = random.Random(7), 400, 2000
    alarms = covered = 0
    for _ in range(rounds):
        one, two, three = (sum(chance.random() < rate for _ in range(number)) for rate in (0.2, 0.2, 0.25))
        alarms += proportions_differ(one, number, two, number) < 0.05
        apart = difference(three, number, two, number)
        covered += apart.low <= 0.05 <= apart.high
    assert 0.04 < alarms / rounds < 0.062
    assert 0.94 < covered / rounds < 0.965


def test_means_of_skewed_amounts_are_covered() -> None:
    chance, rounds, covered = random.Random(11), 600, 0
    for _ in range(rounds):
        one, two = (
            _sample([chance.expovariate(1 / 50) if chance.random() < rate else 0.0 for _ in range(300)])
            for rate in (0.3, 0.2)
        )
        apart = welch(one, two).difference
        covered += apart.low <= 5 <= apart.high
    assert 0.92 < covered / rounds < 0.975
