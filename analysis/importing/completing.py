"""Which images every run has: those are kept, and what becomes of the others."""

from collections.abc import Callable
from typing import Any

import numpy as np
import numpy.typing as npt

from analysis.errors import UserError
from analysis.importing.asked import Asked
from analysis.importing.checking import Checker, ImageTable
from analysis.importing.classes import Classes
from analysis.importing.keys import ImageKeys
from analysis.importing.reading import Read, named
from analysis.wording import many

Told = Callable[[int, int], None]


def image_table(
    asked: Asked, read: Read, keys: ImageKeys, classes: Classes, told: Told, *, is_new: bool
) -> tuple[ImageTable, list[str]]:
    """Hold every run against the others; what is to be said of the images that are left out.

    Raises
    ------
    UserError
        Runs disagree, or a run lacks an image and ``--allow-missing`` was not asked.
    """
    checker = Checker(len(keys), read.rows, classes.names, keys.name, keys.known)
    for run, code in read.codes.runs.items():
        told(code + 1, len(read.codes.runs))
        checker.add(named(run), keys.facts(code, classes))
    left_out, notes = checker.missing(), []
    if len(left_out) and is_new and _is_test_alone(checker, keys):
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
    table = checker.table(left_out, keys.file, lambda key: _reason(checker, key), keys.order)
    return table, notes


def _is_test_alone(checker: Checker, keys: ImageKeys) -> bool:
    known = keys.known
    if known is None or known.tail is None:
        return False
    expected = np.arange(known.tail, len(known))
    return np.array_equal(checker.seen(), expected) and np.array_equal(
        checker.missing(), np.arange(known.tail)
    )


def _lacks(
    asked: Asked,
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
