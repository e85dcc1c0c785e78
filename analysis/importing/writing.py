"""The prediction table of one run, from rows put aside or from scores."""

from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from analysis import schema
from analysis.errors import UserError
from analysis.importing.scores import Scores
from analysis.importing.spool import RowArray, Rows
from analysis.outputs.prediction import prediction_table, rank_of_no_answer

IntArray = npt.NDArray[Any]


def table_of_rows(
    rows: RowArray,
    number: npt.NDArray[np.int64],
    place: IntArray,
    label: IntArray,
    class_of_code: npt.NDArray[np.int32],
    n_classes: int,
    where: Rows,
) -> pa.Table:
    """Predictions of one run sorted by image; what was not brought is null.

    Where a prediction is missing there is no answer: it is -1, without confidence, and wrong in
    every top k.

    Parameters
    ----------
    rows, number
        The run's rows and the running number of each.
    place : integer array
        ``image_id`` of each row, -1 where the image is left out.
    label : integer array
        Class id of the image of each row.

    Raises
    ------
    UserError
        A rank contradicts its prediction, or is none among so many classes.
    """
    keys: Any = rows
    kept = np.flatnonzero(place >= 0)
    kept = kept[np.argsort(place[kept], kind="stable")]
    prediction = class_of_code[keys["prediction"]]
    answered = prediction != schema.NO_ANSWER
    rank = np.where(answered, keys["true_rank"], rank_of_no_answer(n_classes))
    wrong = (rank >= n_classes) | ((rank >= 0) & ((rank == 0) != (prediction == label)))
    wrong &= answered & (place >= 0)
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
        schema.CONFIDENCE: np.where(answered, keys["confidence"], np.nan),
        schema.TRUE_CONFIDENCE: np.where(answered, keys["true_confidence"], np.nan),
        schema.TRUE_RANK: rank,
    }
    layout = schema.predictions_schema(n_classes)
    arrays = [
        _column(columns[field.name][kept], field)
        if field.name in columns
        else pa.nulls(len(kept), field.type)
        for field in layout
    ]
    return pa.table(arrays, schema=layout)


def _column(values: IntArray, field: pa.Field) -> pa.Array:
    unknown = np.isnan(values) if values.dtype.kind == "f" else values < 0
    mask = unknown if field.nullable and unknown.any() else None
    kind = field.type
    return pa.array(values.astype(kind.to_pandas_dtype()), type=kind, mask=mask)


def table_of_scores(
    scores: Scores,
    dense: Scores | None,
    label: IntArray,
    place: IntArray,
    columns: IntArray | None,
    dense_columns: IntArray | None = None,
) -> pa.Table:
    """Predictions of one run from its scores, and KL from those of its dense run where given.

    The formulas are those of every other run. The result is sorted by image, as ``place`` rises.

    Parameters
    ----------
    label, place : integer arrays
        Class id and ``image_id`` of each row, -1 where the image is left out.
    columns, dense_columns : integer arrays, optional
        Which column of the scores each class is.
    """
    tables = []
    start = 0
    beside = None if dense is None else dense.blocks()
    known = np.maximum(label, 0).astype(np.int64)
    for block in scores.blocks():
        here = slice(start, start + len(block))
        of_dense = None if beside is None else next(beside)
        if of_dense is not None and dense_columns is not None:
            of_dense = of_dense[:, dense_columns]
        ordered = block if columns is None else block[:, columns]
        tables.append(
            prediction_table(ordered, known[here], dense_logits=of_dense, floor=scores.floor)
        )
        start += len(block)
    if beside is not None:
        next(beside, None)  # to its end, where its checksum is compared with what was read
    table = pa.concat_tables(tables).combine_chunks()
    image_id = pa.array(place, pa.int32())
    table = table.set_column(0, table.schema.field(schema.IMAGE_ID), image_id)
    table = table.filter(pa.array(place >= 0))
    kept = place[place >= 0]
    is_sorted = bool((kept[1:] > kept[:-1]).all())
    return table if is_sorted else table.take(pa.array(np.argsort(kept, kind="stable")))


def n_unanswered(table: pa.Table) -> int:
    """Count the images that a run gives no answer of."""
    return int((table[schema.PREDICTION].to_numpy() == schema.NO_ANSWER).sum())
