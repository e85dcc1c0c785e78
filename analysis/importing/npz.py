"""``<variant_id>__seed-<k>.npz``: logits or probabilities of one run, read in blocks, no pickle."""

import lzma
import re
import struct
import tokenize
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

import numpy as np
import numpy.typing as npt

from analysis.datasets.files import open_regular
from analysis.errors import LetheError, UserError
from analysis.importing.readers import first_line
from analysis.importing.request import LABELS, LOGITS, PROBABILITIES

_NAME = re.compile(r"(?P<variant>.+)__seed-(?P<seed>\d{1,9})")
_BLOCK_BYTES = 4 * 2**20
_UNREADABLE = (
    OSError, EOFError, ValueError, TypeError, KeyError, MemoryError, OverflowError, RuntimeError,
    SyntaxError, NotImplementedError, LookupError, zipfile.BadZipFile, zlib.error, lzma.LZMAError,
    struct.error, tokenize.TokenError,
)  # fmt: skip
_MOST_LABEL_BYTES = 2**30
_SUM_SLACK = 0.02
# What a probability of 0 counts as: its logarithm must stay a number.
_SMALLEST = float(np.finfo(np.float64).tiny)


@dataclass(frozen=True)
class Scores:
    """One file: its run, and where its scores lie, (``n``, ``n_classes``)."""

    path: Path
    variant_id: str
    seed: int
    member: str
    is_logits: bool
    n: int
    n_classes: int

    def blocks(self) -> Iterator[npt.NDArray[np.float64]]:
        """Logits in blocks of rows; of probabilities their logarithms.

        Raises
        ------
        UserError
            The file is damaged, or a score is none.
        """
        with (
            _named(self.path),
            open_regular(self.path) as raw,
            zipfile.ZipFile(raw) as archive,
            archive.open(self.member) as stream,
        ):
            _, dtype = _head(stream, self.path, self.member)
            size = max(1, _BLOCK_BYTES // max(1, self.n_classes * 8))
            for start in range(0, self.n, size):
                count = min(size, self.n - start)
                content = stream.read(count * self.n_classes * dtype.itemsize)
                block = np.frombuffer(content, dtype).reshape(count, self.n_classes)
                yield self._checked(block.astype(np.float64), start)
            if stream.read(1):  # also compares what was read with its checksum
                raise UserError(f"{self.path}: {self.member} is longer than it says")

    def _checked(self, block: npt.NDArray[np.float64], start: int) -> npt.NDArray[np.float64]:
        what = self.member.removesuffix(".npy")
        bad = ~np.isfinite(block)
        if not self.is_logits:
            bad |= (block < 0) | (block > 1 + 1e-3)
        if bad.any():
            row, column = np.argwhere(bad)[0].tolist()
            raise UserError(
                f"{self.path}, row {start + row}, column {column} of '{what}' is "
                f"{block[row, column]}; expected "
                + ("finite numbers" if self.is_logits else "probabilities from 0 to 1")
            )
        if self.is_logits:
            return block
        total = block.sum(axis=1)
        off = np.abs(total - 1) > _SUM_SLACK
        if off.any():
            row = int(np.argmax(off))
            raise UserError(
                f"{self.path}, row {start + row} of '{what}' sums to {total[row]:.4g}; expected 1: "
                "Lethe audits single-label classifiers. Scores before the softmax are named "
                "'logits'"
            )
        return np.log(np.where(block > 0, block, _SMALLEST))


def open_scores(path: Path, mapped: dict[str, str]) -> tuple[Scores, npt.NDArray[Any]]:
    """Open one file; return its scores, unread, and its labels, (N,): whole numbers or text.

    Raises
    ------
    UserError
        Its name says no run, it is damaged, a member is missing, or has another shape or type.
    """
    found = _NAME.fullmatch(path.stem)
    if found is None:
        raise UserError(
            f"{path}: expected a name like magnitude-0.90__seed-0.npz, which says the run"
        )
    with _named(path), open_regular(path) as raw, zipfile.ZipFile(raw) as archive:
        infos = {info.filename: info for info in archive.infolist()}
        names = {ours: f"{mapped.get(ours, ours)}.npy" for ours in (LOGITS, PROBABILITIES, LABELS)}
        scores = [ours for ours in (LOGITS, PROBABILITIES) if names[ours] in infos]
        if len(scores) != 1 or names[LABELS] not in infos:
            there = ", ".join(repr(n.removesuffix(".npy"))[1:-1][:40] for n in list(infos)[:12])
            lacks = "'labels'" if scores else "'logits' or 'probabilities'"
            problem = "both 'logits' and 'probabilities'" if len(scores) == 2 else f"no {lacks}"
            raise UserError(
                f"{path} has {problem}; it has {there or 'nothing'}; --map "
                f"{LABELS if scores else LOGITS}=THEIRS says which one it is"
            )
        member = names[scores[0]]
        (n, n_classes) = _shape(archive, infos[member], path)
        labels = _labels(archive, infos[names[LABELS]], path)
    if len(labels) != n:
        raise UserError(f"{path} has {len(labels):,} labels and {n:,} rows of '{scores[0]}'")
    variant, seed = found["variant"], int(found["seed"])
    return Scores(path, variant, seed, member, scores[0] == LOGITS, n, n_classes), labels


@contextmanager
def _named(path: Path) -> Iterator[None]:
    try:
        yield
    except LetheError:
        raise
    except _UNREADABLE as error:
        raise UserError(f"{path} cannot be read as .npz: {first_line(error)}") from error


def _head(stream: IO[bytes], path: Path, member: str) -> tuple[tuple[int, ...], np.dtype[Any]]:
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
    if is_fortran and sum(side > 1 for side in shape) > 1:
        raise UserError(f"{path}: {member} is in Fortran order; save numpy.ascontiguousarray of it")
    return shape, dtype


def _shape(archive: zipfile.ZipFile, info: zipfile.ZipInfo, path: Path) -> tuple[int, int]:
    with archive.open(info) as stream:
        shape, dtype = _head(stream, path, info.filename)
        _check_size(info, stream.tell(), shape, dtype, path)
    what = info.filename.removesuffix(".npy")
    if dtype.kind not in "fiu":
        raise UserError(f"{path}: '{what}' holds {dtype}; expected numbers")
    if len(shape) != 2 or shape[0] < 1 or shape[1] < 2:
        raise UserError(
            f"{path}: '{what}' has the shape {shape}; expected (N, C), one row an image and one "
            "column a class, at least two"
        )
    return int(shape[0]), int(shape[1])


def _check_size(
    info: zipfile.ZipInfo, header: int, shape: tuple[int, ...], dtype: np.dtype[Any], path: Path
) -> None:
    size = dtype.itemsize
    for side in shape:
        if side < 0:
            raise UserError(f"{path}: {info.filename} says the shape {shape}")
        size *= side
    if header + size != info.file_size:
        raise UserError(
            f"{path}: {info.filename} says the shape {shape} and does not have as many bytes"
        )


def _labels(archive: zipfile.ZipFile, info: zipfile.ZipInfo, path: Path) -> npt.NDArray[Any]:
    with archive.open(info) as stream:
        shape, dtype = _head(stream, path, info.filename)
        _check_size(info, stream.tell(), shape, dtype, path)
        if info.file_size > _MOST_LABEL_BYTES:
            raise UserError(
                f"{path}: 'labels' takes {info.file_size:,} bytes; expected one an image"
            )
        if len(shape) != 1:
            raise UserError(
                f"{path}: 'labels' has the shape {shape}; Lethe audits single-label classifiers: "
                "expected (N,), a class id or name an image"
            )
        if dtype.kind not in "fiubUS":
            raise UserError(f"{path}: 'labels' holds {dtype}; expected class ids or names")
        content = stream.read()
    labels = np.frombuffer(content, dtype, count=shape[0]) if dtype.itemsize else np.empty(0, dtype)
    if dtype.kind == "S":
        labels = np.char.decode(labels, "utf-8")
    return labels.astype(labels.dtype.newbyteorder("="))
