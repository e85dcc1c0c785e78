"""JSON lines of Hugging Face's pipelines: a list of labels and scores an image."""

import math
import re
from collections.abc import Iterable
from functools import partial
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
import numpy.typing as npt

from analysis import schema
from analysis.errors import UserError
from analysis.filesystem.tables import is_list_of_scores
from analysis.importing.naming import USUAL
from analysis.importing.scores import Scores

_PLACE = re.compile(r"LABEL_(\d{1,6})")
_LEAST_SUM = 0.95
Record = dict[str, Any]


class ScoreLines:
    """Takes the scores out of the records of one file, and keeps them where they are complete.

    Parameters
    ----------
    path : Path
        The file that is read.
    aside : Path
        Where the scores may lie meanwhile.
    label_names : iterable of str
        What the true label is called in the records.
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
        """Put prediction and confidence in the place of scores, in place; ``row`` is the first.

        Raises
        ------
        UserError
            A record has no scores where others have, or a score is no number.
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
            given = record.pop(name or empty or "")
            scores = {f"{one['label']}": _number(one["score"], where) for one in given}
            self._is_full &= len(scores) == len(given) > 1
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
        """Whether every row had the scores of all classes, not of the first few alone."""
        is_part = self._can_be_part and self._most < _LEAST_SUM
        return self.n > 0 and self._is_full and not is_part

    def scores(self, rows: npt.NDArray[np.int64], asked: str) -> Scores:
        """Scores of some of the rows, in that order. Call ``close`` before."""
        shape = (self.n, len(self._names))
        names = () if isinstance(_class(self._names[0]), int) else self._names
        blocks = partial(_blocks, self._aside, shape, rows)
        return Scores(self._path, "scores", len(rows), shape[1], blocks, asked, names=names)


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
    """Write a label; ``LABEL_3``, of a model that names no classes, is class 3."""
    found = _PLACE.fullmatch(label)
    return int(found[1]) if found else label


def _order(label: str) -> tuple[int, str]:
    found = _PLACE.fullmatch(label)
    return (int(found[1]), "") if found else (0, label)
