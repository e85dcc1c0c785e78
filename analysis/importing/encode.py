"""Encode blocks of columns as rows of numbers and spill them to disk by run.

Runs, images and classes become codes; a row keeps the number that says where it came from.
"""

import re
from bisect import bisect_right
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
import pyarrow as pa

from analysis import schema
from analysis.compression.registry import asked_sparsity, methods
from analysis.config import DENSE_ID, Step, Variant
from analysis.errors import UserError
from analysis.importing.classes import ClassValues
from analysis.importing.columns import (
    Place,
    encoded,
    first_places,
    fractions,
    is_text,
    optional_numbers,
    optional_ranks,
    plain,
    whole_numbers,
)
from analysis.importing.readers import Block
from analysis.importing.request import OPTIONAL
from analysis.store.manifest import VariantRecord

HEADER = 2  # the first row of data of a file whose row 1 is its header
FIRST = 1


class Rows:
    """Numbers every row of every file in the order they are read."""

    def __init__(self) -> None:
        self._names: list[str] = []
        self._starts: list[int] = []
        self._firsts: list[int] = []
        self.total = 0

    def begin(self, name: str, first: int) -> None:
        """Begin a file; ``first`` is what its first row is called."""
        self._names.append(name)
        self._starts.append(self.total)
        self._firsts.append(first)

    def take(self, n: int) -> int:
        """Number the next rows of the file begun last; return the number of the first."""
        start = self.total
        self.total += n
        return start

    @property
    def n_of_file(self) -> int:
        """Rows of the file begun last, so far."""
        return self.total - self._starts[-1]

    def where(self, row: int | np.integer) -> str:
        """Name file and row."""
        number = int(row)
        place = self._file(number)
        return f"{self._names[place]}, row {number - self._starts[place] + self._firsts[place]}"

    def file(self, row: int) -> str:
        """Name the file alone."""
        return self._names[self._file(row)]

    def _file(self, row: int) -> int:
        return bisect_right(self._starts, row) - 1


# Codes and numbers of one row; ``place`` is its place in the chunk it came in, path -1 without one.
ROW = np.dtype(
    [
        ("image", np.int32),
        ("label", np.int32),
        ("prediction", np.int32),
        ("place", np.uint32),
        ("confidence", np.float32),
        ("true_confidence", np.float32),
        ("true_rank", np.int32),
        ("path", np.int32),
    ]
)
RowArray = npt.NDArray[np.void]


class Spool:
    """A file of rows, those of a chunk ordered by run; what lies where is kept in memory."""

    def __init__(self, path: Path) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        self._file = path.open("w+b")
        self._segments: dict[int, list[tuple[int, int, int]]] = {}
        self._n = 0

    def close(self) -> None:
        """Close the file."""
        self._file.close()

    def add(self, run: npt.NDArray[np.int32], rows: RowArray, first: int) -> None:
        """Put a chunk aside: the run of each row, the rows, and the number of the first."""
        order = np.argsort(run, kind="stable")
        ordered = run[order]
        starts = np.flatnonzero(np.diff(ordered, prepend=-1))
        ends = np.append(starts[1:], len(ordered))
        for start, end in zip(starts.tolist(), ends.tolist(), strict=True):
            segments = self._segments.setdefault(int(ordered[start]), [])
            segments.append((self._n + start, end - start, first))
        self._file.write(rows[order].data)
        self._n += len(rows)

    def size(self, run: int) -> int:
        """Count the rows of a run."""
        return sum(n for _, n, _ in self._segments[run])

    def read(self, run: int) -> tuple[RowArray, npt.NDArray[np.int64]]:
        """Rows of a run in the order they were read, and the running number of each."""
        n = self.size(run)
        rows: Any = np.empty(n, ROW)
        number = np.empty(n, np.int64)
        done = 0
        buffer = memoryview(rows.view(np.uint8))
        for start, count, first in self._segments[run]:
            self._file.seek(start * ROW.itemsize)
            part = buffer[done * ROW.itemsize : (done + count) * ROW.itemsize]
            if self._file.readinto(part) != len(part):
                raise OSError("the file of rows put aside is shorter than what was written to it")
            number[done : done + count] = rows["place"][done : done + count]
            number[done : done + count] += first
            done += count
        return rows, number


_SAFE = re.compile(r"[A-Za-z0-9][A-Za-z0-9._+-]{0,99}")
_STEP = re.compile(r"([a-z][a-z0-9]*(?:-[a-z0-9]+)*?)(?:-(\d+\.\d+))?")
_RESERVED = re.compile(r"(con|prn|aux|nul|com\d|lpt\d)(\..*)?", re.IGNORECASE)


