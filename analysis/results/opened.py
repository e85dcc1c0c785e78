"""An opened sweep: what it is, what was run, and its populations."""

import numpy as np
import numpy.typing as npt

from analysis.manifest import Manifest
from analysis.results import notebook
from analysis.results.source import Source
from analysis.stats.seed_noise import SPLITS
from analysis.stats.votes import TieRule
from analysis.store import Population, SweepFolder


class OpenedSweep:
    """One sweep under one tie rule.

    Variants count as soon as one of their runs is done; ``n_runs`` says how many there are.
    """

    def __init__(
        self, folder: SweepFolder, *, ties: TieRule = "confidence", n_splits: int = SPLITS
    ) -> None:
        self._source = Source(folder, ties, n_splits)

    @property
    def folder(self) -> SweepFolder:
        """The sweep's folder in the cache."""
        return self._source.folder

    @property
    def manifest(self) -> Manifest:
        """The manifest as it was when the sweep was opened."""
        return self._source.manifest

    @property
    def ties(self) -> TieRule:
        """How tied modal labels are broken."""
        return self._source.ties

    @property
    def class_names(self) -> list[str]:
        """Class names in order of class id."""
        return self._source.class_names

    @property
    def label(self) -> npt.NDArray[np.int32]:
        """True classes, shape (N,)."""
        return self._source.label

    @property
    def class_sizes(self) -> npt.NDArray[np.int64]:
        """Number of test images of each class, (C,)."""
        return self._source.class_sizes

    @property
    def variant_ids(self) -> list[str]:
        """Variants with at least one run done, dense first, in the order of the manifest."""
        return self._source.variant_ids

    @property
    def compressed_ids(self) -> list[str]:
        """Variants besides dense, where the dense population has runs to hold them against."""
        return self._source.compressed_ids

    def default_variant(self) -> str | None:
        """Name the most compressed pruned variant; without any, the last one."""
        ids = self.compressed_ids
        pruned = [v for v in ids if self.manifest.variant(v).target_sparsity]
        if pruned:
            return max(pruned, key=lambda v: self.manifest.variant(v).target_sparsity or 0)
        return ids[-1] if ids else None

    def population(self, variant_id: str) -> Population:
        """Return all runs of one variant: predictions, confidences and ranks, [K, N].

        Raises
        ------
        CacheError
            There is no such variant, none of its runs is done, or a file is missing or damaged.
        """
        return self._source.population(variant_id)

    def __repr__(self) -> str:
        return notebook.as_text(self.manifest, self.ties)

    def _repr_html_(self) -> str:
        return notebook.as_html(self.manifest, self.ties)
