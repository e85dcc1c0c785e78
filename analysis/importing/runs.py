"""The runs of an import: which outputs their models have, checked and written aside."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
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
from analysis.importing.writing import IntArray, n_unanswered, table_of_rows, table_of_scores
from analysis.outputs.label_space import read_class_names
from analysis.outputs.order import check_order
from analysis.presentation.formatting import many
from analysis.store import SweepFolder
from analysis.store.manifest import FileRecord

Told = Callable[[int, int], None]


def outputs_of(asked: ImportConfig, read: Read) -> Outputs:
    """Say what the files and the options know of the models' outputs.

    Raises
    ------
    UserError
        The files differ in it, or contradict the options.
    """
    sizes: dict[int | None, Path] = {
        one.scores.n_classes: one.scores.path for one in read.scored.values()
    }
    if len(sizes) > 1:
        (n, path), (other, beside) = list(sizes.items())[:2]
        raise UserError(f"{beside} has {other} classes (columns) and {path} has {n}")
    n_scores = next(iter(sizes), None)
    subject = "the model" if n_scores is None else f"{sizes[n_scores]}"
    if None not in (n_scores, asked.n_classes) and n_scores != asked.n_classes:
        raise UserError(f"{subject} has {n_scores} classes, and --classes {asked.n_classes}")
    names: tuple[str, ...] = ()
    source = ""
    if asked.class_file is not None:
        names, source = read_class_names(asked.class_file), f"--classes {asked.class_file}"
    else:
        own = next((one.scores for one in read.scored.values() if one.scores.names), None)
        if own is not None:
            names, source = own.names, f"{own.path}"
    n = asked.n_classes if n_scores is None else n_scores
    return Outputs(n, names, source, asked.label_offset, subject, n_scores is not None)


def dense_of(run: Run, read: Read, there: set[Run], *, paired: bool) -> Scores | None:
    """Scores of the dense run that a run is compared with image by image; None without.

    That is the one of its seed where runs are ``paired``, else the only one there is where every
    variant has one run alone.
    """
    variant_id, seed = run
    if variant_id == DENSE_ID:
        return None
    dense = {s: code for (v, s), code in read.codes.runs.items() if v == DENSE_ID}
    code = dense.get(seed) if paired else None
    if not paired and len(dense) == 1 and _is_single({*read.codes.runs, *there}):
        code = next(iter(dense.values()))
    if code not in read.scored:
        return None
    scores = read.scored[code].scores
    # Where images are left out, or come in another order, the two are not the same row by row.
    image = read.scored[read.codes.runs[run]].image
    return scores if np.array_equal(read.scored[code].image, image) else None


def _is_single(runs: set[Run]) -> bool:
    return len({variant_id for variant_id, _ in runs}) == len(runs)


class RunWriter:
    """Writes the runs of an import aside, dense first, and checks the order of its classes."""

    def __init__(
        self,
        asked: ImportConfig,
        made: SweepFolder,
        read: Read,
        keys: ImageKeys,
        classes: Classes,
        images: ImageTable,
        there: set[Run],
    ) -> None:
        self._asked, self._made, self._read, self._there = asked, made, read, there
        self._keys, self._classes, self._images = keys, classes, images
        self.notes: list[str] = []

    def write(self, told: Told) -> dict[str, FileRecord]:
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
                dense = dense_of(run, read, self._there, paired=self._asked.paired)
                n_with_kl += dense is not None
                table, zeros[run] = self._of_scores(scored, dense)
            unanswered[run] = n_unanswered(table)
            if run[0] == DENSE_ID:
                self._check_order(run, table)
            path = self._made.prediction_path(*run)
            files[self._made.relative(path)] = self._made.write_predictions(*run, table, {})
            told(done, len(order))
        self._note("without an answer in {run}: counted wrong", unanswered)
        self._note(
            "whose true class has a probability of 0 in {run}: it counts as half the smallest step",
            zeros,
        )
        if read.scored and not n_with_kl:
            has_dense = any(variant_id == DENSE_ID for variant_id, _ in read.codes.runs)
            self.notes.append(
                "KL from dense is not computed: it takes scores of a dense run and of one made "
                "from it in one import, one run a variant or --paired"
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
        held: Any = rows
        key = self._keys.of(held["image"])
        return table_of_rows(
            rows,
            number,
            self._images.place[key],
            self._images.label[key],
            self._classes.of_prediction,
            len(self._classes.names),
            self._read.rows,
        )

    def _of_scores(self, scored: Scored, dense: Scores | None) -> tuple[pa.Table, int]:
        key = self._keys.of(scored.image)
        place = self._images.place[key]
        label = np.where(place >= 0, self._images.label[key], -1)
        columns = self._columns(scored.scores)
        beside = None if dense is None else self._columns(dense)
        table = table_of_scores(scored.scores, dense, label, place, columns, beside)
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
        if self._asked.accept_classes:
            self.notes.append(f"{named(run)}: {finding.sentence} (--accept-classes)")
            return
        raise UserError(
            f"{named(run)}: {finding.sentence}. --accept-classes imports it as it is; or --classes "
            f"FILE with {many(len(self._classes.names), 'line')}:\n{finding.listing()}"
        )
