import numpy as np
import pytest
from scipy.stats import binomtest

from analysis.stats.pairs import pair


def made(both, lost, won, neither):
    dense = np.repeat([True, True, False, False], [both, lost, won, neither])
    variant = np.repeat([True, False, True, False], [both, lost, won, neither])
    return dense, variant


def test_by_hand():
    found = pair(*made(80, 10, 4, 6))
    assert (found.n_images, found.to_wrong, found.to_right) == (100, 10, 4)
    assert found.delta == pytest.approx(-0.06)
    # (5 - 11) / 102 -+ 1.959964 sqrt((16 / 102 - (6 / 102)^2) / 102)
    assert found.low == pytest.approx(-0.13483, abs=1e-5)
    assert found.high == pytest.approx(0.01719, abs=1e-5)
    assert found.p == pytest.approx(binomtest(4, 14, 0.5).pvalue)


def test_two_equal_models_differ_by_nothing():
    found = pair(*made(90, 0, 0, 10))
    assert found.delta == 0
    assert found.low == pytest.approx(-found.high)
    assert found.p == 1


def test_the_interval_holds_the_change_as_often_as_it_says():
    generator = np.random.default_rng(0)
    held = []
    for _ in range(4000):
        kinds = generator.choice(4, 200, p=[0.78, 0.1, 0.05, 0.07])
        found = pair(np.isin(kinds, [0, 1]), np.isin(kinds, [0, 2]))
        held.append(found.low <= -0.05 <= found.high)
    assert 0.94 < np.mean(held) < 0.965


def test_no_image_is_no_answer():
    found = pair(np.zeros(0, bool), np.zeros(0, bool))
    assert np.isnan(found.delta)
    assert (found.low, found.high) == (
        pytest.approx(-0.98, abs=0.05),
        pytest.approx(0.98, abs=0.05),
    )
