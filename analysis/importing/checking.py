"""Every run held against every other: rows twice, labels that differ, images that are missing."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from analysis.errors import UserError
from analysis.importing.images import Known
from analysis.importing.places import Rows
from analysis.wording import many

IntArray = npt.NDArray[Any]


@dataclass(frozen=True)
class Facts:
    """What one run says of its images: keys, class ids, paths' codes (-1 without), row numbers."""

    image: IntArray
    label: IntArray
    path: IntArray
    row: IntArray


@dataclass(frozen=True)
class ImageTable:
    """What all runs say together: label and path code of each key, and its place or -1."""

    label: npt.NDArray[np.int32]
    path: npt.NDArray[np.int32]
    place: npt.NDArray[np.int32]
    left_out: list[dict[str, str]]

    @property
    def kept(self) -> npt.NDArray[np.int64]:
        """Keys of the images that are kept, in the order of their places."""
        keys = np.flatnonzero(self.place >= 0)
        return keys[np.argsort(self.place[keys])]


class Checker:
    """Takes the facts of one run after the other."""

    def __init__(
        self,
        n_keys: int,
        rows: Rows,
        class_names: Sequence[str],
        name_of: Callable[[int], str],
        known: Known | None,
    ) -> None:
        self._rows, self._class_names, self._name_of, self._known = (
            rows,
            class_names,
            name_of,
            known,
        )
        self._count = np.zeros(n_keys, np.int32)
        self._label = np.full(n_keys, -1, np.int32) if known is None else known.label.copy()
        self._path = np.full(n_keys, -1, np.int32)
        self._first = np.full(n_keys, -1, np.int64)
        self._n = 0

    def add(self, run: str, facts: Facts) -> None:
        """Check one run.

        Raises
        ------
        UserError
            It has an image twice or one that is not known, or says another label or path.
        """
        outside = (facts.image < 0) | (facts.image >= len(self._count))
        if outside.any():
            raise self._unknown(facts, int(np.argmax(outside)))
        order = np.argsort(facts.image, kind="stable")
        image = facts.image[order]
        twice = np.flatnonzero(image[1:] == image[:-1])
        if len(twice):
            earlier, later = facts.row[order[twice[0]]], facts.row[order[twice[0] + 1]]
            raise UserError(
                f"{self._rows.where(later)}: image {self._name_of(int(image[twice[0]]))} of {run} "
                f"is there already ({self._rows.where(earlier)}); expected one row an image and run"
                + (f"; {len(twice):,} rows are there twice" if len(twice) > 1 else "")
            )
        self._compare(facts, self._label, facts.label, "label", self._class_name)
        self._compare(facts, self._path, facts.path, "path", lambda code: f"number {code}")
        self._count[facts.image] += 1
        self._n += 1

    def _compare(
        self,
        facts: Facts,
        known: IntArray,
        given: IntArray,
        column: str,
        shown: Callable[[int], str],
    ) -> None:
        before = known[facts.image]
        bad = (before >= 0) & (before != given) & (given >= 0)
        if bad.any():
            row = int(np.argmax(bad))
            key = int(facts.image[row])
            other = (
                self._rows.where(self._first[key])
                if self._first[key] >= 0
                else (self._known.what if self._known is not None else "elsewhere")
            )
            if column == "path":
                raise UserError(
                    f"{self._rows.where(facts.row[row])}: column 'path' of image "
                    f"{self._name_of(key)} is another one than in {other}"
                )
            raise UserError(
                f"{self._rows.where(facts.row[row])}: column '{column}' of image "
                f"{self._name_of(key)} is {shown(int(given[row]))}, and in {other} "
                f"{shown(int(before[row]))}; expected one {column} an image everywhere "
                f"(so in {many(int(bad.sum()), 'row')} of this run)"
            )
        new = self._first[facts.image] < 0
        self._first[facts.image[new]] = facts.row[new]
        there = given >= 0
        known[facts.image[there]] = given[there]

    def _class_name(self, class_id: int) -> str:
        name = self._class_names[class_id]
        return f"{class_id}" if name == str(class_id) else f"{name!r} (class {class_id})"

    def _unknown(self, facts: Facts, row: int) -> UserError:
        what = self._known.what if self._known is not None else "the import"
        return UserError(
            f"{self._rows.where(facts.row[row])}: column 'image_id' names no image of {what}, "
            f"which has {len(self._count):,}: from 0 to {len(self._count) - 1}"
        )

    def missing(self) -> IntArray:
        """Keys of the images that at least one run lacks."""
        return np.flatnonzero(self._count < self._n)

    def seen(self) -> IntArray:
        """Keys of the images that any run has."""
        return np.flatnonzero(self._count > 0)

    def table(
        self,
        left_out: IntArray,
        file_of: Callable[[int], str],
        reason: Callable[[int], str],
        order: IntArray | None,
    ) -> ImageTable:
        """Number the images that are kept, in ``order`` of their keys where that is another one."""
        kept = np.ones(len(self._count), bool)
        kept[left_out] = False
        keys = np.flatnonzero(kept) if order is None else order[kept[order]]
        place = np.full(len(kept), -1, np.int32)
        place[keys] = np.arange(len(keys))
        gone = [{"file": file_of(int(key)), "reason": reason(int(key))} for key in left_out]
        return ImageTable(self._label, self._path, place, gone)

    @property
    def n_runs(self) -> int:
        """Runs that were added."""
        return self._n

    def count(self, key: int) -> int:
        """Count the runs that have an image."""
        return int(self._count[key])
