"""Check the runs of an import against each other: repeated rows, labels, missing images."""

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
    """The images of all runs: label and path code of each key, and its index or -1."""

    label: npt.NDArray[np.int32]
    path: npt.NDArray[np.int32]
    ids: npt.NDArray[np.int32]
    left_out: list[dict[str, str]]

    @property
    def kept(self) -> npt.NDArray[np.int64]:
        """Keys of the kept images in the order of their indices."""
        keys = np.flatnonzero(self.ids >= 0)
        return keys[np.argsort(self.ids[keys])]


class Checker:
    """Collects and checks the facts of one run after the other."""

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
            The run repeats an image, has an unknown one, or another label or path for one.
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
                f"is a repetition of {self._rows.where(earlier)}; expected one row an image and run"
                + (f"; {len(twice):,} rows are repeated" if len(twice) > 1 else "")
            )
        self.label(facts)
        self._compare(facts, self._path, facts.path, "path", lambda code: f"number {code}")
        self._count[facts.image] += 1
        self._n += 1

    def label(self, facts: Facts) -> None:
        """Check the labels of a run.

        Raises
        ------
        UserError
            An image has another label in an earlier run.
        """
        self._compare(facts, self._label, facts.label, "label", self._class_name)

    def unlabelled(self, left_out: IntArray) -> IntArray:
        """Return the keys of kept images without a label."""
        return np.setdiff1d(np.flatnonzero(self._label < 0), left_out)

    def _compare(
        self,
        facts: Facts,
        known: IntArray,
        values: IntArray,
        column: str,
        shown: Callable[[int], str],
    ) -> None:
        before = known[facts.image]
        differs = (before >= 0) & (before != values) & (values >= 0)
        if differs.any():
            row = int(np.argmax(differs))
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
                f"{self._name_of(key)} is {shown(int(values[row]))}, and in {other} "
                f"{shown(int(before[row]))}; expected one {column} an image everywhere "
                f"(so in {many(int(differs.sum()), 'row')} of this run)"
                + (self._hint if column == "label" else "")
            )
        new = self._first[facts.image] < 0
        self._first[facts.image[new]] = facts.row[new]
        present = values >= 0
        known[facts.image[present]] = values[present]

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
        """Return the keys of images that at least one run lacks."""
        return np.flatnonzero(self._count < self._n)

    def seen(self) -> IntArray:
        """Return the keys of images that any run has."""
        return np.flatnonzero(self._count > 0)

    def table(
        self,
        left_out: IntArray,
        file_of: Callable[[int], str],
        reason: Callable[[int], str],
        order: IntArray | None,
    ) -> ImageTable:
        """Number the kept images, in the given ``order`` of keys if there is one."""
        kept = np.ones(len(self._count), bool)
        kept[left_out] = False
        keys = np.flatnonzero(kept) if order is None else order[kept[order]]
        ids = np.full(len(kept), -1, np.int32)
        ids[keys] = np.arange(len(keys))
        left_out_records = [
            {"file": file_of(int(key)), "reason": reason(int(key))} for key in left_out
        ]
        return ImageTable(self._label, self._path, ids, left_out_records)

    @property
    def n_runs(self) -> int:
        """Number of added runs."""
        return self._n

    def count(self, key: int) -> int:
        """Count the runs that have an image."""
        return int(self._count[key])


OnProgress = Callable[[int, int], None]


def image_table(
    config: ImportConfig,
    read: Read,
    keys: ImageKeys,
    classes: Classes,
    on_progress: OnProgress,
    *,
    is_new: bool,
) -> tuple[ImageTable, list[str]]:
    """Compare every run with the others; return the images and notes on left-out ones.

    Raises
    ------
    UserError
        Runs disagree, or a run lacks an image without ``--allow-missing``.
    """
    label, notes = known_labels(keys.known, classes), []
    hint = _hint(config, classes)
    checker = Checker(len(keys), read.rows, classes.names, keys.name, keys.known, label, hint)
    if read.truth is not None:
        facts, note = keys.labels(read.truth, classes)
        checker.label(facts)
        notes += [note] if note else []
    for run, code in read.codes.runs.items():
        on_progress(code + 1, len(read.codes.runs))
        checker.add(named(run), keys.facts(code, classes))
    left_out = checker.missing()
    is_test_alone = len(left_out) > 0 and is_new and _is_test_alone(checker, keys)
    if is_test_alone:
        notes.append(
            f"{keys.known.what if keys.known else ''} has a train and a test split, and the files "
            "name the images of the test split: only they are used"
        )
    elif len(left_out):
        if not config.allow_missing or not is_new:
            raise _missing_image_error(config, read, checker, keys, classes, is_new=is_new)
        if not len(np.setdiff1d(checker.seen(), left_out)):
            raise UserError(
                f"{read.rows.file(0)}: no image is in every run; --allow-missing would leave out "
                "all"
            )
        notes.append(
            f"left out of all runs: {many(len(left_out), 'image')} that a run lacks "
            "(--allow-missing); the manifest names them"
        )
    unlabelled = checker.unlabelled(left_out)
    if len(unlabelled):
        where = "no file" if read.truth is None else f"--labels {read.truth.path}"
        says = "says" if read.truth is None else "does not say"
        more = f", nor of {len(unlabelled) - 1:,} more" if len(unlabelled) > 1 else ""
        raise UserError(
            f"{where} {says} the label of image {keys.name(int(unlabelled[0]))}{more}; expected "
            "one of every image: in a column 'label', --labels FILE or --images SPEC"
        )
    table = checker.table(left_out, keys.file, lambda key: _reason(checker, key), keys.order)
    # The other split is not missing from the import.
    return replace(table, left_out=[]) if is_test_alone else table, notes


