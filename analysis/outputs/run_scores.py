"""Scores of one run, whose kind is decided over all of them, and its predictions."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from analysis import schema
from analysis.outputs.prediction import Labels, label_table, prediction_table
from analysis.outputs.scores import (
    Array,
    Kind,
    ScoreSummary,
    kind_of,
    log_probabilities,
    n_zeros,
    two_classes,
)
from analysis.outputs.whole_numbers import Grid, grid_of

_ROWS = 16_384
_VALUES = 2**21


@dataclass(frozen=True)
class RunScores:
    """Scores of one run.

    Parameters
    ----------
    scores : array
        (N, C), or labels (N,).
    kind : {"logits", "probabilities", "labels"}
    summary : ScoreSummary or None
        Of the scores; None for labels.
    grid : Grid or None
        Scale of whole numbers; None for floating-point numbers and labels.
    columns : tuple of int or None
        Indices of the scores of the classes, in order; None: all scores.
    """

    scores: Array
    kind: Kind
    summary: ScoreSummary | None
    grid: Grid | None = None
    columns: tuple[int, ...] | None = None

    def logits(self, start: int, stop: int) -> Array:
        """Return the logits of the classes of some rows; for probabilities their logarithms."""
        block = self.scores[start:stop]
        if self.kind == "probabilities" and self.summary is not None:
            block = log_probabilities(block, self.summary)
        if self.columns is not None:
            block = block[:, list(self.columns)]
        return block if block.dtype == np.float64 else block.astype(np.float32, copy=False)

    @property
    def floor(self) -> float:
        """Value for probabilities of 0; 0 for logits."""
        if self.kind != "probabilities" or self.summary is None:
            return 0.0
        return self.summary.floor

    def blocks(self) -> Iterator[tuple[int, int]]:
        """Yield start and stop of the blocks of rows that are processed at a time."""
        n, size = len(self.scores), _rows(self.scores)
        for start in range(0, max(n, 1), size):
            yield start, min(n, start + size)


def _rows(scores: Array) -> int:
    """Number of rows in a block: fewer for many classes, so that memory is bounded."""
    return min(_ROWS, max(64, _VALUES // max(1, *scores.shape[1:]))) if scores.ndim > 1 else _ROWS


def run_scores(
    scores: Array,
    kind: str = "auto",
    *,
    name: str = "the scores",
    columns: tuple[int, ...] | None = None,
) -> RunScores:
    """Decide the kind of the scores of a run, over all of them.

    Parameters
    ----------
    scores : array
        (N, C), (N, 1) of the second of two classes, or labels (N,).
    kind : str
        ``auto``, or the declared kind.
    name : str
        Name of the scores in messages.
    columns : tuple of int, optional
        Indices of the scores of the classes, in order. The kind is decided over all scores, since
        probabilities of some classes do not sum to 1.

    Raises
    ------
    UserError
        They are those of a multi-label model, or not of the declared kind.
    """
    if scores.ndim == 1:
        return RunScores(scores, "labels", None)
    if scores.shape[1] == 1:
        scores = two_classes(scores, kind)
    size, grid = _rows(scores), None
    if scores.dtype.kind != "f":
        blocks = (scores[start : start + size] for start in range(0, len(scores), size))
        grid = grid_of(blocks, kind, name=name)
        scores = grid.scores(scores)
    summary = ScoreSummary()
    for start in range(0, len(scores), size):
        summary.add(scores[start : start + size])
    return RunScores(scores, kind_of(summary, kind, name=name), summary, grid, columns)


def table_of(
    run: RunScores,
    label: Labels,
    n_classes: int,
    dense: RunScores | None = None,
    *,
    n_threads: int = 1,
) -> pa.Table:
    """Return the prediction columns of a run, one row an image.

    ``dense`` are the scores that it is compared with, image by image, if any. Blocks of rows are
    computed by ``n_threads`` in parallel.
    """
    if run.kind == "labels":
        return label_table(run.scores, n_classes)
    beside = None if dense is None or dense.kind == "labels" else dense

    def part(rows: tuple[int, int]) -> pa.Table:
        of_dense = None if beside is None else beside.logits(*rows)
        logits, here = run.logits(*rows), label[slice(*rows)]
        return prediction_table(logits, here, dense_logits=of_dense, floor=run.floor)

    with ThreadPoolExecutor(n_threads) as pool:
        parts = list((pool.map if n_threads > 1 else map)(part, run.blocks()))
    table = pa.concat_tables(parts).combine_chunks()
    places = pa.array(np.arange(len(label)), table.schema.field(0).type)
    return table.set_column(0, table.schema.field(0), places)


def predictions(scores: Array) -> npt.NDArray[np.int64]:
    """Predicted class of each image, -1 where a score is not finite, (n,)."""
    if scores.ndim == 1:
        return scores.astype(np.int64)
    answered: npt.NDArray[np.bool_] = np.asarray(np.isfinite(scores).all(axis=1))
    # Copy the scores only if some are not finite.
    finite = scores if answered.all() else np.where(answered[:, None], scores, 0)
    best = finite.argmax(axis=1)
    return np.where(answered, best, schema.NO_ANSWER)


def notes_of(run: RunScores, label: Labels) -> list[str]:
    """Return notes on a run's scores: their interpretation, missing answers, zeros."""
    notes = [] if run.grid is None else [run.grid.words(run.kind)]
    if run.summary is not None and run.summary.n_unanswered:
        notes.append(
            f"{run.summary.n_unanswered:,} images have no answer: a score that is not finite (of "
            "16-bit floats usually an overflow); they count as wrong"
        )
    if run.kind == "probabilities" and run.summary is not None:
        if run.summary.off > 1e-2:
            notes.append(
                f"probabilities whose rows sum to 1 within {run.summary.off:.3g}, as quantized "
                "ones do: they are renormalized"
            )
        zeros = n_zeros(run.scores, label)
        if zeros:
            notes.append(
                f"the true class has a probability of 0 on {zeros:,} images; it counts as half the "
                f"smallest step, {run.summary.floor:.3g}"
            )
    return notes
