"""Spool encoded rows to disk by run, and locate each row in its file."""

from bisect import bisect_right
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

HEADER = 2  # the first data row of a file with a header
FIRST = 1


class Rows:
    """Numbers the rows of all files in reading order."""

    def __init__(self) -> None:
        self._names: list[str] = []
        self._starts: list[int] = []
        self._firsts: list[int] = []
        self.total = 0

    def begin(self, name: str, first: int) -> None:
        """Begin a file; ``first`` is the number of its first row in messages."""
        self._names.append(name)
        self._starts.append(self.total)
        self._firsts.append(first)

    def take(self, n: int) -> int:
        """Number the next rows of the current file; return the number of the first."""
        start = self.total
        self.total += n
        return start

    def of_file(self, row: int) -> int:
        """Return a row's index in its file."""
        return row - self._starts[self._file(row)]

    def where(self, row: int | np.integer) -> str:
        """Return file and row for messages."""
        number = int(row)
        file = self._file(number)
        return f"{self._names[file]}, row {number - self._starts[file] + self._firsts[file]}"

    def file(self, row: int) -> str:
        """Return the file of a row for messages."""
        return self._names[self._file(row)]

    def _file(self, row: int) -> int:
        return bisect_right(self._starts, row) - 1


# Codes and numbers of one row; ``index`` is its index in its chunk, path -1 without one.
ROW = np.dtype(
    [
        ("image", np.int32),
        ("label", np.int32),
        ("prediction", np.int32),
        ("index", np.uint32),
        ("confidence", np.float32),
        ("true_confidence", np.float32),
        ("true_rank", np.int32),
        ("path", np.int32),
    ]
)
RowArray = npt.NDArray[np.void]


class Spool:
    """A file of rows, ordered by run within chunks, with its index in memory."""

    def __init__(self, path: Path) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        self._file = path.open("w+b")
        self._segments: dict[int, list[tuple[int, int, int]]] = {}
        self._n = 0

    def close(self) -> None:
        """Close the file."""
        self._file.close()

    def add(self, run: npt.NDArray[np.int32], rows: RowArray, first: int) -> None:
        """Write a chunk: the run of each row, the rows, and the number of the first."""
        order = np.argsort(run, kind="stable")
        ordered = run[order]
        starts = np.flatnonzero(np.diff(ordered, prepend=-1))
        ends = np.append(starts[1:], len(ordered))
        for start, end in zip(starts.tolist(), ends.tolist(), strict=True):
            segments = self._segments.setdefault(int(ordered[start]), [])
            segments.append((self._n + start, end - start, first))
        self._file.write(rows[order].data)
        self._n += len(rows)

    def has(self, run: int) -> bool:
        """Return whether a run has rows."""
        return run in self._segments

    def size(self, run: int) -> int:
        """Count the rows of a run."""
        return sum(n for _, n, _ in self._segments[run])

    def read(self, run: int) -> tuple[RowArray, npt.NDArray[np.int64]]:
        """Return the rows of a run in reading order, and their numbers."""
        n = self.size(run)
        rows: Any = np.empty(n, ROW)
        number = np.empty(n, np.int64)
        done = 0
        buffer = memoryview(rows.view(np.uint8))
        for start, count, first in self._segments[run]:
            self._file.seek(start * ROW.itemsize)
            part = buffer[done * ROW.itemsize : (done + count) * ROW.itemsize]
            if self._file.readinto(part) != len(part):
                raise OSError("the spool file is shorter than what was written")
            number[done : done + count] = rows["index"][done : done + count]
            number[done : done + count] += first
            done += count
        return rows, number
