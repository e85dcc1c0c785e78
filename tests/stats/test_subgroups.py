"""False positive and negative rates within subgroups."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays
from sklearn.metrics import confusion_matrix

from analysis import schema
from analysis.stats.subgroups import subgroup_rates, subgroup_table

N = 20


@settings(deadline=None)
@given(
    arrays.arrays(np.int16, (3, N), elements=st.integers(0, 2)),
    arrays.arrays(np.int16, N, elements=st.integers(0, 2)),
    arrays.arrays(np.int64, N, elements=st.integers(-1, 1)),
    st.permutations(range(N)),
)
def test_rates_are_those_of_each_runs_confusion_matrix_in_any_order(
    prediction, label, group, order
):
    order = list(order)
    found = subgroup_rates(
        prediction[:, order], label[order], group[order], n_groups=2, n_classes=3
    )
    for g in range(2):
        inside = group == g
        for c in range(3):
            truth, n = label[inside] == c, int(inside.sum())
            assert found.n_positive[g, c] == truth.sum()
            assert found.n_negative[g, c] == n - truth.sum()
            matrices = [
                confusion_matrix(truth, row[inside] == c, labels=[False, True])
                for row in prediction
                if n
            ]
            fpr = [m[0, 1] / m[0].sum() for m in matrices if m[0].sum()]
            fnr = [m[1, 0] / m[1].sum() for m in matrices if m[1].sum()]
            assert found.fpr[g, c] == pytest.approx(np.mean(fpr) if fpr else np.nan, nan_ok=True)
            assert found.fnr[g, c] == pytest.approx(np.mean(fnr) if fnr else np.nan, nan_ok=True)


def rates(seed):
    generator = np.random.default_rng(seed)
    label, group = np.arange(60) % 2, np.arange(60) // 20
    prediction = np.where(generator.random((4, 60)) < 0.3, 1 - label, label)
    return subgroup_rates(prediction, label, group, n_groups=3, n_classes=2)


def test_of_two_classes_one_false_positive_is_the_others_false_negative():
    found = rates(0)
    np.testing.assert_allclose(found.fpr[:, 1], found.fnr[:, 0])
    np.testing.assert_allclose(found.fnr[:, 1], found.fpr[:, 0])


def test_the_table_has_a_row_a_subgroup_and_class_with_relative_changes():
    dense, variant = rates(0), rates(1)
    table = subgroup_table(
        "v", "age", ["old", "young", "?"], ["no", "yes"], dense, variant, classes=[1]
    )
    assert list(table.columns) == list(schema.SUBGROUPS_COLUMNS)
    assert table["value"].tolist() == ["old", "young", "?"]
    assert set(table["class_name"]) == {"yes"}
    np.testing.assert_allclose(table["fpr_change"], variant.fpr[:, 1] / dense.fpr[:, 1] - 1)
    np.testing.assert_allclose(table["n_images"], 20)
    both = subgroup_table(
        "v", "age", ["a", "b", "c"], ["no", "yes"], dense, variant, classes=[0, 1]
    )
    assert both["class_id"].tolist() == [0, 1] * 3
    assert both["value"].tolist() == ["a", "a", "b", "b", "c", "c"]


def test_a_change_from_no_errors_is_unknown():
    label = np.array([0, 1, 0, 1])
    perfect = subgroup_rates(label[None], label, np.zeros(4, int), n_groups=1, n_classes=2)
    worse = subgroup_rates(1 - label[None], label, np.zeros(4, int), n_groups=1, n_classes=2)
    row = subgroup_table("v", "x", ["all"], ["no", "yes"], perfect, worse, classes=[1]).iloc[0]
    assert (row["dense_fpr"], row["fpr"]) == (0, 1)
    assert np.isnan(row["fpr_change"])


def test_a_subgroup_without_a_class_has_no_false_negatives_to_count():
    found = subgroup_rates(
        np.array([[0, 1]]), np.array([0, 0]), np.array([0, 1]), n_groups=2, n_classes=2
    )
    assert np.isnan(found.fnr[0, 1])
    assert np.isnan(found.fpr[0, 0])
    assert found.fpr[1, 1] == 1
