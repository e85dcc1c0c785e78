"""Reading a sweep for its results, each column once, and bounded caches of computed tables."""

import hashlib
from collections.abc import Callable, Collection, Sequence
from functools import cached_property
from typing import Any, TypeVar

import numpy as np
import numpy.typing as npt
import pandas as pd
import pyarrow as pa

from analysis import schema
from analysis.config import DENSE_ID
from analysis.errors import CacheError, DamageError
from analysis.stats import STATS_VERSION
from analysis.stats.votes import TieRule
from analysis.store import DerivedTables, Population, SweepFolder
from analysis.store.manifest import Manifest

_POPULATION_BYTES = 2**30
_LARGE = 5_000_000
_VOTES = (schema.PREDICTION, schema.CONFIDENCE, schema.TRUE_RANK)


class Source:
    """Manifest, labels and populations of one sweep, under one tie rule."""

    def __init__(self, folder: SweepFolder, ties: TieRule, n_splits: int | None) -> None:
        self.manifest: Manifest = folder.manifest()
        self.folder = folder.resting_on(self.manifest)
        self.ties: TieRule = ties
        self.n_splits = n_splits
        self._populations: dict[str, Population] = {}
        self._means: dict[tuple[str, str], npt.NDArray[np.float64]] = {}

    @property
    def class_names(self) -> list[str]:
        """Class names in order of class id."""
        return self.manifest.class_names

    @cached_property
    def label(self) -> npt.NDArray[np.int32]:
        """True classes, shape (N,).

        Raises
        ------
        DamageError
            The images are missing or damaged, or of classes that the manifest does not name.
        """
        label = np.asarray(self.folder.read_images([schema.LABEL])[schema.LABEL].to_numpy())
        if len(label) and not (label.min() >= 0 and label.max() < len(self.class_names)):
            raise DamageError(
                f"{self.folder.images_path()} has labels from {label.min()} to {label.max()}, and "
                f"the manifest names {len(self.class_names)} classes; "
                f"'python -m analysis verify {self.folder.name}' lists what is wrong"
            )
        return label

    @cached_property
    def class_sizes(self) -> npt.NDArray[np.int64]:
        """Test images of each class, shape (C,)."""
        return np.bincount(self.label, minlength=len(self.class_names))

    @property
    def variant_ids(self) -> list[str]:
        """Variants with at least one run done, dense first, in the order of the manifest."""
        return [
            v.variant_id for v in self.manifest.variants if self.manifest.done_seeds(v.variant_id)
        ]

    @property
    def compressed_ids(self) -> list[str]:
        """Variants besides dense, where the dense population has runs to compare them with."""
        ids = self.variant_ids
        return [v for v in ids if v != DENSE_ID] if DENSE_ID in ids else []

    def requested(self, variant_id: str | None) -> list[str]:
        """Return the requested variant, checked, or all that can be compared with dense.

        Raises
        ------
        CacheError
            There is no such variant, or it is dense itself.
        """
        if variant_id is None:
            return self.compressed_ids
        self.manifest.variant(variant_id)
        if variant_id == DENSE_ID:
            raise CacheError(
                "'dense' is the baseline of the other variants and has no such table; "
                f"choose among {', '.join(self.compressed_ids) or 'none yet'}"
            )
        return [variant_id]

    def population(self, variant_id: str) -> Population:
        """Return all runs of one variant: predictions, confidences and ranks, [K, N].

        Raises
        ------
        CacheError
            There is no such variant, none of its runs is done, or a file is missing or damaged.
        """
        if variant_id not in self._populations:
            self._populations[variant_id] = self.folder.read_population(
                variant_id, _VOTES, self._seeds(variant_id), len(self.label)
            )
            self._evict(variant_id)
        return self._populations[variant_id]

    def _evict(self, newest: str) -> None:
        """Drop populations read earlier, once they fill too much memory; dense always stays."""
        held = self._populations
        for variant_id in [v for v in held if v not in (DENSE_ID, newest)]:
            if sum(population.n_bytes for population in held.values()) <= _POPULATION_BYTES:
                return
            del held[variant_id]

    def mean_of(self, variant_id: str, column: str) -> npt.NDArray[np.float64]:
        """Mean of one prediction column over the runs that have it, shape (N,); NaN without any."""
        key = (variant_id, column)
        if key not in self._means:
            values: npt.NDArray[Any] = self.folder.read_population(
                variant_id, (column,), self._seeds(variant_id), len(self.label)
            )[column]
            known = ~np.isnan(values)
            count = known.sum(axis=0)
            total = np.where(known, values, 0.0).sum(axis=0, dtype=np.float64)
            self._means[key] = np.where(count > 0, total / np.maximum(count, 1), np.nan)
        return self._means[key]

    def score_ties(self, variant_id: str) -> npt.NDArray[np.float64]:
        """How many classes share a run's largest score of an image, [K, N]; NaN where unknown.

        Unknown are runs of labels alone, and those stored before this was counted.
        """
        ties = self.folder.read_population(
            variant_id, (schema.SCORE_TIES,), self._seeds(variant_id), len(self.label)
        )[schema.SCORE_TIES]
        return np.asarray(ties, np.float64)

    def correct(self, variant_id: str) -> npt.NDArray[np.bool_]:
        """Whether each run is right on each image, [K, N]."""
        prediction = self.population(variant_id).prediction
        return np.asarray(prediction == self.label.astype(prediction.dtype))

    def derived_table(
        self, name: str, compute: Callable[[], pd.DataFrame], *, always: bool = False
    ) -> pd.DataFrame:
        """Return a table that takes long on a large sweep: from disk, else computed and stored.

        Tables of small sweeps are stored if ``always``, those of incomplete sweeps never.
        """
        if self._stored is None or not (always or self.is_large):
            return compute()
        name = self._name(name)
        stored = self._stored.get(name)
        if stored is not None:
            return pd.DataFrame(stored.to_pandas())
        frame = compute()
        self._stored.put(name, pa.Table.from_pandas(frame, preserve_index=False))
        return frame

    def is_stored(self, name: str) -> bool:
        """Whether a table is stored on disk."""
        return self._stored is not None and self._stored.has(self._name(name))

    def _name(self, name: str) -> str:
        return f"{name}-{self.ties}-{self.n_splits or 'all'}"

    @property
    def can_store(self) -> bool:
        """Whether tables that take long are stored on disk."""
        return self._stored is not None and not self._stored.is_read_only

    @cached_property
    def is_large(self) -> bool:
        """Whether the sweep is so large that its tables are stored."""
        return self.manifest.n_runs * len(self.label) >= _LARGE

    @cached_property
    def _stored(self) -> DerivedTables | None:
        if not self.manifest.is_complete:
            return None
        rests_on = hashlib.sha256(f"{STATS_VERSION}\0{self.manifest.to_json()}".encode())
        key = rests_on.hexdigest()[:16]
        return DerivedTables(self.folder.derived, key, is_read_only=self.folder.is_read_only)

    def is_paired(self, variant_id: str) -> bool:
        """Whether equal seeds tie the variant's runs to the dense ones."""
        return self.manifest.variant(variant_id).paired

    def _seeds(self, variant_id: str) -> list[int]:
        self.manifest.variant(variant_id)
        seeds = self.manifest.done_seeds(variant_id)
        if not seeds:
            raise CacheError(f"sweep '{self.folder.name}' has no run of '{variant_id}' yet")
        return seeds


