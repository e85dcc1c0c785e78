"""All runs of one variant, as arrays."""

from dataclasses import dataclass
from typing import Any

import numpy.typing as npt

from analysis import schema


@dataclass(frozen=True)
class Population:
    """All runs of one variant: ``seeds`` (K) and named columns, each an array [K, N]."""

    variant_id: str
    seeds: tuple[int, ...]
    columns: dict[str, npt.NDArray[Any]]

    def __getitem__(self, column: str) -> npt.NDArray[Any]:
        """Return one column, [K, N]."""
        return self.columns[column]

    @property
    def prediction(self) -> npt.NDArray[Any]:
        """Predicted classes, [K, N]."""
        return self.columns[schema.PREDICTION]

    @property
    def n_bytes(self) -> int:
        """Memory of its columns."""
        return sum(values.nbytes for values in self.columns.values())