def _hint(config: ImportConfig, classes: Classes) -> str:
    """Explain the ids of labels if outputs and image classes have different orders."""
    known = classes.of_known
    if known is None or config.images is None or np.array_equal(known, np.arange(len(known))):
        return ""
    return (
        f". Labels that are numbers are read in the order of the classes of --images "
        f"{config.images}, which is another one than that of the outputs; where yours are in that "
        "of the outputs, give the labels as names, or leave them out: --images says them"
    )


def known_labels(known: Known | None, classes: Classes) -> npt.NDArray[np.int32] | None:
    """Return the class ids of the known images."""
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


def _missing_image_error(
    config: ImportConfig,
    read: Read,
    checker: Checker,
    keys: ImageKeys,
    classes: Classes,
    *,
    is_new: bool,
) -> UserError:
    """Return the error of a missing image, with the first image and run."""
    missing: npt.NDArray[Any] = checker.missing()
    key = next((int(k) for k in missing if checker.count(int(k))), int(missing[0]))
    many = f"; {len(missing):,} images are missing from a run" if len(missing) > 1 else ""
    mend = "complete the files, or --allow-missing leaves such images out of all runs"
    if not is_new:
        mend = f"expected the images of sweep '{config.name}' in every run"
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
    """Return the finished runs of a sweep."""
    if manifest is None:
        return set()
    return {
        (variant.variant_id, seed)
        for variant in manifest.variants
        for seed in manifest.done_seeds(variant.variant_id)
    }


def check_runs(config: ImportConfig, read: Read, existing: set[Run]) -> list[str]:
    """Check the runs of the files together with ``existing`` ones; return notes.

    Raises
    ------
    UserError
        A run exists already, none is dense, or a variant lacks a seed that another has.
    """
    runs = list(read.codes.runs)
    repeated = [run for run in runs if run in existing]
    if repeated and not config.overwrite:
        more = f", and {len(repeated) - 1} more of these" if len(repeated) > 1 else ""
        raise UserError(
            f"sweep '{config.name}' has the run {named(repeated[0])} already{more}; --overwrite "
            "replaces it, or leave it out"
        )
    all_runs = existing | set(runs)
    variants = sorted({variant_id for variant_id, _ in all_runs})
    if DENSE_ID not in variants:
        raise UserError(
            f"{read.rows.file(0)}: no run is of variant 'dense', the uncompressed model that the "
            f"others are compared with; the variants are {some(variants)}: name it with "
            "--dense NAME, or import its predictions with them"
        )
    seeds = sorted({seed for _, seed in all_runs})
    missing = [(v, seed) for v in variants for seed in seeds if (v, seed) not in all_runs]
    if not missing:
        return []
    if not config.allow_missing:
        raise _uneven(read, all_runs, missing)
    return [f"uneven seeds: {many(len(missing), 'run')} missing, such as {named(missing[0])}"]


def _uneven(read: Read, all_runs: set[Run], missing: list[Run]) -> UserError:
    variant_id, seed = missing[0]
    other = min(v for v, s in all_runs if s == seed)
    of_variant = [s for v, s in read.codes.runs if v == variant_id] or [seed]
    code = read.codes.runs.get((variant_id, of_variant[0]))
    where = "" if code is None else f"{read.rows.file(read.codes.first_of_run[code])}: "
    return UserError(
        f"{where}uneven seeds: {variant_id} has no seed {seed}, which {other} has "
        f"({many(len(missing), 'run')} missing so that every variant has every seed); add them, or "
        "--allow-missing imports the existing runs"
    )