_OF_RUN = (
    schema.PREDICTION, schema.CONFIDENCE, schema.TRUE_CONFIDENCE, schema.TRUE_RANK,
    schema.KL_FROM_DENSE,
)  # fmt: skip


def runs_on(source: Source, image_id: int, columns: Sequence[str] = _OF_RUN) -> pd.DataFrame:
    """Read the predictions of every run on one image, one row a run."""
    done = [(v, seed) for v in source.variant_ids for seed in source.manifest.done_seeds(v)]
    predictions = source.folder.read_image_of_runs(done, columns, image_id)
    rows = [
        {schema.VARIANT_ID: variant_id, schema.SEED: seed, **row}
        for (variant_id, seed), row in zip(done, predictions, strict=True)
    ]
    runs = pd.DataFrame(rows, columns=[schema.VARIANT_ID, schema.SEED, *columns])
    return runs.assign(correct=runs[schema.PREDICTION] == int(source.label[image_id]))


def votes_on(runs: pd.DataFrame) -> pd.DataFrame:
    """Votes of every variant on one image: ``variant_id class_id votes share``, most first."""
    votes = (
        runs.rename(columns={schema.PREDICTION: schema.CLASS_ID})
        .groupby([schema.VARIANT_ID, schema.CLASS_ID], sort=False)
        .size()
        .rename("votes")
        .reset_index()
    )
    votes["share"] = votes["votes"] / votes.groupby(schema.VARIANT_ID)["votes"].transform("sum")
    variants = list(runs[schema.VARIANT_ID].unique())
    order = votes[schema.VARIANT_ID].map(variants.index)
    ranked = votes.assign(order=order).sort_values(
        ["order", "votes", schema.CLASS_ID], ascending=[True, False, True]
    )
    return ranked.drop(columns="order").reset_index(drop=True)


T = TypeVar("T")
_CACHE_BYTES = 2**28


class ResultCache:
    """Values by name and variant, each computed once."""

    def __init__(self, source: Source) -> None:
        self._source = source
        self._values: dict[tuple[str, str], Any] = {}
        self._sizes: dict[tuple[str, str], int] = {}

    def once(self, what: str, variant_id: str, compute: Callable[[], T]) -> T:
        """Return the value of that name and variant, computed on the first call."""
        key = (what, variant_id)
        if key not in self._values:
            self._values[key] = compute()
        value: T = self._values[key]
        return value

    def table(
        self,
        what: str,
        variant_id: str,
        compute: Callable[[], pd.DataFrame],
        *,
        always: bool = False,
    ) -> pd.DataFrame:
        """Return a table of one variant, computed once; see :meth:`Source.derived_table`."""
        table = self.once(
            what,
            variant_id,
            lambda: self._source.derived_table(f"{what}-{variant_id}", compute, always=always),
        )
        if self._source.can_store and self._source.is_large:
            self._evict((what, variant_id))
        return table

    def take(self, other: "ResultCache", names: Collection[str]) -> None:
        """Copy values of some names from the cache of the same sweep."""
        self._values |= {key: value for key, value in other._values.items() if key[0] in names}

    def is_known(self, what: str, variant_id: str) -> bool:
        """Whether a table is in memory or on disk."""
        return (what, variant_id) in self._values or self._source.is_stored(f"{what}-{variant_id}")

    def _evict(self, newest: tuple[str, str]) -> None:
        """Drop tables that are on disk too, oldest first, once they fill too much memory."""
        # Measured once, since a page needs the same tables many times.
        for key, value in self._values.items():
            if key not in self._sizes and isinstance(value, pd.DataFrame):
                self._sizes[key] = int(value.memory_usage().sum())
        total = sum(self._sizes.values())
        for key in [key for key in self._sizes if key != newest]:
            if total <= _CACHE_BYTES:
                return
            total -= self._sizes.pop(key)
            del self._values[key]
