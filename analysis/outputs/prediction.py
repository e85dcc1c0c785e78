"""Prediction columns of a run, computed from its scores, without torch."""

from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from analysis import schema

Logits = npt.NDArray[np.floating[Any]]
Labels = npt.NDArray[np.int64]
_ROWS = 16_384
# Scores in a block: temporaries of a few megabytes stay in the processor's cache.
_VALUES = 2**16
_ZERO = 1e-300


def log_softmax(logits: Logits) -> npt.NDArray[np.float64]:
    """Log-probabilities in float64, shape (N, C)."""
    shifted: npt.NDArray[np.float64] = logits.astype(np.float64)
    shifted -= logits.max(axis=1, keepdims=True)
    shifted -= np.log(np.exp(shifted).sum(axis=1, keepdims=True))
    return shifted


def true_rank(logits: Logits, label: Labels) -> Labels:
    """Number of classes scored above the true one, equal scores in index order, shape (N,).

    0 exactly where the prediction (the first largest score) is the label.
    """
    score = np.take_along_axis(logits, label[:, None], axis=1)
    earlier = np.arange(logits.shape[1]) < label[:, None]
    return np.asarray(((logits > score) | ((logits == score) & earlier)).sum(axis=1))


def rank_of_no_answer(n_classes: int) -> int:
    """Return the rank of the true class without an answer, which is wrong in the top 5, too."""
    return max(n_classes, 5)


def prediction_table(
    logits: Logits, label: Labels, *, dense_logits: Logits | None = None, floor: float = 0.0
) -> pa.Table:
    """Prediction columns of one run, one row an image.

    ``el2n = || softmax - onehot ||_2`` of this trained run (Paul et al. 2021 measure it early in
    training); ``kl_from_dense = KL(p_dense || p_run)`` in nats, null without ``dense_logits``;
    ``margin`` the largest minus the second softmax; ``score_ties`` the number of classes that
    share the largest score; the smallest of them is the prediction.

    An image with a score that is not finite has no answer: ``prediction`` is -1, ``true_rank``
    :func:`rank_of_no_answer`, and all else is null.

    Parameters
    ----------
    logits, dense_logits : float arrays, shape (N, C)
        Of this run, and of the dense run it is paired with.
    label : integer array, shape (N,)
    floor : float
        Value for probabilities of 0, for the true class and for KL.
    """
    parts = []
    size = min(_ROWS, max(64, _VALUES // max(1, logits.shape[1])))
    for start in range(0, max(1, len(label)), size):
        rows = slice(start, start + size)
        dense = None if dense_logits is None else dense_logits[rows]
        parts.append(_columns(logits[rows], label[rows], dense, floor))
    columns = {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}
    return _table(columns, len(label), logits.shape[1])


def label_table(prediction: Labels, n_classes: int) -> pa.Table:
    """Prediction columns of a run with labels alone; all but the prediction are null."""
    return _table({schema.PREDICTION: prediction}, len(prediction), n_classes)


def _columns(
    logits: Logits, label: Labels, dense: Logits | None, floor: float
) -> dict[str, npt.NDArray[Any]]:
    answered: npt.NDArray[np.bool_] = np.asarray(np.isfinite(logits).all(axis=1))
    scores = logits if answered.all() else np.where(answered[:, None], logits, 0)
    log_p = log_softmax(scores)
    p = np.exp(log_p)
    rows = np.arange(len(label))
    prediction = scores.argmax(axis=1)
    ties = (scores == scores.max(axis=1, keepdims=True)).sum(axis=1)
    columns: dict[str, npt.NDArray[Any]] = {
        schema.CONFIDENCE: p[rows, prediction],
        schema.TRUE_CONFIDENCE: _floored(p[rows, label], floor),
        schema.EL2N: _el2n(p, rows, label),
        schema.MARGIN: _margin(p, rows, prediction),
        schema.SCORE_TIES: ties.astype(np.float64),
    }
    if dense is not None:
        both = answered & np.isfinite(dense).all(axis=1)
        beside = log_softmax(np.where(both[:, None], dense, 0))
        columns[schema.KL_FROM_DENSE] = np.where(
            both, _kl(beside, np.log(_floored(p, floor)) if floor else log_p), np.nan
        )
    for values in columns.values():
        values[~answered] = np.nan
    columns[schema.PREDICTION] = np.where(answered, prediction, schema.NO_ANSWER)
    columns[schema.TRUE_RANK] = np.where(
        answered, true_rank(scores, label), rank_of_no_answer(logits.shape[1])
    )
    return columns


def _el2n(
    p: npt.NDArray[np.float64], rows: npt.NDArray[Any], label: Labels
) -> npt.NDArray[np.float64]:
    """Distance from the true answer; ``p`` is modified and restored, which saves a copy."""
    true_p = p[rows, label]
    p[rows, label] -= 1.0
    distance = np.linalg.norm(p, axis=1)
    p[rows, label] = true_p
    return np.asarray(distance)


def _margin(
    p: npt.NDArray[np.float64], rows: npt.NDArray[Any], prediction: Labels
) -> npt.NDArray[np.float64]:
    """Largest minus second probability; of one class the probability itself."""
    if p.shape[1] < 2:
        return p[:, 0].copy()
    best = p[rows, prediction]
    p[rows, prediction] = -1.0
    second = p.max(axis=1)
    p[rows, prediction] = best
    # Different scores can round to one probability, so the second may exceed the best.
    return np.asarray(np.abs(best - second))


def _floored(p: npt.NDArray[np.float64], floor: float) -> npt.NDArray[np.float64]:
    """Replace probabilities of 0, or too near it for logarithms, by the floor."""
    return np.where(p < _ZERO, floor, p) if floor else p


def _kl(log_p: npt.NDArray[np.float64], log_q: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    # Rounding can leave a divergence of equal distributions slightly below 0.
    terms = log_p - log_q
    terms *= np.exp(log_p)
    return np.maximum(terms.sum(axis=1), 0.0)


def _table(columns: dict[str, npt.NDArray[Any]], n: int, n_classes: int) -> pa.Table:
    layout = schema.predictions_schema(n_classes)
    columns = columns | {schema.IMAGE_ID: np.arange(n)}
    return pa.table([_column(columns.get(f.name), f.type, n) for f in layout], schema=layout)


def _column(values: npt.NDArray[Any] | None, kind: pa.DataType, n: int) -> pa.Array:
    """Build one column, with null for NaN."""
    if values is None:
        return pa.nulls(n, kind)
    unknown = np.isnan(values) if values.dtype.kind == "f" else np.zeros(n, bool)
    values = np.where(unknown, 0, values) if unknown.any() else values
    return pa.array(values.astype(kind.to_pandas_dtype()), type=kind, mask=unknown)
