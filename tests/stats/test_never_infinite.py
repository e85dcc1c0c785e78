"""However few runs, images or classes: a value or nothing, never a warning or an infinity."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from analysis.stats.classes import class_recall, class_table
from analysis.stats.excess import group_excess
from analysis.stats.jackknife import DenseHalves, jackknife
from analysis.stats.long_tail import long_tail
from analysis.stats.pairs import class_flips, paired_rows
from analysis.stats.seed_noise import half_population_frequency, noise_floor
from analysis.stats.seed_test import seed_test
from analysis.stats.two_way import changes

C = 3


@st.composite
def sweeps(draw):
    """Labels, predictions of dense and of a variant, seeds of either, and whether they pair."""
    n = draw(st.integers(1, 8))
    of_image = st.lists(st.integers(0, C - 1), min_size=n, max_size=n)
    label = np.array(draw(of_image))
    runs = []
    for _ in range(2):
        k = draw(st.integers(1, 4))
        votes = st.lists(st.integers(-1, C - 1), min_size=n * k, max_size=n * k)
        style = draw(st.sampled_from(["any", "right", "wrong"]))
        any_of = np.array(draw(votes)).reshape(k, n)
        constant = {"right": label, "wrong": (label + 1) % C}
        runs.append(any_of if style == "any" else np.tile(constant[style], (k, 1)))
    seeds = [tuple(draw(st.permutations(range(5)))[: len(prediction)]) for prediction in runs]
    return label, runs, seeds, draw(st.booleans())


@settings(deadline=None, max_examples=150)
@given(sweeps())
def test_tables_hold_values_or_nothing(sweep):
    label, (dense, variant), seeds, is_paired = sweep
    pairs = paired_rows(*seeds, paired=True) if is_paired else None
    recalls = [class_recall(p, label, C, s) for p, s in zip((dense, variant), seeds, strict=True)]
    single = len(dense) == len(variant) == 1
    table = class_table(
        "v", ["a", "b", "c"], *recalls,
        changes(dense == label, variant == label, label, C, pairs), pairs=pairs,
        flips=class_flips(dense[0] == label, variant[0] == label, label, C) if single else None,
    )  # fmt: skip
    numbers = table.select_dtypes("number").to_numpy(np.float64)
    assert not np.isinf(numbers).any()
    for name in ("p", "q", "holm", "p_two_way", "q_two_way", "mcnemar_p", "recall", "dense_recall"):
        assert table[name].dropna().between(0, 1).all()
    tested = table[table["p_two_way"].notna()]
    middle = (tested["ci_low_two_way"] + tested["ci_high_two_way"]) / 2
    np.testing.assert_allclose(middle, tested["normalized_recall_delta"], atol=1e-9)
    n_train = np.array([[100, 50, 0]])
    tail = long_tail(
        dense == label, variant == label, label,
        *(np.repeat(n_train, len(p), axis=0) for p in (dense, variant)), pairs,
    )  # fmt: skip
    if tail is not None:
        assert np.isfinite(tail.slope)
        assert not np.isinf([tail.low, tail.high, tail.p]).any()


@settings(deadline=None, max_examples=100)
@given(sweeps(), st.sampled_from(["confidence", "reference", "exclude"]))
def test_excesses_hold_values_or_nothing(sweep, ties):
    label, (dense, variant), seeds, is_paired = sweep
    floor = noise_floor(dense, None, label, ties=ties)
    if floor is None:
        return
    of_seeds = {"dense_seeds": seeds[0], "variant_seeds": seeds[1], "paired": is_paired}
    half = half_population_frequency(floor, variant, None, **of_seeds, ties=ties)
    found = jackknife(
        DenseHalves((dense, None), floor.sample, ties=ties), (variant, None), **of_seeds
    )
    if half is None:
        assert found is None
        return
    groups = group_excess(half, floor.frequency, found, label, C)
    for test in (groups.risk, groups.contrast):
        for values in (test.difference, test.se, test.p, test.low, test.high):
            assert not np.isinf(values).any()
        if found is None:
            assert np.isnan(test.p).all()


@pytest.mark.parametrize("is_paired", [False, True])
@settings(deadline=None, max_examples=60)
@given(sweep=sweeps())
def test_tests_over_seeds_hold_a_p_or_nothing(is_paired, sweep):
    _, (dense, variant), seeds, _ = sweep
    pairs = paired_rows(*seeds, paired=True) if is_paired else None
    found = seed_test((dense, None), (variant, None), pairs, n_exchanges=99)
    if found is not None:
        assert found.smallest_p - 1e-12 <= found.p <= 1
        assert 0 < found.p_fewer <= 1
