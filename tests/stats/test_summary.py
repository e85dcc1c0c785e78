"""One row a variant."""

import itertools
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from analysis import schema
from analysis.stats.excess import excess_over_images
from analysis.stats.intensification import Intensification
from analysis.stats.pairs import Flips
from analysis.stats.seed_noise import NoiseFloor
from analysis.stats.splits import make_splits
from analysis.stats.summary import VariantResults, summary_row
from analysis.stats.votes import DrawnModal

RUNS = pd.DataFrame(
    {
        "method": "magnitude",
        "target_sparsity": 0.9,
        "sparsity": [0.9, 0.88],
        "top1": [0.8, 0.9],
        "top5": [0.95, 0.97],
        "ece": [0.02, 0.04],
        "size_bytes": [100, 100],
        "latency_ms": [1.0, 3.0],
        "n_score_tied": [3, 0],
        "n_no_answer": [0, 2],
        "n_outside": [0, 0],
    }
)
IMAGES = pd.DataFrame(
    {
        "is_pie": [True, True, True, False, False],
        "kind": ["forgotten", "forgotten", "changed", "", ""],
        "tied": [True, False, False, True, False],
        "dense_tied": [True, True, False, False, False],
        "accuracy": [0.0, 0.5, 0.1, 1.0, 0.8],
        "dense_accuracy": [1.0, 0.5, 0.0, 1.0, 0.9],
    }
)
CLASSES = pd.DataFrame(
    {
        "n_images": [10, 20, 10, 0],
        "normalized_recall_delta": [-0.2, 0.05, 0.1, np.nan],
        "se_two_way": [0.04, 0.03, 0.05, np.nan],
        "q_two_way": [0.02, 0.3, 0.3, np.nan],
        "p": [0.01, 0.04, 0.5, np.nan],
        "q": [0.03, 0.06, 0.5, np.nan],
        "holm": [0.03, 0.08, 0.5, np.nan],
        "dense_fpr": [0.1, 0.2, 0.0, np.nan],
        "fpr": [0.2, 0.2, 0.1, np.nan],
        "dense_fnr": [0.1, 0.2, 0.3, np.nan],
        "fnr": [0.1, 0.4, 0.3, np.nan],
    }
)
ENTROPY = np.array([0.6, 0.4, 0.2, 0.0, 0.1])
FLIPS = Flips(np.array([1.0, 0.5, 0, 0, 0]), np.array([0, 0, 0.5, 0, 0]), 2)
HALVES = DrawnModal(np.zeros((5, 2), np.int32), np.zeros((5, 2), bool))
FLOOR = NoiseFloor(
    0.1, 0.0, np.array([0.5, 0, 0, 0, 0]), np.arange(5), 1.0, HALVES, make_splits(3, 2)
)
HALF = np.array([0.75, 0.25, 0.0, 0.0, 0.0])


def row_of(images=IMAGES, classes=CLASSES, half=HALF, floor=FLOOR, **changes):
    results = VariantResults(
        images=images,
        classes=classes,
        half_frequency=half,
        paired=False,
        entropy=ENTROPY,
        flips=FLIPS,
        intensification=Intensification(1.5, 0.9),
        kl_from_dense=0.25,
    )
    return summary_row("magnitude-0.90", RUNS, replace(results, **changes), floor)


def test_the_row_has_the_columns_of_the_contract():
    assert tuple(row_of()) == schema.SUMMARY_COLUMNS


def test_counts_and_shares_of_pies():
    row = row_of()
    assert (row["n_pies"], row["pie_share"]) == (3, 0.6)
    assert (row["n_forgotten"], row["n_recovered"], row["n_changed"]) == (2, 0, 1)


def test_images_tied_in_either_population_count_once():
    assert row_of()["n_tied"] == 3


def test_accuracies_on_pies_and_beyond():
    row = row_of()
    assert row["dense_top1_on_pies"] == pytest.approx(0.5)
    assert row["top1_on_pies"] == pytest.approx(0.2)
    assert row["dense_top1_on_non_pies"] == pytest.approx(0.95)
    assert row["top1_on_non_pies"] == pytest.approx(0.9)
    assert row["dense_top1_on_aa_pies"] == 1


def test_means_over_runs():
    row = row_of()
    assert row["top1_mean"] == pytest.approx(0.85)
    assert row["top1_std"] == pytest.approx(np.std([0.8, 0.9], ddof=1))
    assert (row["n_runs"], row["size_bytes"], row["latency_ms"]) == (2, 100, 2)
    assert row["sparsity"] == pytest.approx(0.89)


def test_impacted_classes_by_both_rules():
    assert (row_of()["n_impacted_p"], row_of()["n_impacted_q"]) == (2, 1)


def test_without_a_test_the_impacted_classes_are_unknown_not_none():
    row = row_of(classes=CLASSES.assign(p=np.nan, q_two_way=np.nan))
    assert row["n_impacted_p"] is None
    assert row["n_impacted_q"] is None


