"""From logits to the columns of a run's predictions. Importable without torch."""

from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from analysis import schema
from analysis.errors import RunError

Logits = npt.NDArray[np.floating[Any]]


def log_softmax(logits: Logits) -> npt.NDArray[np.float64]:
    """Log-probabilities in float64, shape (N, C)."""
    shifted = logits.astype(np.float64) - logits.max(axis=1, keepdims=True)
    return np.asarray(shifted - np.log(np.exp(shifted).sum(axis=1, keepdims=True)))


def true_rank(logits: Logits, label: npt.NDArray[np.int64]) -> npt.NDArray[np.int64]:
    """Number of classes scored above the true one, equal scores in index order, shape (N,).

    0 exactly where the prediction (the first largest score) is the label.
    """
    score = np.take_along_axis(logits, label[:, None], axis=1)
    earlier = np.arange(logits.shape[1]) < label[:, None]
    return np.asarray(((logits > score) | ((logits == score) & earlier)).sum(axis=1))


def prediction_table(
    logits: Logits, label: npt.NDArray[np.int64], *, dense_logits: Logits | None = None
) -> pa.Table:
    """Prediction columns of one run, one row an image.

    ``el2n = || softmax - onehot ||_2`` of this trained run (Paul et al. 2021 measure it early in
    training); ``kl_from_dense = KL(p_dense || p_run)`` in nats, null without ``dense_logits``.

    Parameters
    ----------
    logits, dense_logits : float arrays, shape (N, C)
        Of this run, and of the dense run it is paired with.
    label : integer array, shape (N,)

    Raises
    ------
    RunError
        A logit is not finite: the run diverged.
    """
    if not np.isfinite(logits).all():
        raise RunError("the model's outputs are not finite: training diverged; try a smaller --lr")
    log_p = log_softmax(logits)
    p = np.exp(log_p)
    rows = np.arange(len(label))
    prediction = logits.argmax(axis=1)
    onehot = np.zeros_like(p)
    onehot[rows, label] = 1.0
    columns: dict[str, npt.NDArray[Any] | None] = {
        schema.IMAGE_ID: rows,
        schema.PREDICTION: prediction,
        schema.CONFIDENCE: p[rows, prediction],
        schema.TRUE_CONFIDENCE: p[rows, label],
        schema.TRUE_RANK: true_rank(logits, label),
        schema.KL_FROM_DENSE: None
        if dense_logits is None
        else _kl(log_softmax(dense_logits), log_p),
        schema.EL2N: np.linalg.norm(p - onehot, axis=1),
    }
    layout = schema.predictions_schema(logits.shape[1])
    return pa.table([_column(columns[f.name], f.type, len(label)) for f in layout], schema=layout)


def _kl(log_p: npt.NDArray[np.float64], log_q: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    # Rounding can leave a divergence of equal distributions a hair below 0.
    return np.maximum((np.exp(log_p) * (log_p - log_q)).sum(axis=1), 0.0)


def _column(values: npt.NDArray[Any] | None, kind: pa.DataType, n: int) -> pa.Array:
    if values is None:
        return pa.nulls(n, kind)
    return pa.array(values.astype(kind.to_pandas_dtype()), type=kind)
