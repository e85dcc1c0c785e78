"""Read scores or predictions of one run from ``.npz`` and ``.npy``, without unpickling."""

import lzma
import re
import struct
import tokenize
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import IO, Any

import numpy as np
import numpy.typing as npt

from analysis import schema
from analysis.errors import LetheError, UserError
from analysis.filesystem.regular import open_regular
from analysis.filesystem.tables import first_line
from analysis.importing.request import LABELS, LOGITS, PROBABILITIES, RunSpec
from analysis.importing.scores import Scores

_NAME = re.compile(r"(?P<variant>.+)__seed-(?P<seed>\d{1,9})")
_UNREADABLE = (
    OSError, EOFError, ValueError, TypeError, KeyError, MemoryError, OverflowError, RuntimeError,
    SyntaxError, NotImplementedError, LookupError, zipfile.BadZipFile, zlib.error, lzma.LZMAError,
    struct.error, tokenize.TokenError,
)  # fmt: skip
_MOST_LABEL_BYTES = 2**30
Shape = tuple[int, ...]


@dataclass(frozen=True)
class Arrays:
    """The content of a file of one run: scores or predictions, and labels if it has them."""

    run: RunSpec
    n: int
    scores: Scores | None = None
    prediction: npt.NDArray[Any] | None = None
    labels: npt.NDArray[Any] | None = None


def open_arrays(
    path: Path, run: RunSpec | None, mapped: dict[str, str], *, kind: str, has_labels: bool
) -> Arrays:
    """Open one file without reading its scores.

    Parameters
    ----------
    run : tuple, optional
        Its run; by default that of its name, ``<variant_id>__seed-<k>``.
    mapped : dict
        Names of our arrays in an .npz file.
    kind : str
        The declared kind of its scores.
    has_labels : bool
        Whether another file or the dataset has the labels.

    Raises
    ------
    UserError
        The name has no run, or the file is damaged, lacks an array, or has a wrong shape or type.
    """
    if run is None:
        found = _NAME.fullmatch(path.stem)
        if found is None:
            raise UserError(
                f"{path}: expected a name with the run, such as "
                f"magnitude-0.90__seed-0{path.suffix}, or --variant dense={path}"
            )
        run = found["variant"], int(found["seed"])
    if path.suffix.lower() == ".npy":
        if not has_labels:
            raise UserError(
                f"{path} has no labels; --labels FILE has them, or --images SPEC in its folders"
            )
        return _npy(path, run, kind)
    return _npz(path, run, mapped, kind, has_labels=has_labels)


def _npy(path: Path, run: RunSpec, kind: str) -> Arrays:
    with _named(path), open_regular(path) as stream:
        shape, dtype, _ = _head(stream, path, path.name)
        _check_size(path.stat().st_size, stream.tell(), shape, dtype, path, path.name)
    if _is_prediction(shape, dtype, kind):
        return Arrays(run, shape[0], prediction=read_column(path, path.stem))
    n, width = _table(shape, dtype, path, path.stem)
    scores = Scores(path, path.stem, n, width, partial(_npy_blocks, path, (n, width)), kind)
    return Arrays(run, n, scores)


def _npy_blocks(path: Path, shape: tuple[int, int], rows: int) -> Iterator[npt.NDArray[Any]]:
    with _named(path):
        array = np.load(path, mmap_mode="r", allow_pickle=False).reshape(shape)
        for start in range(0, shape[0], rows):
            yield array[start : start + rows]


def _checked_head(stream: IO[bytes], path: Path) -> tuple[tuple[int, ...], np.dtype[Any]]:
    """Read shape and type of an .npy file and check its size."""
    shape, dtype, _ = _head(stream, path, path.name)
    _check_size(path.stat().st_size, stream.tell(), shape, dtype, path, path.name)
    return shape, dtype


