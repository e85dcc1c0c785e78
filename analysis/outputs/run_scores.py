"""All scores of one run, and its predictions: what they are is decided over all of them."""

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
        Of the scores; None of labels.
    grid : Grid or None
        What whole numbers stand for; None of floating-point numbers, and of labels.
    columns : tuple of int or None
        Which scores are the classes, in their order; None: all, as they are.
    """

    scores: Array
    kind: Kind
    summary: ScoreSummary | None
    grid: Grid | None = None
    columns: tuple[int, ...] | None = None

    def logits(self, start: int, stop: int) -> Array:
        """Logits of the classes of some rows; of probabilities their logarithms."""
        block = self.scores[start:stop]
        if self.kind == "probabilities" and self.summary is not None:
            block = log_probabilities(block, self.summary)
        if self.columns is not None:
            block = block[:, list(self.columns)]
        return block if block.dtype == np.float64 else block.astype(np.float32, copy=False)

    @property
    def floor(self) -> float:
        """What a probability of 0 counts as; 0 for logits, which have none."""
        if self.kind != "probabilities" or self.summary is None:
            return 0.0
        return self.summary.floor

    def blocks(self) -> Iterator[tuple[int, int]]:
        """First and last place of blocks of rows, of which a table is made at a time."""
        n, size = len(self.scores), _rows(self.scores)
        for start in range(0, max(n, 1), size):
            yield start, min(n, start + size)


def _rows(scores: Array) -> int:
    """Rows of a block: of many classes fewer, so that memory is bounded."""
    return min(_ROWS, max(64, _VALUES // max(1, *scores.shape[1:]))) if scores.ndim > 1 else _ROWS


def run_scores(
    scores: Array,
    asked: str = "auto",
    *,
    name: str = "the scores",
    columns: tuple[int, ...] | None = None,
) -> RunScores:
    """Decide what the scores of a run are, over all of them.

    Parameters
    ----------
    scores : array
        (N, C), (N, 1) of the second of two classes, or labels (N,).
    asked : str
        ``auto``, or what they are said to be.
    name : str
        What messages call them.
    columns : tuple of int, optional
        Which of them are classes, in their order; what they are is decided over all of them, since
        probabilities of some classes do not sum to 1.

    Raises
    ------
    UserError
        They are those of a multi-label model, or not what they are said to be.
    """
    if scores.ndim == 1:
        return RunScores(scores, "labels", None)
    if scores.shape[1] == 1:
        scores = two_classes(scores, asked)
    size, grid = _rows(scores), None
    if scores.dtype.kind != "f":
        blocks = (scores[start : start + size] for start in range(0, len(scores), size))
        grid = grid_of(blocks, asked, name=name)
        scores = grid.scores(scores)
    summary = ScoreSummary()
    for start in range(0, len(scores), size):
        summary.add(scores[start : start + size])
    return RunScores(scores, kind_of(summary, asked, name=name), summary, grid, columns)


def table_of(
    run: RunScores,
    label: Labels,
    n_classes: int,
    dense: RunScores | None = None,
    *,
    n_threads: int = 1,
) -> pa.Table:
    """Prediction columns of a run, one row an image.

    ``dense`` are the scores that it is compared with, image by image; None without. ``n_threads``
    compute blocks of rows beside one another.
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
    # A copy of all scores only where one needs it.
    finite = scores if answered.all() else np.where(answered[:, None], scores, 0)
    best = finite.argmax(axis=1)
    return np.where(answered, best, schema.NO_ANSWER)


def notes_of(run: RunScores, label: Labels) -> list[str]:
    """Say what is remarkable of a run's scores."""
    found = [] if run.grid is None else [run.grid.words(run.kind)]
    if run.summary is not None and run.summary.n_unanswered:
        found.append(
            f"{run.summary.n_unanswered:,} images have no answer: a score that is not finite (of "
            "16-bit floats usually an overflow); they count as wrong"
        )
    if run.kind == "probabilities" and run.summary is not None:
        if run.summary.off > 1e-2:
            found.append(
                f"probabilities whose rows sum to 1 but for {run.summary.off:.3g}, as quantized "
                "ones do: they are renormalized"
            )
        zeros = n_zeros(run.scores, label)
        if zeros:
            found.append(
                f"the true class has a probability of 0 on {zeros:,} images; it counts as half the "
                f"smallest step, {run.summary.floor:.3g}"
            )
    return found
