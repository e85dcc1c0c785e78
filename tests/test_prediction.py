"""Prediction columns against loops written from their definitions."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from analysis import schema
from analysis.outputs.prediction import prediction_table, true_rank

LOGITS = arrays(np.float32, (7, 5), elements=st.sampled_from([-3.0, -1.0, 0.0, 0.5, 2.0, 2.0, 7.0]))
LABELS = arrays(np.int64, 7, elements=st.integers(0, 4))


@given(logits=LOGITS, label=LABELS)
def test_rank_zero_is_exactly_a_right_prediction(logits: np.ndarray, label: np.ndarray) -> None:
    rank = true_rank(logits, label)
    assert ((rank == 0) == (logits.argmax(1) == label)).all()
    for i, true in enumerate(label):
        order = sorted(range(5), key=lambda c: (-logits[i, c], c))
        assert order.index(true) == rank[i]


@given(logits=LOGITS, dense=LOGITS, label=LABELS)
def test_columns_are_those_of_the_definitions(
    logits: np.ndarray, dense: np.ndarray, label: np.ndarray
) -> None:
    table = prediction_table(logits, label, dense_logits=dense).to_pandas()
    for i in range(len(label)):
        p, q = _softmax(dense[i]), _softmax(logits[i])
        assert table[schema.CONFIDENCE][i] == pytest.approx(max(q), abs=1e-6)
        assert table[schema.TRUE_CONFIDENCE][i] == pytest.approx(q[label[i]], abs=1e-6)
        kl = sum(a * math.log(a / b) for a, b in zip(p, q, strict=True))
        assert table[schema.KL_FROM_DENSE][i] == pytest.approx(kl, abs=1e-5)
        error = [q[c] - (c == label[i]) for c in range(5)]
        assert table[schema.EL2N][i] == pytest.approx(math.hypot(*error), abs=1e-6)


def _softmax(row: np.ndarray) -> list[float]:
    exponentials = [math.exp(float(v)) for v in row]
    return [e / sum(exponentials) for e in exponentials]


def test_without_a_dense_run_the_divergence_is_null() -> None:
    table = prediction_table(np.eye(3, dtype=np.float32), np.arange(3))
    assert table[schema.KL_FROM_DENSE].null_count == 3


def test_equal_runs_diverge_by_nothing() -> None:
    logits = np.random.default_rng(0).normal(size=(20, 4)).astype(np.float32)
    table = prediction_table(logits, np.zeros(20, np.int64), dense_logits=logits)
    assert (table[schema.KL_FROM_DENSE].to_numpy() == 0).all()


def test_scores_that_are_not_finite_are_no_answer_and_leave_the_others_alone() -> None:
    logits = np.array([[0.0, 1.0, 2.0], [np.nan, 0.0, 1.0], [np.inf, 0.0, 1.0], [1.0, 1.0, 0.0]])
    table = prediction_table(logits, np.array([2, 2, 0, 1]), dense_logits=np.zeros((4, 3)))
    assert table[schema.PREDICTION].to_pylist() == [2, -1, -1, 0]
    assert table[schema.TRUE_RANK].to_pylist() == [0, 5, 5, 1]
    assert table[schema.SCORE_TIES].to_pylist() == [1, None, None, 2]
    for column in (schema.CONFIDENCE, schema.MARGIN, schema.KL_FROM_DENSE, schema.EL2N):
        assert [one is None for one in table[column].to_pylist()] == [False, True, True, False]
    assert table[schema.MARGIN][3].as_py() == 0