def read_column(path: Path, what: str) -> npt.NDArray[Any]:
    """Read one value an image from an .npy file, (N,): whole numbers or text.

    Raises
    ------
    UserError
        It is damaged, or has another shape or type.
    """
    with _named(path), open_regular(path) as stream:
        shape, dtype = _checked_head(stream, path)
        stream.seek(0)
        return _one_each(stream, shape, dtype, path, what, path.name)


def read_matrix(path: Path) -> npt.NDArray[Any]:
    """Open an .npy file of numbers, (N, D), without reading it.

    Raises
    ------
    UserError
        It is damaged, or has another shape or type.
    """
    with _named(path), open_regular(path) as stream:
        shape, dtype = _checked_head(stream, path)
    n, width = _table(shape, dtype, path, path.stem)
    with _named(path):
        return np.asarray(np.load(path, mmap_mode="r", allow_pickle=False).reshape(n, width))


def _npz(
    path: Path, run: RunSpec, mapped: dict[str, str], kind: str, *, has_labels: bool
) -> Arrays:
    parts = (LOGITS, PROBABILITIES, schema.PREDICTION, LABELS)
    with _named(path), open_regular(path) as raw, zipfile.ZipFile(raw) as archive:
        infos = {info.filename: info for info in archive.infolist()}
        names = {ours: f"{mapped.get(ours, ours)}.npy" for ours in parts}
        present = [ours for ours in parts[:3] if names[ours] in infos]
        if len(present) != 1 or not (names[LABELS] in infos or has_labels):
            raise UserError(_problem(path, list(infos), present))
        ours, info = present[0], infos[names[present[0]]]
        what = info.filename.removesuffix(".npy")
        with archive.open(info) as stream:
            shape, dtype, is_fortran = _head(stream, path, info.filename)
            _check_size(info.file_size, stream.tell(), shape, dtype, path, info.filename)
        if ours == schema.PREDICTION or _is_prediction(shape, dtype, kind):
            prediction = _member(archive, info, path, what)
            arrays = Arrays(run, len(prediction), prediction=prediction)
        else:
            n, width = _table(shape, dtype, path, what)
            if is_fortran and sum(side > 1 for side in shape) > 1:
                raise UserError(
                    f"{path}: {info.filename} is in Fortran order; save numpy.ascontiguousarray of "
                    "it"
                )
            blocks = partial(_npz_blocks, path, info.filename, (n, width))
            scores = Scores(path, what, n, width, blocks, kind, named_kind=ours)
            arrays = Arrays(run, n, scores)
        if names[LABELS] not in infos:
            return arrays
        labels = _member(archive, infos[names[LABELS]], path, LABELS)
    if len(labels) != arrays.n:
        raise UserError(f"{path} has {len(labels):,} labels and {arrays.n:,} rows of '{what}'")
    return replace(arrays, labels=labels)


def _problem(path: Path, members: list[str], present: list[str]) -> str:
    named = ", ".join(repr(n.removesuffix(".npy"))[1:-1][:40] for n in members[:12])
    if len(present) > 1:
        problem = f"both '{present[0]}' and '{present[1]}'"
    else:
        problem = "no 'labels'" if present else "no 'logits' or 'probabilities'"
    hint = "; or --labels FILE has the labels, or --images SPEC" if len(present) == 1 else ""
    return (
        f"{path} has {problem}; it has {named or 'nothing'}; --map "
        f"{LABELS if present else LOGITS}=THEIRS names it{hint}"
    )


def _npz_blocks(
    path: Path, member: str, shape: tuple[int, int], rows: int
) -> Iterator[npt.NDArray[Any]]:
    n, width = shape
    with (
        _named(path),
        open_regular(path) as raw,
        zipfile.ZipFile(raw) as archive,
        archive.open(member) as stream,
    ):
        _, dtype, _ = _head(stream, path, member)
        for start in range(0, n, rows):
            count = min(rows, n - start)
            content = stream.read(count * width * dtype.itemsize)
            yield np.frombuffer(content, dtype).reshape(count, width)
        if stream.read(1):  # also verifies the checksum
            raise UserError(f"{path}: {member} is longer than its header says")


