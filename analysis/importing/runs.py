"""The runs of an import: their outputs, prediction tables and class order."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from analysis import schema
from analysis.config import DENSE_ID
from analysis.errors import UserError
from analysis.importing.classes import Classes, Outputs
from analysis.importing.consistency import ImageTable
from analysis.importing.encode import Run
from analysis.importing.image_keys import ImageKeys
from analysis.importing.reading import Read, Scored, named, some
from analysis.importing.request import ImportConfig
from analysis.importing.scores import Scores
from analysis.importing.spool import RowArray, Rows
from analysis.outputs.label_space import read_class_names
from analysis.outputs.order import check_order
from analysis.outputs.prediction import prediction_table, rank_of_no_answer
from analysis.presentation.formatting import many
from analysis.store import SweepFolder
from analysis.store.manifest import FileRecord

OnProgress = Callable[[int, int], None]
IntArray = npt.NDArray[Any]


def outputs_of(config: ImportConfig, read: Read) -> Outputs:
    """Return what files and options say of the models' outputs.

    Raises
    ------
    UserError
        The files contradict each other or the options.
    """
    sizes: dict[int | None, Path] = {
        one.scores.n_classes: one.scores.path for one in read.scored.values()
    }
    if len(sizes) > 1:
        (n, path), (other, other_path) = list(sizes.items())[:2]
        raise UserError(f"{other_path} has {other} classes (columns) and {path} has {n}")
    n_scores = next(iter(sizes), None)
    subject = "the model" if n_scores is None else f"{sizes[n_scores]}"
    if None not in (n_scores, config.n_classes) and n_scores != config.n_classes:
        raise UserError(f"{subject} has {n_scores} classes, and --classes {config.n_classes}")
    names: tuple[str, ...] = ()
    source = ""
    if config.class_file is not None:
        names, source = read_class_names(config.class_file), f"--classes {config.class_file}"
    else:
        named_scores = next((one.scores for one in read.scored.values() if one.scores.names), None)
        if named_scores is not None:
            names, source = named_scores.names, f"{named_scores.path}"
    n = config.n_classes if n_scores is None else n_scores
    return Outputs(n, names, source, config.label_offset, subject, n_scores is not None)


def dense_of(run: Run, read: Read, existing: set[Run], *, paired: bool) -> Scores | None:
    """Return the scores of the dense run to compare a run with, image by image; or None.

    That is the dense run of its seed if runs are ``paired``, else the only one if every variant has
    one run.
    """
    variant_id, seed = run
    if variant_id == DENSE_ID:
        return None
    dense = {s: code for (v, s), code in read.codes.runs.items() if v == DENSE_ID}
    code = dense.get(seed) if paired else None
    if not paired and len(dense) == 1 and _is_single({*read.codes.runs, *existing}):
        code = next(iter(dense.values()))
    if code not in read.scored:
        return None
    scores = read.scored[code].scores
    # With left-out images or another order, the rows of the two do not match.
    image = read.scored[read.codes.runs[run]].image
    return scores if np.array_equal(read.scored[code].image, image) else None


def _is_single(runs: set[Run]) -> bool:
    return len({variant_id for variant_id, _ in runs}) == len(runs)


class RunWriter:
    """Writes the runs of an import, dense first, and checks the order of its classes."""

    def __init__(
        self,
        config: ImportConfig,
        made: SweepFolder,
        read: Read,
        keys: ImageKeys,
        classes: Classes,
        images: ImageTable,
        existing: set[Run],
    ) -> None:
        self._config, self._made, self._read, self._existing = config, made, read, existing
        self._keys, self._classes, self._images = keys, classes, images
        self.notes: list[str] = []

    def write(self, on_progress: OnProgress) -> dict[str, FileRecord]:
        """Write every run; return the record of each file by its name.

        Raises
        ------
        UserError
            Scores cannot be used, or the order of the classes looks wrong.
        """
        read = self._read
        order = sorted(read.codes.runs, key=lambda run: run[0] != DENSE_ID)
        files: dict[str, FileRecord] = {}
        unanswered: dict[Run, int] = {}
        zeros: dict[Run, int] = {}
        n_with_kl = 0
        for done, run in enumerate(order, start=1):
            code = read.codes.runs[run]
            scored = read.scored.get(code)
            if scored is None:
                table = self._of_rows(code)
            else:
                dense = dense_of(run, read, self._existing, paired=self._config.paired)
                n_with_kl += dense is not None
                table, zeros[run] = self._of_scores(scored, dense)
            unanswered[run] = n_unanswered(table)
            if run[0] == DENSE_ID:
                self._check_order(run, table)
            path = self._made.prediction_path(*run)
            files[self._made.relative(path)] = self._made.write_predictions(*run, table, {})
            on_progress(done, len(order))
        self._note("without an answer in {run}: counted wrong", unanswered)
        self._note(
            "whose true class has a probability of 0 in {run}: it counts as half the smallest step",
            zeros,
        )
        if read.scored and not n_with_kl:
            has_dense = any(variant_id == DENSE_ID for variant_id, _ in read.codes.runs)
            self.notes.append(
                "KL from dense is not computed: it needs scores of a dense run and of one made "
                "from it in one import, with one run a variant or --paired"
                + ("" if has_dense else "; name the dense file too, with --overwrite")
            )
        return files

    def _note(self, text: str, counts: dict[Run, int]) -> None:
        found = {run: n for run, n in counts.items() if n}
        if found:
            runs = some([f"{named(run)} ({n:,})" for run, n in found.items()])
            self.notes.append(f"{many(max(found.values()), 'image')} {text.format(run=runs)}")

    def _of_rows(self, code: int) -> pa.Table:
        rows, number = self._read.spool.read(code)
        columns: Any = rows
        key = self._keys.of(columns["image"])
        return table_of_rows(
            rows,
            number,
            self._images.ids[key],
            self._images.label[key],
            self._classes.of_prediction,
            len(self._classes.names),
            self._read.rows,
        )

    def _of_scores(self, scored: Scored, dense: Scores | None) -> tuple[pa.Table, int]:
        key = self._keys.of(scored.image)
        image_id = self._images.ids[key]
        label = np.where(image_id >= 0, self._images.label[key], -1)
        columns = self._columns(scored.scores)
        dense_columns = None if dense is None else self._columns(dense)
        table = table_of_scores(scored.scores, dense, label, image_id, columns, dense_columns)
        self.notes += [note for note in scored.scores.notes if note not in self.notes]
        outputs = label if columns is None else np.append(columns, -1)[label]
        return table, scored.scores.n_zeros(outputs.astype(np.int64))

    def _columns(self, scores: Scores) -> IntArray | None:
        return self._classes.columns(scores.names, f"{scores.path}")

    def _check_order(self, run: Run, table: pa.Table) -> None:
        label = self._images.label[self._images.kept]
        prediction = table[schema.PREDICTION].to_numpy()
        ids = table[schema.IMAGE_ID].to_numpy()
        finding = check_order(label[ids], prediction.astype(np.int64), self._classes.names)
        if not finding.is_wrong:
            return
        if self._config.accept_classes:
            self.notes.append(f"{named(run)}: {finding.sentence} (--accept-classes)")
            return
        raise UserError(
            f"{named(run)}: {finding.sentence}. --accept-classes imports it as it is; or --classes "
            f"FILE with {many(len(self._classes.names), 'line')}:\n{finding.listing()}"
        )


def table_of_rows(
    rows: RowArray,
    number: npt.NDArray[np.int64],
    image_id: IntArray,
    label: IntArray,
    class_of_code: npt.NDArray[np.int32],
    n_classes: int,
    where: Rows,
) -> pa.Table:
    """Return the predictions of one run sorted by image, with nulls for missing columns.

    A missing prediction means no answer: -1, without confidence, and wrong in every top k.

    Parameters
    ----------
    rows, number
        The run's rows and their numbers.
    image_id : integer array
        Id of the image of each row, -1 where the image is left out.
    label : integer array
        Class id of the image of each row.

    Raises
    ------
    UserError
        A rank contradicts its prediction or exceeds the number of classes.
    """
    keys: Any = rows
    kept = np.flatnonzero(image_id >= 0)
    kept = kept[np.argsort(image_id[kept], kind="stable")]
    prediction = class_of_code[keys["prediction"]]
    answered = prediction != schema.NO_ANSWER
    rank = np.where(answered, keys["true_rank"], rank_of_no_answer(n_classes))
    wrong = (rank >= n_classes) | ((rank >= 0) & ((rank == 0) != (prediction == label)))
    wrong &= answered & (image_id >= 0)
    if wrong.any():
        row = int(np.argmax(wrong))
        raise UserError(
            f"{where.where(number[row])}: column 'true_rank' is {rank[row]}; expected 0 exactly "
            f"where the prediction is the label, and less than {n_classes} (classes scored above "
            "the true one)"
        )
    columns: dict[str, IntArray] = {
        schema.IMAGE_ID: image_id,
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
    image_id: IntArray,
    columns: IntArray | None,
    dense_columns: IntArray | None = None,
) -> pa.Table:
    """Return the predictions of one run from its scores, with KL from its dense run if given.

    The result is sorted by image.

    Parameters
    ----------
    label, image_id : integer arrays
        Class id and ``image_id`` of each row, -1 for left-out images.
    columns, dense_columns : integer arrays, optional
        Score column of each class.
    """
    tables = []
    start = 0
    dense_blocks = None if dense is None else dense.blocks()
    known = np.maximum(label, 0).astype(np.int64)
    for block in scores.blocks():
        here = slice(start, start + len(block))
        of_dense = None if dense_blocks is None else next(dense_blocks)
        if of_dense is not None and dense_columns is not None:
            of_dense = of_dense[:, dense_columns]
        ordered = block if columns is None else block[:, columns]
        tables.append(
            prediction_table(ordered, known[here], dense_logits=of_dense, floor=scores.floor)
        )
        start += len(block)
    if dense_blocks is not None:
        next(dense_blocks, None)  # to its end, which verifies the checksum
    table = pa.concat_tables(tables).combine_chunks()
    id_column = pa.array(image_id, pa.int32())
    table = table.set_column(0, table.schema.field(schema.IMAGE_ID), id_column)
    table = table.filter(pa.array(image_id >= 0))
    kept = image_id[image_id >= 0]
    is_sorted = bool((kept[1:] > kept[:-1]).all())
    return table if is_sorted else table.take(pa.array(np.argsort(kept, kind="stable")))


def n_unanswered(table: pa.Table) -> int:
    """Count the images without an answer."""
    return int((table[schema.PREDICTION].to_numpy() == schema.NO_ANSWER).sum())
