"""Compare the runs of an import: repeated rows, labels that differ, images that are missing."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import numpy.typing as npt

from analysis.config import DENSE_ID
from analysis.errors import UserError
from analysis.importing.classes import Classes
from analysis.importing.encode import Run
from analysis.importing.image_keys import Facts, ImageKeys
from analysis.importing.images import Known
from analysis.importing.reading import Read, named, some
from analysis.importing.request import ImportConfig
from analysis.importing.spool import Rows
from analysis.presentation.formatting import many
from analysis.store.manifest import Manifest

IntArray = npt.NDArray[Any]


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
        label: npt.NDArray[np.int32] | None,
        hint: str = "",
    ) -> None:
        self._hint = hint
        self._rows, self._class_names, self._name_of, self._known = (
            rows,
            class_names,
            name_of,
            known,
        )
        self._count = np.zeros(n_keys, np.int32)
        self._label = np.full(n_keys, -1, np.int32) if label is None else label
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
        self.label(facts)
        self._compare(facts, self._path, facts.path, "path", lambda code: f"number {code}")
        self._count[facts.image] += 1
        self._n += 1

    def label(self, facts: Facts) -> None:
        """Check labels alone.

        Raises
        ------
        UserError
            An image has another label than was said before.
        """
        self._compare(facts, self._label, facts.label, "label", self._class_name)

    def unlabelled(self, left_out: IntArray) -> IntArray:
        """Keys of the images that are kept and have no label."""
        return np.setdiff1d(np.flatnonzero(self._label < 0), left_out)

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
                + (self._hint if column == "label" else "")
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


Told = Callable[[int, int], None]


def image_table(
    asked: ImportConfig, read: Read, keys: ImageKeys, classes: Classes, told: Told, *, is_new: bool
) -> tuple[ImageTable, list[str]]:
    """Compare every run with the others; what is to be said of the images that are left out.

    Raises
    ------
    UserError
        Runs disagree, or a run lacks an image and ``--allow-missing`` was not asked.
    """
    label, notes = known_labels(keys.known, classes), []
    hint = _hint(asked, classes)
    checker = Checker(len(keys), read.rows, classes.names, keys.name, keys.known, label, hint)
    if read.truth is not None:
        facts, note = keys.labels(read.truth, classes)
        checker.label(facts)
        notes += [note] if note else []
    for run, code in read.codes.runs.items():
        told(code + 1, len(read.codes.runs))
        checker.add(named(run), keys.facts(code, classes))
    left_out = checker.missing()
    is_test_alone = len(left_out) > 0 and is_new and _is_test_alone(checker, keys)
    if is_test_alone:
        notes.append(
            f"{keys.known.what if keys.known else ''} has a train and a test split, and the images "
            "that are named are those of the test split: only they are used"
        )
    elif len(left_out):
        if not asked.allow_missing or not is_new:
            raise _lacks(asked, read, checker, keys, classes, is_new=is_new)
        if not len(np.setdiff1d(checker.seen(), left_out)):
            raise UserError(
                f"{read.rows.file(0)}: no image is in every run; --allow-missing would leave out "
                "all"
            )
        notes.append(
            f"left out of all runs: {many(len(left_out), 'image')} that a run lacks "
            "(--allow-missing); the manifest names them"
        )
    lacking = checker.unlabelled(left_out)
    if len(lacking):
        where = "no file" if read.truth is None else f"--labels {read.truth.path}"
        says = "says" if read.truth is None else "does not say"
        more = f", nor of {len(lacking) - 1:,} more" if len(lacking) > 1 else ""
        raise UserError(
            f"{where} {says} the label of image {keys.name(int(lacking[0]))}{more}; expected one "
            "of every image: in a column 'label', --labels FILE or --images SPEC"
        )
    table = checker.table(left_out, keys.file, lambda key: _reason(checker, key), keys.order)
    # The other split is not what an import lacks.
    return replace(table, left_out=[]) if is_test_alone else table, notes


def _hint(asked: ImportConfig, classes: Classes) -> str:
    """Say whose ids labels are, where outputs are in another order than the classes of images."""
    known = classes.of_known
    if known is None or asked.images is None or np.array_equal(known, np.arange(len(known))):
        return ""
    return (
        f". Labels that are numbers are read in the order of the classes of --images "
        f"{asked.images}, which is another one than that of the outputs; where yours are in that "
        "of the outputs, give the labels as names, or leave them out: --images says them"
    )


def known_labels(known: Known | None, classes: Classes) -> npt.NDArray[np.int32] | None:
    """Class ids of the images that are known before."""
    if known is None or classes.of_known is None:
        return None if known is None else known.label.copy()
    return classes.of_known[known.label]


def _is_test_alone(checker: Checker, keys: ImageKeys) -> bool:
    known = keys.known
    if known is None or known.tail is None:
        return False
    expected = np.arange(known.tail, len(known))
    return np.array_equal(checker.seen(), expected) and np.array_equal(
        checker.missing(), np.arange(known.tail)
    )


def _lacks(
    asked: ImportConfig,
    read: Read,
    checker: Checker,
    keys: ImageKeys,
    classes: Classes,
    *,
    is_new: bool,
) -> UserError:
    """Name the first image that a run lacks, and that run."""
    missing: npt.NDArray[Any] = checker.missing()
    key = next((int(k) for k in missing if checker.count(int(k))), int(missing[0]))
    many = f"; {len(missing):,} images are missing from a run" if len(missing) > 1 else ""
    mend = "complete the files, or --allow-missing leaves such images out of all runs"
    if not is_new:
        mend = f"expected the images of sweep '{asked.name}' in every run"
    if not checker.count(key):
        what = f" of {keys.known.what}" if keys.known is not None else ""
        ids = " (image_id counts images from 0; other ids: --map path=image_id)"
        ids = "" if keys.known is not None or keys.by_path else ids
        return UserError(
            f"{read.rows.file(0)}: no run has image {keys.name(key)}{what}{ids}{many}; {mend}"
        )
    for run, code in read.codes.runs.items():
        facts = keys.facts(code, classes)
        if key not in facts.image:
            file = read.rows.file(int(facts.row[0]))
            return UserError(
                f"{file}: {named(run)} has no row for image {keys.name(key)}{many}; {mend}"
            )
    raise AssertionError("an image is missing from no run")


def _reason(checker: Checker, key: int) -> str:
    n = checker.count(key)
    return "is in no run" if n == 0 else f"is in {n} of {checker.n_runs} runs (--allow-missing)"


def runs_of(manifest: Manifest | None) -> set[Run]:
    """Runs a sweep has already."""
    if manifest is None:
        return set()
    return {
        (variant.variant_id, seed)
        for variant in manifest.variants
        for seed in manifest.done_seeds(variant.variant_id)
    }


def check_runs(asked: ImportConfig, read: Read, there: set[Run]) -> list[str]:
    """Check the runs of the files beside those ``there``; what is to be said of them.

    Raises
    ------
    UserError
        A run is there already, none is dense, or a variant lacks a seed that another has.
    """
    runs = list(read.codes.runs)
    again = [run for run in runs if run in there]
    if again and not asked.overwrite:
        more = f", and {len(again) - 1} more of these" if len(again) > 1 else ""
        raise UserError(
            f"sweep '{asked.name}' has the run {named(again[0])} already{more}; --overwrite "
            "replaces it, or leave it out"
        )
    every = there | set(runs)
    variants = sorted({variant_id for variant_id, _ in every})
    if DENSE_ID not in variants:
        raise UserError(
            f"{read.rows.file(0)}: no run is of variant 'dense', the uncompressed model that the "
            f"others are compared with; there are {some(variants)}: --dense NAME says which of "
            "them it is, or import its predictions with them"
        )
    seeds = sorted({seed for _, seed in every})
    lacking = [(v, seed) for v in variants for seed in seeds if (v, seed) not in every]
    if not lacking:
        return []
    if not asked.allow_missing:
        raise _uneven(read, every, lacking)
    return [f"uneven seeds: {many(len(lacking), 'run')} not brought, such as {named(lacking[0])}"]


def _uneven(read: Read, every: set[Run], lacking: list[Run]) -> UserError:
    variant_id, seed = lacking[0]
    other = min(v for v, s in every if s == seed)
    of_variant = [s for v, s in read.codes.runs if v == variant_id] or [seed]
    code = read.codes.runs.get((variant_id, of_variant[0]))
    where = "" if code is None else f"{read.rows.file(read.codes.first_of_run[code])}: "
    return UserError(
        f"{where}uneven seeds: {variant_id} has no seed {seed}, which {other} has "
        f"({many(len(lacking), 'run')} missing so that every variant has every seed); add them, or "
        "--allow-missing takes the runs there are"
    )