def variant_record(variant_id: str, *, paired: bool) -> VariantRecord:
    """Describe a variant by its key; one of our own grammar says method and level.

    Levels are written with two decimals, as everywhere. The level of a method that is not
    registered is taken for its target sparsity.

    Raises
    ------
    UserError
        The key cannot be the name of a folder.
    """
    if (
        not _SAFE.fullmatch(variant_id)
        or variant_id.endswith(".")
        or _RESERVED.fullmatch(variant_id)
    ):
        raise UserError(
            f"variant_id {variant_id!r:.110}: expected letters, digits, '.', '_', '+' or '-', "
            "starting with a letter or digit, at most 100, such as magnitude-0.90 or int8-static"
        )
    variant = _parsed(variant_id)
    if variant is None:
        return VariantRecord(variant_id, variant_id, None, paired=paired)
    paired = paired and not variant.is_dense
    return VariantRecord(variant.variant_id, variant.method, _sparsity(variant), paired=paired)


def joined_id(method: str, target_sparsity: float | None) -> str:
    """Write the key of a method and its target sparsity: ``magnitude``, 0.9 -> ``magnitude-0.90``.

    Raises
    ------
    UserError
        The method's name or the sparsity cannot be used.
    """
    if method == DENSE_ID:
        if target_sparsity:
            raise UserError(f"method 'dense' has target_sparsity {target_sparsity:g}; expected 0")
        return DENSE_ID
    return Step(method, target_sparsity).step_id


def order(record: VariantRecord) -> tuple[bool, str, float, str]:
    """Sort key: dense first, then by method and sparsity."""
    sparsity = 2.0 if record.target_sparsity is None else record.target_sparsity
    return record.variant_id != DENSE_ID, record.method, sparsity, record.variant_id


def _parsed(variant_id: str) -> Variant | None:
    if variant_id == DENSE_ID:
        return Variant()
    steps = []
    for part in variant_id.split("+"):
        found = _STEP.fullmatch(part)
        if found is None:
            return None
        level = None if found[2] is None else float(found[2])
        if level is not None and level > 1:
            return None
        steps.append(Step(found[1], level))
    return Variant(tuple(steps))


def _sparsity(variant: Variant) -> float | None:
    known = methods()
    if all(step.method in known for step in variant.steps):
        return asked_sparsity(variant)
    return next((step.level for step in variant.steps if step.level is not None), None)


HIGHEST_ID = 2**26 - 1
_HIGHEST_SEED = 2**31 - 1
Run = tuple[str, int]


@dataclass
class Codes:
    """What the codes of an import stand for, filled while it is read.

    ``paths`` are the images where they are known by path (``by_path``), else what stood beside
    their ids.
    """

    rows: Rows
    by_path: bool = False
    fixed_paths: str | None = None
    runs: dict[Run, int] = field(default_factory=dict)
    classes: ClassValues = field(default_factory=ClassValues)
    paths: dict[str, int] = field(default_factory=dict)
    has_paths: bool = False
    has_seeds: bool = True
    highest_id: int = -1
    first_of_run: dict[int, int] = field(default_factory=dict)
    _variants: dict[str, str] = field(default_factory=dict)

    def variant(self, given: str, where: Place, row: int) -> str:
        """Return a variant's key as the cache writes it."""
        if given not in self._variants:
            try:
                self._variants[given] = variant_record(given, paired=False).variant_id
            except UserError as error:
                raise UserError(f"{where(row)}: {error}") from None
        return self._variants[given]

    @property
    def respelled(self) -> dict[str, str]:
        """Variants whose key is written otherwise than they were given."""
        return {given: ours for given, ours in self._variants.items() if given != ours}

    def run(self, variant_id: str, seed: int, row: int) -> int:
        """Return the code of a run; ``row`` is where it stands."""
        code = self.runs.setdefault((variant_id, seed), len(self.runs))
        self.first_of_run.setdefault(code, row)
        return code


def normalise(block: Block, codes: Codes) -> tuple[npt.NDArray[np.int32], RowArray, int]:
    """Run of each row, the rows, and the running number of the first.

    Raises
    ------
    UserError
        A value cannot be used; the message names file, row and column.
    """
    n = len(block[schema.LABEL])
    first = codes.rows.take(n)

    def place(row: int) -> str:
        return codes.rows.where(first + row)

    rows: Any = np.empty(n, ROW)
    rows["place"] = np.arange(n)
    rows["image"], rows["path"] = _images(block, codes, place)
    for name in (schema.LABEL, schema.PREDICTION):
        rows[name] = codes.classes.encode(block[name], name, place, first)
    for name in OPTIONAL:
        if name == schema.TRUE_RANK:
            rows[name] = optional_ranks(block[name], name, place) if name in block else -1
        else:
            rows[name] = fractions(block[name], name, place) if name in block else np.nan
    return _runs(block, codes, place, first), rows, first


