"""Encode blocks of columns as rows of numbers.

Runs, images and classes become codes; a row keeps its number in the files.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
import pyarrow as pa

from analysis import schema
from analysis.compression.registry import methods, target_sparsity_of
from analysis.config import DENSE_ID, Step, Variant
from analysis.errors import UserError
from analysis.importing.classes import ClassValues
from analysis.importing.columns import (
    Locate,
    encoded,
    first_rows,
    fractions,
    is_text,
    optional_numbers,
    optional_ranks,
    plain,
    whole_numbers,
)
from analysis.importing.readers import Block
from analysis.importing.request import OPTIONAL, RunSpec
from analysis.importing.spool import ROW, RowArray, Rows
from analysis.store.manifest import VariantRecord
from analysis.store.path_tails import PathTails, as_posix

_SAFE = re.compile(r"[A-Za-z0-9][A-Za-z0-9._+-]{0,99}")
_STEP = re.compile(r"([a-z][a-z0-9]*(?:-[a-z0-9]+)*?)(?:-(\d+\.\d+))?")
_RESERVED = re.compile(r"(con|prn|aux|nul|com\d|lpt\d)(\..*)?", re.IGNORECASE)


def variant_record(variant_id: str, *, paired: bool) -> VariantRecord:
    """Describe a variant by its id; an id in our grammar has method and level.

    Levels have at least two decimals. The level of an unregistered method is its target sparsity.

    Raises
    ------
    UserError
        The id cannot be the name of a folder.
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
    """Return the id of a method and target sparsity: ``magnitude``, 0.9 -> ``magnitude-0.90``.

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
    """Return a sort key: dense first, then by method and sparsity."""
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
        return target_sparsity_of(variant)
    return next((step.level for step in variant.steps if step.level is not None), None)


HIGHEST_ID = 2**26 - 1
MOST_VARIANTS = 1_000
_HIGHEST_SEED = 2**31 - 1
Run = tuple[str, int]


@dataclass
class Codes:
    """The meaning of an import's codes, filled while it is read.

    ``paths`` are the images if they are identified by path (``by_path``), else paths beside ids.
    ``tails`` are those of the images in ``known_from``, or of the files read before. ``dense`` is
    the name of the uncompressed model.
    """

    rows: Rows
    dense: str = DENSE_ID
    by_path: bool = False
    known_from: str | None = None
    tails: PathTails | None = None
    runs: dict[Run, int] = field(default_factory=dict)
    classes: ClassValues = field(default_factory=ClassValues)
    paths: dict[str, int] = field(default_factory=dict)
    has_paths: bool = False
    has_seeds: bool = True
    is_by_row: bool = False
    highest_id: int = -1
    first_of_run: dict[int, int] = field(default_factory=dict)
    _variants: dict[str, str] = field(default_factory=dict)
    _notes: list[str] = field(default_factory=list)

    def variant(self, name: str, locate: Locate, row: int) -> str:
        """Return the id of a variant in the cache."""
        if name not in self._variants:
            variant_id = DENSE_ID if name == self.dense else name
            try:
                self._variants[name] = variant_record(variant_id, paired=False).variant_id
            except UserError as error:
                raise UserError(f"{locate(row)}: {error}") from None
            if len(self._variants) > MOST_VARIANTS:
                raise UserError(
                    f"{locate(row)}: more than {MOST_VARIANTS:,} variants; expected a few "
                    "ways of compressing, many images each: is this the right column? "
                    "name it with --map variant_id=THEIRS"
                )
        return self._variants[name]

    @property
    def respelled(self) -> dict[str, str]:
        """Variants whose id differs from their name in the files."""
        return {
            name: variant_id for name, variant_id in self._variants.items() if name != variant_id
        }

    def fix_paths(self, paths: Sequence[str], known_from: str) -> None:
        """Accept only the image paths of a dataset or sweep."""
        self.known_from, self.tails = known_from, PathTails(paths)
        self.paths = {path: index for index, path in enumerate(paths)}

    def begin(self, name: str, first: int) -> None:
        """Begin a file; ``first`` is the number of its first row in messages."""
        self.rows.begin(name, first)
        if self.known_from is None and self.paths:
            self._keep_note()
            self.tails = PathTails(list(self.paths))

    def _keep_note(self) -> None:
        if self.tails is not None and self.tails.note:
            self._notes.append(self.tails.note)

    @property
    def notes(self) -> list[str]:
        """Notes on how paths were matched."""
        now = [] if self.tails is None or not self.tails.note else [self.tails.note]
        return [*self._notes, *now]

    def run(self, variant_id: str, seed: int, row: int) -> int:
        """Return the code of a run; ``row`` is its first row."""
        code = self.runs.setdefault((variant_id, seed), len(self.runs))
        self.first_of_run.setdefault(code, row)
        return code


def encode_block(
    block: Block, codes: Codes, first: int, run: RunSpec | None = None
) -> tuple[npt.NDArray[np.int32], RowArray, int]:
    """Return the run code of each row, the encoded rows, and the number of the first.

    Parameters
    ----------
    first : int
        Number of the block's first row in all files.
    run : tuple, optional
        Variant and seed of all rows, if not in the columns.

    Raises
    ------
    UserError
        A value cannot be used; the message names file, row and column.
    """
    n = len(block[schema.PREDICTION])

    def locate(row: int) -> str:
        return codes.rows.where(first + row)

    rows: Any = np.empty(n, ROW)
    rows["index"] = np.arange(n)
    rows["image"], rows["path"] = _images(block, codes, locate, first)
    rows[schema.LABEL] = -1
    if schema.LABEL in block:
        rows[schema.LABEL] = codes.classes.encode(block[schema.LABEL], schema.LABEL, locate, first)
    rows[schema.PREDICTION] = codes.classes.encode(
        block[schema.PREDICTION], schema.PREDICTION, locate, first, is_optional=True
    )
    for name in OPTIONAL:
        if name == schema.TRUE_RANK:
            rows[name] = optional_ranks(block[name], name, locate) if name in block else -1
        else:
            rows[name] = fractions(block[name], name, locate) if name in block else np.nan
    return _runs(block, codes, locate, first, run), rows, first


def _images(block: Block, codes: Codes, locate: Locate, first: int) -> tuple[Any, Any]:
    if codes.by_path:
        if schema.PATH not in block:
            raise UserError(
                f"{locate(0)}: no column 'path', and other files name images by it; expected the "
                "same in every file"
            )
        return _paths(block[schema.PATH], codes, locate), -1
    if schema.IMAGE_ID not in block and codes.is_by_row:
        start = codes.rows.of_file(first)
        image = np.arange(start, start + len(block[schema.PREDICTION]))
        codes.highest_id = max(codes.highest_id, int(image[-1]))
        return image, -1
    if schema.IMAGE_ID not in block:
        raise UserError(
            f"{locate(0)}: no column 'image_id', and other files name images by it; expected the "
            "same in every file"
        )
    column = plain(block[schema.IMAGE_ID], schema.IMAGE_ID, locate)
    try:
        image = whole_numbers(
            column, schema.IMAGE_ID, locate, high=HIGHEST_ID, what="the index of the image"
        )
    except UserError as error:
        if is_text(column):
            raise UserError(f"{error}; names of images are read with --map path=image_id") from None
        raise UserError(f"{error}; ids that are not indices: --map path=image_id") from None
    codes.highest_id = max(codes.highest_id, int(image.max()))
    if schema.PATH not in block:
        return image, -1
    codes.has_paths = True
    return image, _paths(block[schema.PATH], codes, locate)


def _paths(column: pa.Array, codes: Codes, locate: Locate) -> npt.NDArray[np.int32]:
    indices, values = encoded(column, schema.PATH, locate)
    paths = [str(value) for value in values]
    codes_of_paths = image_codes(paths, codes, lambda i: locate(int(np.argmax(indices == i))))
    return codes_of_paths[indices]


def image_codes(paths: list[str], codes: Codes, locate: Locate) -> npt.NDArray[np.int32]:
    """Return the codes of images named by path, (N,); ``locate`` locates one in messages.

    Raises
    ------
    UserError
        A path is not a known image.
    """
    tails, known = codes.tails, codes.paths
    if codes.known_from is None or tails is None:
        indices = []
        for path in map(as_posix, paths):
            code = known.get(path)
            if code is None and tails is not None and (match := tails.index_of(path)) >= 0:
                code = match
            indices.append(known.setdefault(path, len(known)) if code is None else code)
        return np.array(indices, np.int32)
    indices = tails.indices_of(paths)
    if -1 in indices:
        unknown = indices.index(-1)
        path, example = paths[unknown], next(iter(known), "none")
        raise UserError(
            f"{locate(unknown)}: column 'path' is {path!r:.120}, {tails.why_not(path)} of "
            f"{codes.known_from}; expected one of its {len(known):,} paths, such as {example!r}"
        )
    return np.array(indices, np.int32)


def _runs(
    block: Block, codes: Codes, locate: Locate, first: int, run: RunSpec | None
) -> npt.NDArray[np.int32]:
    n = len(block[schema.PREDICTION])
    variant_id, fixed_seed = run or (None, None)
    if variant_id is None:
        variant, ids = _variants(block, codes, locate)
    else:
        variant, ids = np.zeros(n, np.int32), [codes.variant(variant_id, locate, 0)]
    if fixed_seed is not None:
        seed = np.full(n, fixed_seed, np.int64)
    elif schema.SEED in block:
        seed = whole_numbers(
            block[schema.SEED], schema.SEED, locate, high=_HIGHEST_SEED, what="a whole number"
        )
    else:
        codes.has_seeds &= run is not None
        seed = np.zeros(n, np.int64)
    keys, unique = pd.factorize(variant.astype(np.int64) << 32 | seed)
    firsts = first_rows(keys, len(unique))
    run_codes = [
        codes.run(ids[int(key) >> 32], int(key) & 0xFFFFFFFF, first + int(row))
        for key, row in zip(unique, firsts, strict=True)
    ]
    return np.array(run_codes, np.int32)[keys]


def _variants(
    block: Block, codes: Codes, locate: Locate
) -> tuple[npt.NDArray[np.int32], list[str]]:
    if schema.VARIANT_ID in block:
        indices, values = encoded(block[schema.VARIANT_ID], schema.VARIANT_ID, locate)
        names_given = [str(value) for value in values]
    else:
        method, names = encoded(block[schema.METHOD], schema.METHOD, locate)
        levels = np.full(len(method), np.nan)
        if schema.TARGET_SPARSITY in block:
            levels = optional_numbers(block[schema.TARGET_SPARSITY], schema.TARGET_SPARSITY, locate)
        level, distinct = pd.factorize(levels, use_na_sentinel=False)
        pair, pairs = pd.factorize(method.astype(np.int64) * len(distinct) + level)
        indices, names_given = pair.astype(np.int32), []
        for i, code in enumerate(pairs.tolist()):
            sparsity = float(distinct[code % len(distinct)])
            try:
                names_given.append(
                    joined_id(
                        str(names[code // len(distinct)]),
                        None if np.isnan(sparsity) else round(sparsity, 6),
                    )
                )
            except UserError as error:
                raise UserError(f"{locate(int(np.argmax(pair == i)))}: {error}") from None
    rows = first_rows(indices, len(names_given)).tolist()
    return indices, [
        codes.variant(one, locate, row) for one, row in zip(names_given, rows, strict=True)
    ]
