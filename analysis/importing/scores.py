"""Scores of one run in a file: their kind, and their logits in blocks of rows."""

import math
import re
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from functools import cached_property, partial
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
import numpy.typing as npt

from analysis import schema
from analysis.errors import UserError
from analysis.filesystem.tables import is_list_of_scores
from analysis.importing.naming import USUAL
from analysis.importing.request import LOGITS, PROBABILITIES
from analysis.outputs.scores import SUM_SLACK, Array, Kind, ScoreSummary, kind_of, log_probabilities
from analysis.outputs.whole_numbers import Grid, grid_of

_BLOCK_BYTES = 4 * 2**20


@dataclass(frozen=True)
class Scores:
    """Unread scores of one run, (``n``, ``width``).

    Parameters
    ----------
    path : Path
        The file, for messages.
    what : str
        Name of the scores in the file.
    raw : callable
        Takes a number of rows; yields raw blocks of that size.
    kind : str
        Their declared kind, or ``auto``.
    named_kind : str
        The kind in their name.
    names : tuple of str
        The class of each column, if the file has it.
    """

    path: Path
    what: str
    n: int
    width: int
    raw: Callable[[int], Iterator[Array]] = field(repr=False)
    kind: str = "auto"
    named_kind: str = ""
    names: tuple[str, ...] = ()

    @property
    def n_classes(self) -> int:
        """Number of classes, two for one sigmoid output."""
        return max(self.width, 2)

    @cached_property
    def grid(self) -> Grid | None:
        """The scale of whole numbers; None for floating-point numbers.

        Raises
        ------
        UserError
            They are logits of unknown scale.
        """
        if next(self.raw(1)).dtype.kind == "f":
            return None
        rows = max(1, _BLOCK_BYTES // max(1, self.width * 8))
        return grid_of(self.raw(rows), self.kind, name=f"{self.path}: '{self.what}'")

    @cached_property
    def summary(self) -> ScoreSummary:
        """Summary of the scores of all rows, or of the first ones if these decide."""
        summary = ScoreSummary()
        for block in self._raw():
            summary.add(block)
            if not summary.is_within_one and self.kind == "auto":
                break  # logits
        return summary

    @cached_property
    def are_probabilities(self) -> bool:
        """Whether the scores are probabilities.

        Raises
        ------
        UserError
            They are declared probabilities and are not, or are of a multi-label model.
        """
        if self.kind == LOGITS:
            return False
        # Named probabilities in 0..1 that do not sum to 1 are of a multi-label model.
        is_named = self.named_kind == PROBABILITIES and not self.summary.is_within_one
        kind = PROBABILITIES if is_named and self.kind == "auto" else self.kind
        name = f"{self.path}: '{self.what}'"
        return kind_of(self.summary, kind, name=name) == PROBABILITIES

    def blocks(self) -> Iterator[npt.NDArray[np.float64]]:
        """Yield logits in blocks of rows, or logarithms of probabilities.

        Raises
        ------
        UserError
            The file is damaged or the scores cannot be used.
        """
        are_probabilities, summary = self.are_probabilities, self.summary
        for block in self._raw():
            if are_probabilities:
                yield log_probabilities(block, summary)
            elif self.width == 1:
                yield np.concatenate([np.zeros((len(block), 1)), block[:, 1:]], axis=1)
            else:
                yield block

    @property
    def floor(self) -> float:
        """Value that a probability of 0 counts as; 0 for logits."""
        return self.summary.floor if self.are_probabilities else 0.0

    def n_zeros(self, label: npt.NDArray[np.int64]) -> int:
        """Count the rows whose true class has a probability of 0; -1 marks no class."""
        if not self.are_probabilities or self.summary.low > 0:
            return 0
        found = start = 0
        for block in self._raw():
            here = label[start : start + len(block)]
            true = np.take_along_axis(block, np.maximum(here, 0)[:, None], axis=1)[:, 0]
            found += int(((true <= 0) & (here >= 0)).sum())
            start += len(block)
        return found

    @property
    def notes(self) -> list[str]:
        """Notes on scores that contradict their name or are inexact."""
        where, found = f"'{self.what}' of {self.path.name}", []
        if self.grid is not None:
            kind: Kind = "probabilities" if self.are_probabilities else "logits"
            found.append(f"{where}: {self.grid.words(kind)}")
        if not self.are_probabilities:
            return found
        if self.named_kind == LOGITS:
            found.append(
                f"{where} lie in 0..1 and sum to 1: used as probabilities (--scores logits uses "
                "them as logits)"
            )
        if self.summary.off > SUM_SLACK:
            off = self.summary.off
            found.append(
                f"{where} are quantized and sum to 1 within {off:.2g}: normalized to sum to 1"
            )
        return found

    def _raw(self) -> Iterator[npt.NDArray[np.float64]]:
        """Yield blocks of float64; one output is the second class, the first gets the rest to 1."""
        rows, grid = max(1, _BLOCK_BYTES // max(1, self.width * 8)), self.grid
        for block in self.raw(rows):
            exact = block.astype(np.float64) if grid is None else grid.scores(block)
            yield np.concatenate([1 - exact, exact], axis=1) if self.width == 1 else exact


_PLACE = re.compile(r"LABEL_(\d{1,6})")
_LEAST_SUM = 0.95
Record = dict[str, Any]


class ScoreLines:
    """Extracts the scores of Hugging Face's pipelines from JSON lines, a list of labels an image.

    Parameters
    ----------
    path : Path
        The file to read.
    aside : Path
        Temporary file of the scores.
    label_names : iterable of str
        Names of the true label in the records.
    """

    def __init__(self, path: Path, aside: Path, label_names: Iterable[str] = ()) -> None:
        self._path, self._aside = path, aside
        self._label_names = (*label_names, schema.LABEL, *USUAL[schema.LABEL])
        self._names: tuple[str, ...] = ()
        self._file: BinaryIO | None = None
        self._is_full = True
        self._can_be_part, self._most = True, 0.0
        self.n = 0

    def close(self) -> None:
        """Close the file of scores."""
        if self._file is not None:
            self._file.close()
            self._file = None

    def flatten(self, records: list[Record], row: int) -> None:
        """Replace scores by prediction and confidence; ``row`` is the first row's number.

        Raises
        ------
        UserError
            A record lacks scores that others have, or a score is not a number.
        """
        if not self.n and not any(is_list_of_scores(v) for one in records for v in one.values()):
            return
        vectors = []
        for i, record in enumerate(records):
            where = f"{self._path}, row {row + i}"
            name = next((name for name, value in record.items() if is_list_of_scores(value)), None)
            empty = next((name for name, value in record.items() if value == []), None)
            if name is None and empty is None:
                raise UserError(
                    f"{where} has no list of labels and scores; expected one in every row"
                )
            items = record.pop(name or empty or "")
            scores = {f"{one['label']}": _number(one["score"], where) for one in items}
            self._is_full &= len(scores) == len(items) > 1
            record |= self._answer(scores, record)
            vectors.append(scores)
        self.n += len(records)
        if self._is_full:
            self._keep(vectors)

    def _answer(self, scores: dict[str, float], record: Record) -> Record:
        answered = bool(scores) and all(math.isfinite(value) for value in scores.values())
        top = max(scores, key=lambda name: scores[name]) if answered else None
        found: Record = {
            schema.PREDICTION: None if top is None else _class(top), schema.CONFIDENCE: None
        }  # fmt: skip
        if top is None or not all(0 <= value <= 1 for value in scores.values()):
            return found
        found[schema.CONFIDENCE] = scores[top]
        label = next((record[name] for name in self._label_names if name in record), None)
        found[schema.TRUE_CONFIDENCE] = scores.get(f"{label}")
        return found

    def _keep(self, vectors: list[dict[str, float]]) -> None:
        if not self._names:
            self._names = tuple(sorted(vectors[0], key=_order))
            self._aside.parent.mkdir(parents=True, exist_ok=True)
            self._file = self._aside.open("wb")
        wanted = set(self._names)
        if self._file is None or any(one.keys() != wanted for one in vectors):
            self._is_full = False
            return
        rows = np.array([[one[name] for name in self._names] for one in vectors])
        self._file.write(rows.astype(np.float64).tobytes())
        self._can_be_part &= bool((rows >= 0).all() and (rows <= 1).all())
        self._most = max(self._most, float(np.nan_to_num(rows).sum(axis=1).max()))

    @property
    def is_full(self) -> bool:
        """Whether every row has the scores of all classes, not only of the top ones."""
        is_part = self._can_be_part and self._most < _LEAST_SUM
        return self.n > 0 and self._is_full and not is_part

    def scores(self, rows: npt.NDArray[np.int64], kind: str) -> Scores:
        """Return the scores of some rows in order. Call ``close`` first."""
        shape = (self.n, len(self._names))
        names = () if isinstance(_class(self._names[0]), int) else self._names
        blocks = partial(_blocks, self._aside, shape, rows)
        return Scores(self._path, "scores", len(rows), shape[1], blocks, kind, names=names)


def _blocks(path: Path, shape: tuple[int, int], rows: npt.NDArray[np.int64], size: int) -> Any:
    kept = np.memmap(path, np.float64, "r", shape=shape)
    for start in range(0, len(rows), size):
        yield kept[rows[start : start + size]]


def _number(value: Any, where: str) -> float:
    if value is None:
        return math.nan
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise UserError(f"{where}: a score is {value!r:.60}; expected a number")
    return float(value)


def _class(label: str) -> str | int:
    """Convert a label; ``LABEL_3``, a placeholder of transformers, is class 3."""
    found = _PLACE.fullmatch(label)
    return int(found[1]) if found else label


def _order(label: str) -> tuple[int, str]:
    found = _PLACE.fullmatch(label)
    return (int(found[1]), "") if found else (0, label)
