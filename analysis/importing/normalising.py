"""Blocks of columns become rows of numbers: runs, images and classes by their codes."""

from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
import pyarrow as pa

from analysis import schema
from analysis.errors import UserError
from analysis.importing.asked import OPTIONAL
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
from analysis.importing.places import Rows
from analysis.importing.readers import Block
from analysis.importing.spool import ROW, RowArray
from analysis.importing.variants import joined_id, variant_record

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
