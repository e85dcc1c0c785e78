"""Where a row came from, for messages: file and row, from one running number."""

from bisect import bisect_right

import numpy as np

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
