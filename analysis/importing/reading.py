"""All files read once: rows put aside by run, scores opened, and what their codes stand for."""

from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from analysis import schema
from analysis.config import DENSE_ID
from analysis.errors import UserError
from analysis.filesystem.atomic import sha256
from analysis.importing.arrays import Arrays, open_arrays
from analysis.importing.encode import Codes, image_codes, normalise
from analysis.importing.images import Known, check_matchable
from analysis.importing.naming import WIDE, Naming, choose_columns
from analysis.importing.readers import Block, blocks
from analysis.importing.request import COLUMNS, AskedRun, ImportConfig
from analysis.importing.score_lines import ScoreLines
from analysis.importing.scores import Scores
from analysis.importing.sources import Source
from analysis.importing.spool import FIRST, HEADER, ROW, Rows, Spool
from analysis.importing.truth import Truth, read_paths, read_truth

Told = Callable[[int], None]


@dataclass
class Scored:
    """A run whose scores lie in a file: image and label of each row as codes, and its number."""

    scores: Scores
    image: npt.NDArray[np.int32]
    label: npt.NDArray[np.int32]
    row: npt.NDArray[np.int64]


@dataclass
class Read:
    """What reading the files has left: rows by run in the spool, scores by run, and their codes.

    ``in_order`` are the codes of the images in the order of files of arrays, where ``--paths`` says
    it.
    """

    codes: Codes
    spool: Spool
    scored: dict[int, Scored] = field(default_factory=dict)
    files: list[dict[str, Any]] = field(default_factory=list)
    unread: dict[str, list[str]] = field(default_factory=dict)
    understood: dict[str, dict[str, str]] = field(default_factory=dict)
    truth: Truth | None = None
    in_order: npt.NDArray[np.int32] | None = None
    by_row: list[str] = field(default_factory=list)

    @property
    def rows(self) -> Rows:
        """Where each row came from."""
        return self.codes.rows

    @property
    def n_ids(self) -> int:
        """One more than the highest ``image_id``."""
        return self.codes.highest_id + 1


def read_files(
    asked: ImportConfig,
    files: list[Source],
    known: Known | None,
    spool: Spool,
    aside: Callable[[int], Path],
    told: Told,
) -> Read:
    """Read every file.

    Parameters
    ----------
    aside : callable
        Takes a number, gives a file where scores may lie meanwhile.
    told : callable
        Hears how many bytes of all files are read.

    Raises
    ------
    UserError
        A file or a value in it cannot be used.
    """
    reader = _Reader(asked, files, known, spool, aside)
    read, before = reader.read, 0
    for source in files:
        start = read.rows.total
        if source.is_array:
            reader.arrays(source)
        else:
            reader.table(source, partial(_after, told, before))
        before += source.path.stat().st_size
        told(before)
        record = {"file": source.path.name, "sha256": sha256(source.path)}
        read.files.append(record | {"rows": read.rows.total - start})
    if asked.labels is not None:
        read.truth = read_truth(Path(asked.labels), read.codes, asked.columns)
    return read


def _after(told: Told, before: int, n: int) -> None:
    told(before + n)


