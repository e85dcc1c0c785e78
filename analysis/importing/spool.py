"""Rows of numbers put aside on disk by run, and where each of them was read."""

from bisect import bisect_right
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

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

    def of_file(self, row: int) -> int:
        """Count the rows of a row's file that come before it."""
        return row - self._starts[self._file(row)]

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

    def has(self, run: int) -> bool:
        """Whether any row is of a run."""
        return run in self._segments

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
