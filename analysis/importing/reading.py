"""Read all files of an import once: spool rows by run, open scores, collect codes."""

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
from analysis.importing.encode import Codes, encode_block, image_codes
from analysis.importing.images import Known, check_matchable
from analysis.importing.naming import WIDE, Naming, choose_columns
from analysis.importing.readers import Block, blocks
from analysis.importing.request import COLUMNS, ImportConfig, RunSpec
from analysis.importing.scores import ScoreLines, Scores
from analysis.importing.sources import Source
from analysis.importing.spool import FIRST, HEADER, ROW, Rows, Spool
from analysis.importing.truth import Truth, read_paths, read_truth

OnProgress = Callable[[int], None]


@dataclass
class Scored:
    """A run with scores in a file: image and label code of each row, and its number."""

    scores: Scores
    image: npt.NDArray[np.int32]
    label: npt.NDArray[np.int32]
    row: npt.NDArray[np.int64]


@dataclass
class Read:
    """The content of all files: spooled rows by run, scores by run, and their codes.

    ``in_order`` are the image codes in the order of array files, from ``--paths``.
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
        """Source of each row."""
        return self.codes.rows

    @property
    def n_ids(self) -> int:
        """One more than the highest ``image_id``."""
        return self.codes.highest_id + 1


def read_files(
    config: ImportConfig,
    files: list[Source],
    known: Known | None,
    spool: Spool,
    aside: Callable[[int], Path],
    on_bytes: OnProgress,
) -> Read:
    """Read every file of an import.

    Parameters
    ----------
    aside : callable
        Takes a number, returns a path for a temporary file of scores.
    on_bytes : callable
        Receives the number of bytes read of all files.

    Raises
    ------
    UserError
        A file or a value in it cannot be used.
    """
    reader = _Reader(config, files, known, spool, aside)
    read, n_bytes = reader.read, 0
    for source in files:
        start = read.rows.total
        if source.is_array:
            reader.arrays(source)
        else:
            reader.table(source, partial(_add, on_bytes, n_bytes))
        n_bytes += source.path.stat().st_size
        on_bytes(n_bytes)
        record = {"file": source.path.name, "sha256": sha256(source.path)}
        read.files.append(record | {"rows": read.rows.total - start})
    if config.labels is not None:
        read.truth = read_truth(Path(config.labels), read.codes, config.columns)
    return read


def _add(on_bytes: OnProgress, before: int, n: int) -> None:
    on_bytes(before + n)


class _Reader:
    """Reads the files one by one."""

    def __init__(
        self,
        config: ImportConfig,
        files: list[Source],
        known: Known | None,
        spool: Spool,
        aside: Callable[[int], Path],
    ) -> None:
        self._config, self._known, self._aside = config, known, aside
        self._files = files
        self._has_labels = known is not None or config.labels is not None
        self._naming = Naming(config.columns, config.wide_runs, self._has_labels)
        self._has_key = False
        self.read = Read(Codes(Rows(), config.dense or DENSE_ID), spool)
        self._check()
        if config.paths is not None:
            self._choose_key(has_path=True, has_id=False)
            self._read_paths(Path(config.paths))

    def _check(self) -> None:
        has_arrays = any(one.is_array for one in self._files)
        if not has_arrays and self._config.paths is not None:
            raise UserError(
                f"--paths {self._config.paths}: it goes with .npy or .npz files, whose rows "
                "name no image"
            )
        if self._config.wide and all(one.is_array or one.run is not None for one in self._files):
            raise UserError(f"--wide {self._config.wide[0]}: it goes with a table among FILES")
        if all(one.is_array for one in self._files):
            for ours, theirs in self._config.columns.items():
                is_label = self._config.labels is not None and ours != schema.PREDICTION
                if ours in COLUMNS and ours != schema.PREDICTION and not is_label:
                    raise UserError(
                        f"--map {ours}={theirs}: there are only .npz files, which have no column "
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

    def _choose_key(self, *, has_path: bool, has_id: bool) -> None:
        """Choose path or id as the images' key, by the first file."""
        if self._has_key:
            return
        self._has_key = True
        codes, known = self.read.codes, self._known
        is_matchable = known is not None and known.paths is not None
        codes.by_path = has_path and (is_matchable or not has_id)
        if codes.by_path and known is not None:
            check_matchable(known, by_path=True)
            codes.fix_paths(known.paths or [], known.what)

    def table(self, source: Source, on_bytes: OnProgress) -> None:
        """Read a table into the spool."""
        codes, path = self.read.codes, source.path
        codes.begin(str(path), HEADER if source.kind == "csv" else FIRST)
        start = codes.rows.total
        is_wide = bool(self._naming.wide) and source.run is None
        mapped = self._config.columns.get(schema.LABEL)
        lines = ScoreLines(path, self._aside(len(self.read.files)), [mapped] if mapped else [])

        def choose(names: list[str]) -> dict[str, str]:
            is_by_row = is_wide or source.run is not None or lines.n > 0
            chosen = choose_columns(
                path, names, self._naming, is_wide=is_wide, has_run=source.run is not None,
                is_by_row=is_by_row,
            )  # fmt: skip
            has_path, has_id = (one in chosen.columns for one in (schema.PATH, schema.IMAGE_ID))
            self._choose_key(has_path=has_path, has_id=has_id)
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
            for block in blocks(path, source.kind, choose, on_bytes, flatten):
                n = len(next(iter(block.values())))
                if n:
                    first = codes.rows.take(n)
                    for part, run in self._parts(block, source.run, is_wide=is_wide):
                        self.read.spool.add(*encode_block(part, codes, first, run))
        if codes.rows.total == start:
            raise UserError(f"{path} has no row; expected one row an image and run")
        if lines.is_full:
            self._keep_scores(lines, start)

    def _parts(
        self, block: Block, run: RunSpec | None, *, is_wide: bool
    ) -> Iterator[tuple[Block, RunSpec | None]]:
        """Split a block of a wide table into one block per run."""
        if not is_wide:
            yield block, run
            return
        shared = {name: column for name, column in block.items() if name in COLUMNS}
        for index, wide_run in enumerate(self._naming.wide):
            own = {
                name: block[WIDE.format(index, name)]
                for name in (schema.PREDICTION, schema.CONFIDENCE)
                if WIDE.format(index, name) in block
            }
            yield shared | own, wide_run

    def _keep_scores(self, lines: ScoreLines, start: int) -> None:
        """Replace the predictions of a file's runs by their scores."""
        for code in list(self.read.codes.runs.values()):
            if code in self.read.scored or not self.read.spool.has(code):
                continue
            rows, number = self.read.spool.read(code)
            if (number >= start).all():
                columns: Any = rows
                scores = lines.scores(number - start, self._config.scores)
                self.read.scored[code] = Scored(
                    scores, columns["image"].copy(), columns["label"].copy(), number
                )

    def arrays(self, source: Source) -> None:
        """Open a file of arrays; spool predictions, and leave scores in the file."""
        codes, path = self.read.codes, source.path
        arrays = open_arrays(
            path, source.run, self._config.columns, kind=self._config.scores,
            has_labels=self._has_labels,
        )  # fmt: skip
        self._choose_key(has_path=False, has_id=True)
        codes.begin(str(path), 0)
        first = codes.rows.take(arrays.n)

        def locate(row: int) -> str:
            return codes.rows.where(first + row)

        image = self._images(arrays, path)
        label = np.full(arrays.n, -1, np.int32)
        if arrays.labels is not None:
            label = codes.classes.encode(pa.array(arrays.labels), schema.LABEL, locate, first)
        variant, seed = arrays.run
        run = (codes.variant(variant, lambda _: str(path), 0), seed or 0)
        if run in codes.runs:
            other_file = codes.rows.file(codes.first_of_run[codes.runs[run]])
            raise UserError(f"{path}: the run {named(run)} is in {other_file} too; import it once")
        code = codes.run(*run, first)
        if arrays.scores is not None:
            number = np.arange(first, first + arrays.n)
            self.read.scored[code] = Scored(arrays.scores, image, self._same(label), number)
            return
        rows: Any = np.empty(arrays.n, ROW)
        rows["index"], rows["image"], rows["label"] = np.arange(arrays.n), image, label
        rows["path"] = rows["true_rank"] = -1
        rows["confidence"] = rows["true_confidence"] = np.nan
        rows["prediction"] = codes.classes.encode(
            pa.array(arrays.prediction), schema.PREDICTION, locate, first, is_optional=True
        )
        self.read.spool.add(np.full(arrays.n, code, np.int32), rows, first)

    def _images(self, arrays: Arrays, path: Path) -> npt.NDArray[np.int32]:
        order = self.read.in_order
        if order is not None:
            if len(order) != arrays.n:
                raise UserError(
                    f"{path} has {arrays.n:,} rows, and --paths {self._config.paths} "
                    f"{len(order):,} lines; expected one an image"
                )
            return order
        if self.read.codes.by_path:
            raise UserError(
                f"{path} has its images in order, but other files have paths; give the "
                "path of each row with --paths FILE"
            )
        self.read.codes.highest_id = max(self.read.codes.highest_id, arrays.n - 1)
        return np.arange(arrays.n, dtype=np.int32)

    def _same(self, label: npt.NDArray[np.int32]) -> npt.NDArray[np.int32]:
        """Return equal labels of another run if there are, to keep them in memory once."""
        others = (one.label for one in self.read.scored.values())
        return next((other for other in others if np.array_equal(other, label)), label)


def named(run: tuple[str, int]) -> str:
    """Return the name of a run for messages."""
    return f"{run[0]}, seed {run[1]}"


_NAMED = 3


def some(values: list[str]) -> str:
    """Join the first few of several names."""
    named = ", ".join(values[:_NAMED])
    return named + (f" and {len(values) - _NAMED} more" if len(values) > _NAMED else "")