class _Reader:
    """Reads one file after the other."""

    def __init__(
        self,
        asked: ImportConfig,
        files: list[Source],
        known: Known | None,
        spool: Spool,
        aside: Callable[[int], Path],
    ) -> None:
        self._asked, self._known, self._aside = asked, known, aside
        self._files = files
        self._has_labels = known is not None or asked.labels is not None
        self._naming = Naming(asked.columns, asked.wide_runs, self._has_labels)
        self._is_settled = False
        self.read = Read(Codes(Rows(), asked.dense or DENSE_ID), spool)
        self._check()
        if asked.paths is not None:
            self._settle_key(has_path=True, has_id=False)
            self._read_paths(Path(asked.paths))

    def _check(self) -> None:
        has_arrays = any(one.is_array for one in self._files)
        if not has_arrays and self._asked.paths is not None:
            raise UserError(
                f"--paths {self._asked.paths}: expected with .npy or .npz files, whose rows name "
                "no image"
            )
        if self._asked.wide and all(one.is_array or one.run is not None for one in self._files):
            raise UserError(f"--wide {self._asked.wide[0]}: expected with a table among FILES")
        if all(one.is_array for one in self._files):
            for ours, theirs in self._asked.columns.items():
                is_label = self._asked.labels is not None and ours != schema.PREDICTION
                if ours in COLUMNS and ours != schema.PREDICTION and not is_label:
                    raise UserError(
                        f"--map {ours}={theirs}: only .npz files are given, which have no column "
                        f"'{ours}'; their parts are logits, probabilities, prediction and labels"
                    )

    def _read_paths(self, path: Path) -> None:
        codes, names = self.read.codes, read_paths(path)
        codes.begin(f"--paths {path}", FIRST)
        first = codes.rows.take(len(names))
        found = image_codes(names, codes, lambda i: codes.rows.where(first + i))
        if len(np.unique(found)) < len(found):
            twice = int(np.flatnonzero(np.bincount(found) > 1)[0])
            raise UserError(
                f"--paths {path}: {names[int(np.argmax(found == twice))]!r:.120} and another line "
                "are the same image"
            )
        self.read.in_order = found

    def _settle_key(self, *, has_path: bool, has_id: bool) -> None:
        """Decide whether images are known by path or by id; the first file says it for all."""
        if self._is_settled:
            return
        self._is_settled = True
        codes, known = self.read.codes, self._known
        is_matchable = known is not None and known.paths is not None
        codes.by_path = has_path and (is_matchable or not has_id)
        if codes.by_path and known is not None:
            check_matchable(known, by_path=True)
            codes.fix_paths(known.paths or [], known.what)

    def table(self, source: Source, told: Told) -> None:
        """Read a table."""
        codes, path = self.read.codes, source.path
        codes.begin(str(path), HEADER if source.kind == "csv" else FIRST)
        start = codes.rows.total
        is_wide = bool(self._naming.wide) and source.run is None
        mapped = self._asked.columns.get(schema.LABEL)
        lines = ScoreLines(path, self._aside(len(self.read.files)), [mapped] if mapped else [])

        def choose(names: list[str]) -> dict[str, str]:
            is_by_row = is_wide or source.run is not None or lines.n > 0
            chosen = choose_columns(
                path, names, self._naming, is_wide=is_wide, has_run=source.run is not None,
                is_by_row=is_by_row,
            )  # fmt: skip
            has_path, has_id = (one in chosen.columns for one in (schema.PATH, schema.IMAGE_ID))
            self._settle_key(has_path=has_path, has_id=has_id)
            codes.is_by_row = is_by_row and not has_path and not has_id
            if codes.is_by_row and path.name not in self.read.by_row:
                self.read.by_row.append(path.name)
            if unread := [name for name in names if name not in chosen.columns.values()]:
                self.read.unread.setdefault(path.name, unread)
            if chosen.understood:
                self.read.understood.setdefault(path.name, chosen.understood)
            return chosen.columns

        with closing(lines):
            flatten = lines.flatten if source.kind == "json" else None
            for block in blocks(path, source.kind, choose, told, flatten):
                n = len(next(iter(block.values())))
                if n:
                    first = codes.rows.take(n)
                    for part, run in self._parts(block, source.run, is_wide=is_wide):
                        self.read.spool.add(*normalise(part, codes, first, run))
        if codes.rows.total == start:
            raise UserError(f"{path} has no row; expected one row an image and run")
        if lines.is_full:
            self._keep_scores(lines, start)

    def _parts(
        self, block: Block, run: AskedRun | None, *, is_wide: bool
    ) -> Iterator[tuple[Block, AskedRun | None]]:
        """Split a block of a wide table into one a run."""
        if not is_wide:
            yield block, run
            return
        shared = {name: column for name, column in block.items() if name in COLUMNS}
        for place, asked in enumerate(self._naming.wide):
            own = {
                name: block[WIDE.format(place, name)]
                for name in (schema.PREDICTION, schema.CONFIDENCE)
                if WIDE.format(place, name) in block
            }
            yield shared | own, asked

    def _keep_scores(self, lines: ScoreLines, start: int) -> None:
        """Take the scores of a file's rows in the place of its predictions."""
        for code in list(self.read.codes.runs.values()):
            if code in self.read.scored or not self.read.spool.has(code):
                continue
            rows, number = self.read.spool.read(code)
            if (number >= start).all():
                held: Any = rows
                scores = lines.scores(number - start, self._asked.scores)
                self.read.scored[code] = Scored(
                    scores, held["image"].copy(), held["label"].copy(), number
                )

    def arrays(self, source: Source) -> None:
        """Open a file of arrays; put predictions aside, and leave scores where they lie."""
        codes, path = self.read.codes, source.path
        arrays = open_arrays(
            path, source.run, self._asked.columns, asked=self._asked.scores,
            has_labels=self._has_labels,
        )  # fmt: skip
        self._settle_key(has_path=False, has_id=True)
        codes.begin(str(path), 0)
        first = codes.rows.take(arrays.n)

        def place(row: int) -> str:
            return codes.rows.where(first + row)

        image = self._images(arrays, path)
        label = np.full(arrays.n, -1, np.int32)
        if arrays.labels is not None:
            label = codes.classes.encode(pa.array(arrays.labels), schema.LABEL, place, first)
        variant, seed = arrays.run
        run = (codes.variant(variant, lambda _: str(path), 0), seed or 0)
        if run in codes.runs:
            there = codes.rows.file(codes.first_of_run[codes.runs[run]])
            raise UserError(f"{path}: the run {named(run)} is in {there} too; give it once")
        code = codes.run(*run, first)
        if arrays.scores is not None:
            number = np.arange(first, first + arrays.n)
            self.read.scored[code] = Scored(arrays.scores, image, self._same(label), number)
            return
        rows: Any = np.empty(arrays.n, ROW)
        rows["place"], rows["image"], rows["label"] = np.arange(arrays.n), image, label
        rows["path"] = rows["true_rank"] = -1
        rows["confidence"] = rows["true_confidence"] = np.nan
        rows["prediction"] = codes.classes.encode(
            pa.array(arrays.prediction), schema.PREDICTION, place, first, is_optional=True
        )
        self.read.spool.add(np.full(arrays.n, code, np.int32), rows, first)

    def _images(self, arrays: Arrays, path: Path) -> npt.NDArray[np.int32]:
        order = self.read.in_order
        if order is not None:
            if len(order) != arrays.n:
                raise UserError(
                    f"{path} has {arrays.n:,} rows, and --paths {self._asked.paths} "
                    f"{len(order):,} lines; expected one an image"
                )
            return order
        if self.read.codes.by_path:
            raise UserError(
                f"{path} has its images in order, and other files name theirs by path; --paths "
                "FILE says the path of each row"
            )
        self.read.codes.highest_id = max(self.read.codes.highest_id, arrays.n - 1)
        return np.arange(arrays.n, dtype=np.int32)

    def _same(self, label: npt.NDArray[np.int32]) -> npt.NDArray[np.int32]:
        """Labels as another run has them, so that the same ones lie in memory once."""
        others = (one.label for one in self.read.scored.values())
        return next((other for other in others if np.array_equal(other, label)), label)


def named(run: tuple[str, int]) -> str:
    """Name a run for a person."""
    return f"{run[0]}, seed {run[1]}"


_NAMED = 3


def some(values: list[str]) -> str:
    """Name the first of several."""
    named = ", ".join(values[:_NAMED])
    return named + (f" and {len(values) - _NAMED} more" if len(values) > _NAMED else "")
