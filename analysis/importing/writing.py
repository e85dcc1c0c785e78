"""The prediction table of one run, from rows put aside or from scores."""

from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from analysis import schema
from analysis.errors import UserError
from analysis.importing.encode import RowArray, Rows
from analysis.importing.npz import Scores
from analysis.outputs.prediction import prediction_table

IntArray = npt.NDArray[Any]


def table_of_rows(
    rows: RowArray,
    number: npt.NDArray[np.int64],
    place: IntArray,
    class_of_code: npt.NDArray[np.int32],
    n_classes: int,
    where: Rows,
) -> pa.Table:
    """Predictions of one run sorted by image; what was not brought is null.

    Parameters
    ----------
    rows, number
        The run's rows and the running number of each.
    place : integer array
        ``image_id`` of each row, -1 where the image is left out.

    Raises
    ------
    UserError
        A rank contradicts its prediction, or is none among so many classes.
    """
    keys: Any = rows
    kept = np.flatnonzero(place >= 0)
    kept = kept[np.argsort(place[kept], kind="stable")]
    prediction, label = class_of_code[keys["prediction"]], class_of_code[keys["label"]]
    rank = keys["true_rank"]
    wrong = (rank >= n_classes) | ((rank >= 0) & ((rank == 0) != (prediction == label)))
    if wrong.any():
        row = int(np.argmax(wrong))
        raise UserError(
            f"{where.where(number[row])}: column 'true_rank' is {rank[row]}; expected 0 exactly "
            f"where the prediction is the label, and less than {n_classes} (classes scored above "
            "the true one)"
        )
    columns: dict[str, IntArray] = {
        schema.IMAGE_ID: place,
        schema.PREDICTION: prediction,
        schema.CONFIDENCE: keys["confidence"],
        schema.TRUE_CONFIDENCE: keys["true_confidence"],
        schema.TRUE_RANK: rank,
    }
    layout = schema.predictions_schema(n_classes)
    arrays = [
        _column(columns[field.name][kept], field.type)
        if field.name in columns
        else pa.nulls(len(kept), field.type)
        for field in layout
    ]
    return pa.table(arrays, schema=layout)


def _column(values: IntArray, kind: pa.DataType) -> pa.Array:
    unknown = np.isnan(values) if values.dtype.kind == "f" else values < 0
    mask = unknown if unknown.any() else None
    return pa.array(values.astype(kind.to_pandas_dtype()), type=kind, mask=mask)


def table_of_scores(
    scores: Scores,
    dense: Scores | None,
    label: npt.NDArray[np.int64],
    place: IntArray,
) -> pa.Table:
    """Predictions of one run from its scores, and KL from those of its dense run where given.

    The formulas are those of every other run. The result is sorted by image, as ``place`` rises.
    """
    tables = []
    start = 0
    beside = None if dense is None else dense.blocks()
    for block in scores.blocks():
        here = slice(start, start + len(block))
        of_dense = None if beside is None else next(beside)
        tables.append(prediction_table(block, label[here], dense_logits=of_dense))
        start += len(block)
    if beside is not None:
        next(beside, None)  # to its end, where its checksum is compared with what was read
    table = pa.concat_tables(tables).combine_chunks()
    table = table.set_column(
        0, table.schema.field(schema.IMAGE_ID), pa.array(place[: scores.n], pa.int32())
    )
    return table.filter(pa.array(place[: scores.n] >= 0))
