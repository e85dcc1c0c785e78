"""Recall by class, its change, and which changes are significant."""

import numpy as np
import pytest
from scipy import stats
from sklearn.metrics import multilabel_confusion_matrix
from statsmodels.stats.multitest import multipletests

from analysis import schema
from analysis.stats.classes import class_recall, class_table, impacted
from analysis.stats.pairs import paired_rows
from analysis.stats.two_way import changes

NAMES = ["ant", "bee", "cat"]
SEEDS = (0, 1, 2, 3)


def drawn(k, seed, *, harm=(0.0, 0.0, 0.0), n=300):
    """Labels and predictions of k runs that are wrong the more often the larger the harm."""
    label = np.arange(n) % len(NAMES)
    generator = np.random.default_rng(seed)
    wrong = generator.random((k, n)) < 0.1 + np.array(harm)[label]
    return label, np.where(wrong, (label + 1) % len(NAMES), label)


class Runs:
    """Predictions of some runs, and what is counted of them."""

    def __init__(self, label, prediction, seeds=None, n_classes=3):
        self.label, self.right = label, prediction == label
        self.n_classes = n_classes
        self.seeds = tuple(range(len(prediction))) if seeds is None else tuple(seeds)
        self.found = class_recall(prediction, label, n_classes, self.seeds)
        self.recall, self.accuracy, self.shifted = (
            self.found.recall, self.found.accuracy, self.found.shifted,
        )  # fmt: skip


def recalls(k, seed, **kwargs):
    return Runs(*drawn(k, seed, **kwargs))


def table_of(dense, variant, *, names=None, is_paired=False, **kwargs):
    pairs = paired_rows(dense.seeds, variant.seeds, paired=True) if is_paired else None
    return class_table(
        "magnitude-0.90",
        names or NAMES[: dense.n_classes],
        dense.found,
        variant.found,
        changes(dense.right, variant.right, dense.label, dense.n_classes, pairs),
        pairs=pairs,
        **kwargs,
    )


def test_recall_is_what_a_slow_loop_counts():
    label, prediction = drawn(3, 0, harm=(0, 0.2, 0.5))
    found = class_recall(prediction, label, 3, (0, 1, 2))
    for k in range(3):
        for c in range(3):
            hits = [prediction[k, i] == c for i in range(len(label)) if label[i] == c]
            assert found.recall[k, c] == pytest.approx(sum(hits) / len(hits))
        assert found.accuracy[k] == pytest.approx(np.mean(prediction[k] == label))


def test_a_class_without_images_has_no_recall():
    found = class_recall(np.array([[0, 1]]), np.array([0, 0]), 3, (0,))
    np.testing.assert_array_equal(found.recall, [[0.5, np.nan, np.nan]])
    assert found.accuracy[0] == 0.5


def test_the_table_has_the_columns_of_the_contract():
    table = table_of(recalls(4, 0), recalls(4, 1))
    assert list(table.columns) == list(schema.CLASSES_COLUMNS)
    assert table["class_name"].tolist() == NAMES


def test_deltas_follow_the_definition():
    dense, variant = recalls(4, 0), recalls(4, 1, harm=(0, 0.1, 0.3))
    table = table_of(dense, variant)
    delta = variant.recall.mean(0) - dense.recall.mean(0)
    overall = variant.accuracy.mean() - dense.accuracy.mean()
    np.testing.assert_allclose(table["recall_delta"], delta)
    np.testing.assert_allclose(table["normalized_recall_delta"], delta - overall)


def test_normalized_deltas_weighted_by_class_size_add_up_to_zero():
    table = table_of(recalls(4, 0), recalls(4, 1, harm=(0, 0.1, 0.3)))
    weighted = (table["n_images"] * table["normalized_recall_delta"]).sum()
    assert weighted == pytest.approx(0, abs=1e-9)


def test_each_run_is_shifted_by_its_own_accuracy():
    dense, variant = recalls(5, 0), recalls(6, 1, harm=(0, 0, 0.2))
    table = table_of(dense, variant)
    expected = stats.ttest_ind(
        variant.recall - variant.accuracy[:, None],
        dense.recall - dense.accuracy[:, None],
        equal_var=False,
    )
    np.testing.assert_allclose(table["t"], expected.statistic)
    np.testing.assert_allclose(table["p"], expected.pvalue)
    np.testing.assert_allclose(table["df"], expected.df)
    np.testing.assert_allclose(table["q"], stats.false_discovery_control(expected.pvalue))
    interval = expected.confidence_interval(0.95)
    np.testing.assert_allclose(table["ci_low"], interval.low)
    np.testing.assert_allclose(table["ci_high"], interval.high)


def test_the_reference_shifts_by_the_populations_mean():
    dense, variant = recalls(5, 0), recalls(6, 1)
    table = table_of(dense, variant)
    expected = stats.ttest_ind(
        variant.recall - variant.accuracy.mean(),
        dense.recall - dense.accuracy.mean(),
        equal_var=False,
    )
    np.testing.assert_allclose(table["t_reference"], expected.statistic)
    np.testing.assert_allclose(table["p_reference"], expected.pvalue)


