"""Rows put aside on disk by run, so that one run at a time is in memory."""

from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

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