def _images(block: Block, codes: Codes, place: Place) -> tuple[Any, Any]:
    if codes.by_path:
        if schema.PATH not in block:
            raise UserError(
                f"{place(0)}: no column 'path', and other files name images by it; expected the "
                "same in every file"
            )
        return _paths(block[schema.PATH], codes, place), -1
    if schema.IMAGE_ID not in block:
        raise UserError(
            f"{place(0)}: no column 'image_id', and other files name images by it; expected the "
            "same in every file"
        )
    column = plain(block[schema.IMAGE_ID], schema.IMAGE_ID, place)
    try:
        image = whole_numbers(
            column, schema.IMAGE_ID, place, high=HIGHEST_ID, what="the place of the image"
        )
    except UserError as error:
        if is_text(column):
            raise UserError(f"{error}; names of images are read with --map path=image_id") from None
        raise UserError(f"{error}; ids that are no places: --map path=image_id") from None
    codes.highest_id = max(codes.highest_id, int(image.max()))
    if schema.PATH not in block:
        return image, -1
    codes.has_paths = True
    return image, _paths(block[schema.PATH], codes, place)


def _paths(column: pa.Array, codes: Codes, place: Place) -> npt.NDArray[np.int32]:
    places, values = encoded(column, schema.PATH, place)
    known = codes.paths
    if codes.fixed_paths is None:
        found = [known.setdefault(_as_path(value), len(known)) for value in values]
    else:
        found = [known.get(_as_path(value), -1) for value in values]
        if -1 in found:
            bad = found.index(-1)
            row = int(np.argmax(places == bad))
            example = next(iter(known), "none")
            raise UserError(
                f"{place(row)}: column 'path' is {str(values[bad])!r:.120}, which is no image of "
                f"{codes.fixed_paths}; expected one of its {len(known):,} paths, such as "
                f"{example!r}"
            )
    return np.array(found, np.int32)[places]


def _as_path(value: Any) -> str:
    return str(value).replace("\\", "/").removeprefix("./")


def _runs(block: Block, codes: Codes, place: Place, first: int) -> npt.NDArray[np.int32]:
    variant, ids = _variants(block, codes, place)
    if schema.SEED in block:
        seed = whole_numbers(
            block[schema.SEED], schema.SEED, place, high=_HIGHEST_SEED, what="a whole number"
        )
    else:
        codes.has_seeds = False
        seed = np.zeros(len(variant), np.int64)
    keys, unique = pd.factorize(variant.astype(np.int64) << 32 | seed)
    firsts = first_places(keys, len(unique))
    found = [
        codes.run(ids[int(key) >> 32], int(key) & 0xFFFFFFFF, first + int(row))
        for key, row in zip(unique, firsts, strict=True)
    ]
    return np.array(found, np.int32)[keys]


def _variants(block: Block, codes: Codes, place: Place) -> tuple[npt.NDArray[np.int32], list[str]]:
    if schema.VARIANT_ID in block:
        places, values = encoded(block[schema.VARIANT_ID], schema.VARIANT_ID, place)
        given = [str(value) for value in values]
    else:
        method, names = encoded(block[schema.METHOD], schema.METHOD, place)
        levels = np.full(len(method), np.nan)
        if schema.TARGET_SPARSITY in block:
            levels = optional_numbers(block[schema.TARGET_SPARSITY], schema.TARGET_SPARSITY, place)
        level, distinct = pd.factorize(levels, use_na_sentinel=False)
        pair, pairs = pd.factorize(method.astype(np.int64) * len(distinct) + level)
        places, given = pair.astype(np.int32), []
        for i, code in enumerate(pairs.tolist()):
            sparsity = float(distinct[code % len(distinct)])
            try:
                given.append(
                    joined_id(
                        str(names[code // len(distinct)]),
                        None if np.isnan(sparsity) else round(sparsity, 6),
                    )
                )
            except UserError as error:
                raise UserError(f"{place(int(np.argmax(pair == i)))}: {error}") from None
    rows = first_places(places, len(given)).tolist()
    return places, [codes.variant(one, place, row) for one, row in zip(given, rows, strict=True)]