def test_the_excess_is_the_share_of_halves_minus_the_floor():
    row = row_of()
    assert row["pie_share_half"] == pytest.approx(0.2)
    assert row["noise_floor_share"] == 0.1
    assert row["pie_excess"] == pytest.approx(0.1)
    expected = excess_over_images(HALF, FLOOR.frequency)
    images = (row["pie_excess_images_low"], row["pie_excess_images_high"])
    assert images == pytest.approx(expected[1:])
    assert row["pie_excess_low"] is None


def test_without_halves_there_is_no_share_of_halves():
    row = row_of(half=None, floor=None)
    for column in ("pie_share_half", "pie_excess", "noise_floor_share", "dense_top1_on_aa_pies"):
        assert row[column] is None
    assert row["n_pies"] == 3


def test_dense_has_null_pie_columns():
    row = summary_row("dense", RUNS, None, FLOOR)
    unknown = "n_pies pie_share n_tied pie_share_half n_impacted_p top1_on_pies n_forgotten"
    for column in unknown.split():
        assert row[column] is None
    assert row["top1_mean"] == pytest.approx(0.85)
    assert row["noise_floor_share"] == 0.1


def test_without_any_pie_accuracy_on_pies_is_unknown():
    row = row_of(images=IMAGES.assign(is_pie=False, kind=""))
    assert row["n_pies"] == 0
    assert row["top1_on_pies"] is None
    assert row["top1_on_non_pies"] == pytest.approx(IMAGES["accuracy"].mean())


def test_what_an_import_did_not_measure_stays_unknown():
    unmeasured = RUNS.assign(sparsity=None, size_bytes=None, latency_ms=None, top5=np.nan)
    row = summary_row("magnitude-0.90", unmeasured, None, None)
    for column in ("sparsity", "size_bytes", "latency_ms", "top5_mean"):
        assert np.isnan(row[column])


def test_shares_by_kind_add_up_to_the_pie_share():
    row = row_of()
    assert (row["share_forgotten"], row["share_recovered"], row["share_changed"]) == (0.4, 0, 0.2)


def test_top_1_has_its_t_interval():
    row = row_of()
    expected = stats.t.interval(0.95, 1, 0.85, stats.sem([0.8, 0.9]))
    assert (row["top1_ci_low"], row["top1_ci_high"]) == pytest.approx(expected)


def test_the_random_sample_is_as_large_as_the_pies_and_is_the_same_every_time():
    row, again = row_of(), row_of()
    means = [np.mean(c) for c in itertools.combinations(IMAGES["accuracy"], 3)]
    assert any(row["top1_on_random"] == pytest.approx(mean) for mean in means)
    assert row["top1_on_random"] == again["top1_on_random"]
    assert row_of(images=IMAGES.assign(is_pie=True))["top1_on_random"] == pytest.approx(
        IMAGES["accuracy"].mean()
    )


def test_hardness_of_half_pies_stands_like_for_like_with_that_of_aa_pies():
    row = row_of()
    assert row["dense_top1_on_half_pies"] == pytest.approx((0.75 * 1.0 + 0.25 * 0.5) / 1.0)
    assert row["top1_on_half_pies"] == pytest.approx(0.75 * 0.0 + 0.25 * 0.5)
    assert row["top1_on_aa_pies"] == 0
    assert row["dense_top1_on_aa_pies"] == 1
    assert row["dense_entropy_on_half_pies"] == pytest.approx(0.75 * 0.6 + 0.25 * 0.4)
    assert row["dense_entropy_on_aa_pies"] == pytest.approx(0.6)
    assert row["dense_entropy_on_pies"] == pytest.approx(0.4)
    assert row["dense_entropy_on_non_pies"] == pytest.approx(0.05)


def test_rates_flips_and_slopes_are_those_of_the_variant():
    row = row_of()
    assert row["n_classes_left_out"] == 2
    assert row["sde"] == pytest.approx(np.mean([1.0, 1.0]) / np.sqrt(2))
    assert (row["flips_to_wrong"], row["flips_to_right"]) == pytest.approx((0.3, 0.1))
    assert (row["intensification"], row["intensification_dense"]) == (1.5, 0.9)
    assert row["kl_from_dense"] == 0.25


def test_what_is_not_defined_is_null():
    nothing = Flips(np.full(5, np.nan), np.full(5, np.nan), 0)
    row = row_of(flips=nothing, intensification=None, kl_from_dense=None, floor=None, half=None)
    for column in (
        "flips_to_wrong", "intensification", "kl_from_dense", "dense_entropy_on_aa_pies",
        "dense_top1_on_half_pies",
    ):  # fmt: skip
        assert row[column] is None
    no_pie = row_of(images=IMAGES.assign(is_pie=False, kind=""), half=np.zeros(5))
    for column in ("top1_on_random", "dense_entropy_on_pies", "dense_top1_on_half_pies"):
        assert no_pie[column] is None