def test_a_class_that_lost_more_than_the_others_has_a_negative_t():
    table = table_of(recalls(10, 0), recalls(10, 1, harm=(0, 0, 0.4)))
    assert table["t"][2] < 0
    assert table["p"][2] < 1e-3
    assert table["t"][0] > 0
    assert table["recall_delta"][0] == pytest.approx(0, abs=0.05)


def test_uniform_harm_is_no_impact():
    label = np.arange(20) % 2
    before, after = (np.where(np.arange(20) < n, label, 1 - label) for n in (18, 10))
    dense, variant = (Runs(label, np.tile(p, (3, 1)), n_classes=2) for p in (before, after))
    table = table_of(dense, variant)
    np.testing.assert_allclose(table["recall_delta"], -0.4)
    np.testing.assert_allclose(table["normalized_recall_delta"], 0, atol=1e-12)
    np.testing.assert_array_equal(table["p"], 1)
    assert not table["degenerate"].any()


def test_a_change_without_any_spread_is_flagged_degenerate():
    label = np.repeat([0, 1], 5)
    before, after = (np.where(np.arange(10) < n, label, 0) for n in (9, 8))
    dense, variant = (Runs(label, np.tile(p, (3, 1)), n_classes=2) for p in (before, after))
    table = table_of(dense, variant)
    np.testing.assert_array_equal(table["p"], 0)
    assert table["degenerate"].all()
    assert table["t"].isna().all()


@pytest.mark.parametrize(("k_dense", "k_variant"), [(1, 1), (1, 4), (4, 1)])
def test_with_one_run_there_is_no_test(k_dense, k_variant):
    table = table_of(recalls(k_dense, 0), recalls(k_variant, 1))
    tested = ["t", "df", "p", "q", "ci_low", "ci_high", "t_reference", "p_reference", "detectable"]
    assert table[tested].isna().all(axis=None)
    assert table["normalized_recall_delta"].notna().all()


def test_two_runs_are_enough_for_a_test():
    table = table_of(recalls(2, 0), recalls(2, 1))
    assert table[["t", "df", "p", "q", "ci_low", "detectable"]].notna().all(axis=None)


def test_a_class_without_images_is_a_row_of_nulls_outside_the_correction():
    label, prediction = drawn(4, 0)
    _, other = drawn(4, 1, harm=(0.3, 0, 0))
    dense, variant = (Runs(label, p, SEEDS, 4) for p in (prediction, other))
    table = table_of(dense, variant, names=[*NAMES, "dodo"])
    numbers = table.drop(columns=["variant_id", "class_id", "class_name", "n_images", "degenerate"])
    assert numbers.iloc[3].isna().all()
    assert table["n_images"][3] == 0
    np.testing.assert_allclose(
        table["q"][:3], stats.false_discovery_control(table["p"][:3].to_numpy())
    )


def test_paired_variants_are_tested_in_pairs_over_the_common_seeds():
    dense = recalls(5, 0)
    variant = Runs(*drawn(4, 1, harm=(0, 0, 0.1)), (4, 2, 1, 9))
    table = table_of(dense, variant, is_paired=True)
    expected = stats.ttest_rel(variant.shifted[[0, 1, 2]], dense.shifted[[4, 2, 1]])
    np.testing.assert_allclose(table["t"], expected.statistic)
    np.testing.assert_allclose(table["p"], expected.pvalue)
    np.testing.assert_allclose(table["q"], stats.false_discovery_control(expected.pvalue))
    np.testing.assert_allclose(table["holm"], multipletests(expected.pvalue, method="holm")[1])


def test_deltas_of_paired_variants_are_those_of_the_pairs_as_their_intervals_are():
    dense = recalls(5, 0)
    variant = Runs(*drawn(4, 1, harm=(0, 0, 0.1)), (4, 2, 1, 9))
    table = table_of(dense, variant, is_paired=True)
    change = variant.recall[[0, 1, 2]].mean(0) - dense.recall[[4, 2, 1]].mean(0)
    np.testing.assert_allclose(table["recall_delta"], change)
    for suffix in ("", "_two_way"):
        middle = (table[f"ci_low{suffix}"] + table[f"ci_high{suffix}"]) / 2
        np.testing.assert_allclose(middle, table["normalized_recall_delta"], atol=1e-12)


def test_paired_variants_without_a_common_seed_have_deltas_and_no_test():
    variant = Runs(*drawn(3, 1), (7, 8, 9))
    table = table_of(recalls(3, 0), variant, is_paired=True)
    assert table["normalized_recall_delta"].notna().all()
    tested = "t p q holm ci_low p_two_way q_two_way ci_low_two_way loss_upper image_floor"
    assert table[tested.split()].isna().all(axis=None)


def test_the_order_of_seeds_changes_no_number():
    label, prediction = drawn(4, 1, harm=(0, 0, 0.1))
    order = [2, 0, 3, 1]
    dense = recalls(4, 0)
    one = table_of(dense, Runs(label, prediction, SEEDS), is_paired=True)
    shuffled = Runs(label, prediction[order], [SEEDS[i] for i in order])
    other = table_of(dense, shuffled, is_paired=True)
    np.testing.assert_allclose(
        one.select_dtypes("number").to_numpy(), other.select_dtypes("number").to_numpy()
    )


