"""Scores of one run that lie in a file: what they are, and their logits in blocks of rows."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path

import numpy as np
import numpy.typing as npt

from analysis.importing.request import LOGITS, PROBABILITIES
from analysis.outputs.scores import SUM_SLACK, Array, Kind, ScoreSummary, kind_of, log_probabilities
from analysis.outputs.whole_numbers import Grid, grid_of

_BLOCK_BYTES = 4 * 2**20


@dataclass(frozen=True)
class Scores:
    """Scores of one run, (``n``, ``width``), unread.

    Parameters
    ----------
    path : Path
        The file, as messages name it.
    what : str
        What the scores are called in it.
    raw : callable
        Takes a number of rows; yields blocks of so many, as they lie in the file.
    asked : str
        What they are said to be, ``auto`` where nothing is said.
    said : str
        What their name says they are.
    names : tuple of str
        The class of each column where the file says it.
    """

    path: Path
    what: str
    n: int
    width: int
    raw: Callable[[int], Iterator[Array]] = field(repr=False)
    asked: str = "auto"
    said: str = ""
    names: tuple[str, ...] = ()

    @property
    def n_classes(self) -> int:
        """How many classes there are: two of one sigmoid output."""
        return max(self.width, 2)

    @cached_property
    def grid(self) -> Grid | None:
        """What whole numbers stand for; None of floating-point numbers.

        Raises
        ------
        UserError
            They are logits, whose scale nothing says.
        """
        if next(self.raw(1)).dtype.kind == "f":
            return None
        rows = max(1, _BLOCK_BYTES // max(1, self.width * 8))
        return grid_of(self.raw(rows), self.asked, name=f"{self.path}: '{self.what}'")

    @cached_property
    def summary(self) -> ScoreSummary:
        """What was seen of the scores of all rows, or of the first where these settle it."""
        summary = ScoreSummary()
        for block in self._raw():
            summary.add(block)
            if not summary.is_within_one and self.asked == "auto":
                break  # logits, whatever follows
        return summary

    @cached_property
    def are_probabilities(self) -> bool:
        """Whether the scores are probabilities.

        Raises
        ------
        UserError
            They are said to be probabilities and are none, or are those of a multi-label model.
        """
        if self.asked == LOGITS:
            return False
        # What is named so and lies in 0..1 without summing to 1 is of a multi-label model too.
        is_said = self.said == PROBABILITIES and not self.summary.is_within_one
        asked = PROBABILITIES if is_said and self.asked == "auto" else self.asked
        name = f"{self.path}: '{self.what}'"
        return kind_of(self.summary, asked, name=name) == PROBABILITIES

    def blocks(self) -> Iterator[npt.NDArray[np.float64]]:
        """Logits in blocks of rows; of probabilities their logarithms.

        Raises
        ------
        UserError
            The file is damaged, or the scores are none that can be used.
        """
        are_probabilities, summary = self.are_probabilities, self.summary
        for block in self._raw():
            if are_probabilities:
                yield log_probabilities(block, summary)
            elif self.width == 1:
                yield np.concatenate([np.zeros((len(block), 1)), block[:, 1:]], axis=1)
            else:
                yield block

    @property
    def floor(self) -> float:
        """What a probability of 0 counts as; 0 for logits, which have none."""
        return self.summary.floor if self.are_probabilities else 0.0

    def n_zeros(self, label: npt.NDArray[np.int64]) -> int:
        """Count the rows whose true class has a probability of 0; -1 is no class."""
        if not self.are_probabilities or self.summary.low > 0:
            return 0
        found = start = 0
        for block in self._raw():
            here = label[start : start + len(block)]
            true = np.take_along_axis(block, np.maximum(here, 0)[:, None], axis=1)[:, 0]
            found += int(((true <= 0) & (here >= 0)).sum())
            start += len(block)
        return found

    @property
    def notes(self) -> list[str]:
        """What is to be said of scores that are not what their name says, or not exact."""
        where, found = f"'{self.what}' of {self.path.name}", []
        if self.grid is not None:
            kind: Kind = "probabilities" if self.are_probabilities else "logits"
            found.append(f"{where}: {self.grid.words(kind)}")
        if not self.are_probabilities:
            return found
        if self.said == LOGITS:
            found.append(
                f"{where} lie in 0..1 and sum to 1: taken as probabilities (--scores logits takes "
                "them as logits)"
            )
        if self.summary.off > SUM_SLACK:
            off = self.summary.off
            found.append(f"{where} come in steps and sum to 1 within {off:.2g}: made to sum to 1")
        return found

    def _raw(self) -> Iterator[npt.NDArray[np.float64]]:
        """Blocks of float64; of one output the second class has it, and the first the rest to 1."""
        rows, grid = max(1, _BLOCK_BYTES // max(1, self.width * 8)), self.grid
        for block in self.raw(rows):
            exact = block.astype(np.float64) if grid is None else grid.scores(block)
            yield np.concatenate([1 - exact, exact], axis=1) if self.width == 1 else exact