@contextmanager
def _named(path: Path) -> Iterator[None]:
    kind = path.suffix.lower()
    try:
        yield
    except LetheError:
        raise
    except _UNREADABLE as error:
        raise UserError(f"{path} cannot be read as {kind}: {first_line(error)}") from error


def _head(stream: IO[bytes], path: Path, member: str) -> tuple[Shape, np.dtype[Any], bool]:
    version = np.lib.format.read_magic(stream)
    readers = {
        (1, 0): np.lib.format.read_array_header_1_0,
        (2, 0): np.lib.format.read_array_header_2_0,
    }
    if version not in readers:
        raise UserError(f"{path}: {member} is of .npy version {version}; expected 1.0 or 2.0")
    shape, is_fortran, dtype = readers[version](stream)
    if dtype.hasobject:
        raise UserError(f"{path}: {member} holds Python objects, which are never unpickled")
    return shape, dtype, is_fortran


def _is_prediction(shape: Shape, dtype: np.dtype[Any], kind: str) -> bool:
    """Return whether an array holds one class per image instead of scores."""
    is_one = len(shape) >= 1 and shape[0] > 0 and all(side == 1 for side in shape[1:])
    if kind == LABELS:
        return is_one
    return is_one and dtype.kind in "iubUS"


def _table(shape: Shape, dtype: np.dtype[Any], path: Path, what: str) -> tuple[int, int]:
    """Return rows and columns of scores without axes of length 1."""
    if dtype.kind not in "fiu":
        raise UserError(f"{path}: '{what}' holds {dtype}; expected numbers")
    if len(shape) > 2 and shape[0] == 1 and shape[1] > 1:
        shape = shape[1:]
    sides = [side for side in shape[1:] if side != 1]
    if not shape or shape[0] < 1 or len(sides) > 1 or 0 in sides:
        raise UserError(
            f"{path}: '{what}' has the shape {shape}; expected (N, C), one row an image and one "
            "column a class"
        )
    return int(shape[0]), int(sides[0]) if sides else 1


def _check_size(
    n_bytes: int, header: int, shape: Shape, dtype: np.dtype[Any], path: Path, member: str
) -> None:
    size = dtype.itemsize
    for side in shape:
        if side < 0:
            raise UserError(f"{path}: {member} has the shape {shape}")
        size *= side
    if header + size != n_bytes:
        raise UserError(f"{path}: {member} has the shape {shape} but another number of bytes")


def _member(
    archive: zipfile.ZipFile, info: zipfile.ZipInfo, path: Path, what: str
) -> npt.NDArray[Any]:
    with archive.open(info) as stream:
        shape, dtype, _ = _head(stream, path, info.filename)
        _check_size(info.file_size, stream.tell(), shape, dtype, path, info.filename)
    with archive.open(info) as stream:
        return _one_each(stream, shape, dtype, path, what, info.filename)


def _one_each(
    stream: IO[bytes], shape: Shape, dtype: np.dtype[Any], path: Path, what: str, member: str
) -> npt.NDArray[Any]:
    """Read one class per image, (N,)."""
    size = dtype.itemsize * int(np.prod(shape, dtype=np.int64))
    if size > _MOST_LABEL_BYTES:
        raise UserError(f"{path}: '{what}' takes {size:,} bytes; expected one an image")
    if not shape or any(side != 1 for side in shape[1:]):
        raise UserError(
            f"{path}: '{what}' has the shape {shape}; Lethe audits single-label classifiers: "
            "expected (N,), a class id or name an image"
        )
    if dtype.kind not in "fiubUS":
        raise UserError(f"{path}: '{what}' holds {dtype}; expected class ids or names")
    _head(stream, path, member)
    content = stream.read()
    found = np.frombuffer(content, dtype, count=shape[0]) if size else np.empty(0, dtype)
    if dtype.kind == "S":
        found = np.char.decode(found, "utf-8")
    return found.astype(found.dtype.newbyteorder("="))