def test_under_the_null_the_paper_rule_flags_a_twentieth_of_the_classes():
    generator = np.random.default_rng(11)
    label = np.arange(2000) % 10
    flags = []
    for _ in range(120):
        runs = [
            Runs(
                label,
                np.where(generator.random((10, 2000)) < 0.2, (label + 1) % 10, label),
                n_classes=10,
            )
            for _ in range(2)
        ]
        flags.append(impacted(table_of(*runs, names=[str(c) for c in range(10)]), "p"))
    assert np.mean(flags) == pytest.approx(0.05, abs=0.015)


def test_impacted_takes_the_level_itself_and_leaves_unknown_out():
    table = table_of(recalls(4, 0), recalls(4, 1)).assign(p=[0.05, 0.0500001, np.nan])
    assert impacted(table, "p").tolist() == [True, False, False]


def test_holm_stands_beside_q_and_is_selectable():
    table = table_of(recalls(4, 0), recalls(4, 1, harm=(0, 0, 0.3)))
    np.testing.assert_allclose(table["holm"], multipletests(table["p"], method="holm")[1])
    assert impacted(table, "holm").sum() <= impacted(table, "q").sum()


def test_the_excess_gap_is_what_a_class_lost_beyond_the_rest():
    table = table_of(recalls(4, 0), recalls(4, 1, harm=(0, 0, 0.3)))
    np.testing.assert_array_equal(table["excess_gap"], -table["normalized_recall_delta"])
    assert table["excess_gap"][2] > 0


def test_rates_are_means_over_the_runs():
    label, before = drawn(4, 0)
    _, after = drawn(3, 1, harm=(0, 0, 0.3))
    table = table_of(Runs(label, before), Runs(label, after))
    for prefix, prediction in (("dense_", before), ("", after)):
        matrices = np.array([multilabel_confusion_matrix(label, row) for row in prediction])
        (tn, fp), (fn, tp) = matrices.mean(axis=0).transpose(1, 2, 0)
        np.testing.assert_allclose(table[f"{prefix}fpr"], fp / (fp + tn))
        np.testing.assert_allclose(table[f"{prefix}fnr"], fn / (fn + tp))


def test_one_pair_of_models_gets_mcnemar_and_its_q_while_p_and_q_stay_null():
    flips = (np.array([9, 1, 0, 0]), np.array([1, 1, 0, 0]))
    label, prediction = drawn(1, 0)
    _, other = drawn(1, 1)
    dense, variant = (Runs(label, p, n_classes=4) for p in (prediction, other))
    table = table_of(dense, variant, names=[*NAMES, "dodo"], flips=flips)
    expected = [stats.binomtest(9, 10).pvalue, 1.0, 1.0]
    np.testing.assert_allclose(table["mcnemar_p"][:3], expected)
    np.testing.assert_allclose(table["mcnemar_q"][:3], stats.false_discovery_control(expected))
    assert table.loc[3, ["mcnemar_p", "mcnemar_q"]].isna().all()
    assert table[["p", "q", "holm"]].isna().all(axis=None)


def test_populations_have_no_mcnemar():
    table = table_of(recalls(4, 0), recalls(4, 1))
    assert table[["mcnemar_p", "mcnemar_q"]].isna().all(axis=None)


def test_renaming_classes_reorders_the_rows_and_changes_no_number():
    label, before = drawn(4, 0)
    _, after = drawn(4, 1, harm=(0, 0.1, 0.3))
    names = np.array([2, 0, 1])
    one = table_of(*(Runs(label, p) for p in (before, after)))
    other = table_of(*(Runs(names[label], names[p]) for p in (before, after)))
    for column in one.columns.drop(["variant_id", "class_id", "class_name"]):
        np.testing.assert_allclose(
            other[column].to_numpy(float)[names], one[column].to_numpy(float), err_msg=column
        )


def test_a_class_with_a_single_image_is_tested_over_runs_and_not_over_images():
    label = np.array([0, 0, 0, 1])
    before, after = [[0, 0, 1, 1], [0, 0, 0, 0], [0, 1, 0, 1]], [[0] * 4, [0] * 4, [0, 0, 0, 1]]
    table = table_of(*(Runs(label, np.array(p), n_classes=2) for p in (before, after)))
    assert table["p"].between(0, 1).all()
    assert table["p_two_way"].notna().tolist() == [True, False]
    assert table["loss_upper"].notna().tolist() == [True, False]
    assert table["recall"][1] == pytest.approx(1 / 3)


def test_the_only_class_of_a_dataset_moves_by_what_overall_accuracy_does():
    label = np.zeros(4, int)
    dense, variant = (Runs(label, np.zeros((k, 4), int), n_classes=1) for k in (3, 2))
    row = table_of(dense, variant).iloc[0]
    assert (row["normalized_recall_delta"], row["p"]) == (0, 1)
    assert np.isnan(row["p_two_way"])
    assert np.isnan(row["fpr"])
