"""Read separate files of true labels and of image paths."""

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from analysis import schema
from analysis.datasets.files import lines_of, read_text
from analysis.errors import UserError
from analysis.importing.arrays import read_column
from analysis.importing.columns import encoded, whole_numbers
from analysis.importing.encode import HIGHEST_ID, Codes
from analysis.importing.naming import USUAL
from analysis.importing.readers import blocks
from analysis.importing.sources import kind_of
from analysis.importing.spool import FIRST, HEADER

_MOST_BYTES = 2**30
_PAIR = re.compile(
    r"(.+\.(?:jpe?g|png|webp|bmp|gif|tiff?|jp2|ppm|pgm|heic|avif))[\s,;]+(\S.*)", re.IGNORECASE
)


@dataclass(frozen=True)
class Truth:
    """True labels of a file: codes, (N,), and their images.

    Images are given by ``paths`` or ``ids``, else by order. ``first`` is the number of the first
    row.
    """

    path: Path
    code: npt.NDArray[np.int32]
    first: int
    paths: list[str] | None = None
    ids: npt.NDArray[np.int64] | None = None


def read_truth(path: Path, codes: Codes, mapped: dict[str, str]) -> Truth:
    """Read a file of labels: a table with ``path`` or ``image_id`` and ``label``, .npy or .txt.

    Raises
    ------
    UserError
        The file cannot be read or has no labels.
    """
    kind = kind_of(path)
    if kind == "npz":
        raise UserError(f"--labels {path}: expected a table, .npy or .txt")
    codes.rows.begin(f"{path}", HEADER if kind == "csv" and path.suffix != ".txt" else FIRST)
    if kind == "npy":
        return _in_order(path, pa.array(read_column(path, "labels")), codes)
    if path.suffix.lower() == ".txt":
        return _text(path, codes)
    return _table(path, kind, codes, mapped)


def read_paths(path: Path) -> list[str]:
    """Read the path of each image, one a line.

    Raises
    ------
    UserError
        The file cannot be read, or a line is empty or repeated.
    """
    lines = _lines(path, "--paths")
    if "" in lines:
        raise UserError(f"--paths {path}: line {lines.index('') + 1} is empty; expected a path")
    if len(set(lines)) < len(lines):
        first = {line: i for i, line in reversed(list(enumerate(lines)))}
        twice = next(i for i, line in enumerate(lines) if first[line] != i)
        raise UserError(f"--paths {path}: line {twice + 1}, {lines[twice]!r:.120}, is repeated")
    return lines


def _lines(path: Path, option: str) -> list[str]:
    lines = lines_of(read_text(path, option, most_bytes=_MOST_BYTES, what="a list of images"))
    if not lines:
        raise UserError(f"{option} {path} is empty; expected one line an image")
    return lines


def _text(path: Path, codes: Codes) -> Truth:
    lines = _lines(path, "--labels")
    pairs = [_PAIR.fullmatch(line) for line in lines]
    if not all(pairs):
        return _in_order(path, pa.array(lines), codes)
    truth = _in_order(path, pa.array([pair[2] for pair in pairs if pair]), codes)
    return Truth(path, truth.code, truth.first, [pair[1].strip() for pair in pairs if pair])


def _in_order(path: Path, column: pa.Array, codes: Codes) -> Truth:
    first = codes.rows.take(len(column))
    code = codes.classes.encode(
        column, schema.LABEL, lambda row: codes.rows.where(first + row), first
    )
    return Truth(path, code, first)


def _table(path: Path, kind: str, codes: Codes, mapped: dict[str, str]) -> Truth:
    code: list[Any] = []
    keys: list[Any] = []
    is_by_path, start = False, codes.rows.total

    def choose(names: list[str]) -> dict[str, str]:
        nonlocal is_by_path
        chosen = _columns(path, names, mapped)
        is_by_path = schema.PATH in chosen
        return chosen

    for block in blocks(path, kind, choose, lambda _: None):
        n = len(block[schema.LABEL])
        first = codes.rows.take(n)

        def locate(row: int, first: int = first) -> str:
            return codes.rows.where(first + row)

        code.append(codes.classes.encode(block[schema.LABEL], schema.LABEL, locate, first))
        if is_by_path:
            indices, values = encoded(block[schema.PATH], schema.PATH, locate)
            keys += [f"{values[i]}" for i in indices.tolist()]
        elif schema.IMAGE_ID in block:
            column = block[schema.IMAGE_ID]
            what = "the index of the image"
            keys.append(whole_numbers(column, schema.IMAGE_ID, locate, high=HIGHEST_ID, what=what))
    if not code:
        raise UserError(f"{path} has no row; expected one row an image")
    all_codes = np.concatenate(code)
    if is_by_path:
        return Truth(path, all_codes, start, keys)
    return Truth(path, all_codes, start, ids=np.concatenate(keys) if keys else None)


def _columns(path: Path, names: list[str], mapped: dict[str, str]) -> dict[str, str]:
    chosen = {}
    for ours in (schema.LABEL, schema.PATH, schema.IMAGE_ID):
        usual = [one for one in (mapped.get(ours), ours) if one in names][:1] or [
            name for name in names if name.lower().strip() in {ours, *USUAL.get(ours, ())}
        ]
        if len(usual) > 1:
            either = " or ".join(f"--map {ours}={name}" for name in usual)
            raise UserError(
                f"--labels {path}: {' and '.join(map(repr, usual))} can each be the column "
                f"'{ours}'; choose one with {either}"
            )
        if usual and usual[0] is not None:
            chosen[ours] = usual[0]
    if schema.LABEL not in chosen:
        raise UserError(
            f"--labels {path} has no column 'label'; it has {', '.join(names[:12]) or 'none'}; "
            "name it with --map label=THEIRS"
        )
    if schema.PATH in chosen:
        chosen.pop(schema.IMAGE_ID, None)
    return chosen
