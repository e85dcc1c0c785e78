"""Slices of a sweep: candidate groups of images, those that stand out, and their images."""

from collections.abc import Iterator
from functools import cached_property
from itertools import combinations, pairwise

import numpy as np
import numpy.typing as npt
import pandas as pd

from analysis import schema
from analysis.config import DENSE_ID
from analysis.errors import UserError
from analysis.results.doubt import DoubtTables
from analysis.results.frames import stack
from analysis.results.inference import SeedInference
from analysis.results.metadata import Metadata
from analysis.results.source import Source
from analysis.results.variants import VariantTables
from analysis.stats.deciles import deciles
from analysis.stats.jackknife import Jackknife, has_runs
from analysis.stats.slices import Found, Partition, borders, class_parts, clusters, find_slices
from analysis.stats.votes import BoolArray, FloatArray, IntArray
from analysis.store.features import read_features

SPLIT = "test half"
_TYPICAL = 8
_OFTEN, _COMMON = 2.0, 0.2
_MOST_ATTRIBUTES = 24


class SliceTables:
    """Groups of images with more excess forgetting than the others have."""

    def __init__(
        self,
        source: Source,
        variants: VariantTables,
        inference: SeedInference,
        doubt: DoubtTables,
        metadata: Metadata,
    ) -> None:
        self._source = source
        self._variants = variants
        self._inference = inference
        self._doubt = doubt
        self._metadata = metadata

    def table(self, variant_id: str) -> pd.DataFrame:
        """One row a slice that stands out on the half of the images that did not choose it."""
        return self._variants.cache.table(
            "slices", variant_id, lambda: self._table(variant_id), always=True
        )

    def can_test(self, variant_id: str) -> bool:
        """Whether the runs suffice to test slices of a variant."""
        manifest = self._source.manifest
        if manifest.is_single(variant_id):
            return True
        dense = manifest.done_seeds(DENSE_ID)[self._doubt.held_out.n_score_runs :]
        paired = self._source.is_paired(variant_id)
        return has_runs(dense, manifest.done_seeds(variant_id), paired=paired)

    def images(self, key: str) -> npt.NDArray[np.int64]:
        """Return the ids of the images of a slice, ascending, by its key in the table.

        Raises
        ------
        UserError
            There is no such candidate.
        """
        partition, _, group = key.rpartition("/")
        for one in self._partitions:
            if one.key != partition or not (group.isascii() and group.isdecimal()):
                continue
            if len(group) < 9 and int(group) < len(one.names):
                return np.flatnonzero(one.code == int(group))
        raise UserError(f"sweep '{self._source.folder.name}' has no slice '{key[:80]}'")

    # --- candidates -----------------------------------------------------------------------------
    @cached_property
    def _features(self) -> FloatArray | None:
        return read_features(self._source.folder)

    @cached_property
    def _partitions(self) -> list[Partition]:
        """All candidates, on all images."""
        label, names = self._source.label, self._source.class_names
        candidates = [Partition("class", label.astype(np.int64), names)]
        if self._features is not None:
            frame = self._variants.cache.table(
                "slice-clusters", DENSE_ID, self._clusters, always=True
            )
            candidates += self._named(frame)
        candidates += self._of_metadata()
        n_runs = self._doubt.held_out.n_score_runs
        prediction = self._source.population(DENSE_ID).prediction[:n_runs]
        disputed = borders(prediction, names)
        return [*candidates, *([disputed] if disputed is not None else [])]

    def _clusters(self) -> pd.DataFrame:
        features = self._features
        assert features is not None
        parts = class_parts(features, self._source.label, self._source.class_names)
        return pd.DataFrame({p.key: p.code for p in [*clusters(features), *parts]})

    def _named(self, frame: pd.DataFrame) -> Iterator[Partition]:
        """Name the groups of stored clusters."""
        label, names = self._source.label, self._source.class_names
        for key in frame.columns:
            code = frame[key].to_numpy(np.int64)
            kind, _, size = key.partition("-")
            k = int(size)
            if kind == "clusters":
                yield Partition(key, code, [f"cluster {i + 1} of {k}" for i in range(k)])
                continue
            n = int(code.max()) + 1
            first = np.zeros(n, np.int64)
            first[code[code >= 0]] = label[code >= 0]
            of_groups = [f"{names[c]}, part {i % k + 1} of {k}" for i, c in enumerate(first)]
            yield Partition(key, code, of_groups)

    def _of_metadata(self) -> list[Partition]:
        """Values and deciles of metadata columns, and values with other values or with classes."""
        attributes = [one for one in self._metadata.attributes.values() if not one.is_id]
        attributes = attributes[:_MOST_ATTRIBUTES]
        numeric, categorical = [], []
        for one in attributes:
            if one.code is not None and one.values:
                names = [f"{one.name} = {value}" for value in one.values]
                categorical.append(Partition(f"meta:{one.name}", _small(one.code), names))
            elif one.number is not None:
                code, edges = deciles(one.number)
                spans = pairwise(edges)
                names = [f"{one.name} {low:.3g} to {high:.3g}" for low, high in spans]
                numeric.append(Partition(f"tenths:{one.name}", _small(code), names))
        pairs = [
            _together(f"{one.key} & {other.key.removeprefix('meta:')}", one, other)
            for one, other in combinations(categorical, 2)
        ]
        label, names = self._source.label, self._source.class_names
        classes = Partition("class", label, [f"class {name}" for name in names])
        within = [_together(f"in-class:{one.key}", one, classes) for one in categorical]
        return [*categorical, *numeric, *pairs, *within]

    # --- findings ------------------------------------------------------------------------------
    def _table(self, variant_id: str) -> pd.DataFrame:
        sample, half, floor, jackknife = self._excess(variant_id)
        rows = []
        if half is not None and floor is not None:
            candidates = [Partition(p.key, p.code[sample], p.names) for p in self._partitions]
            for one in find_slices(candidates, half, floor, jackknife):
                rows.append(self._row(variant_id, one))
        return stack([pd.DataFrame(rows)] if rows else [], schema.SLICES_COLUMNS)

    def _excess(
        self, variant_id: str
    ) -> tuple[npt.NDArray[np.intp], FloatArray | None, FloatArray | None, Jackknife | None]:
        """Return the sample of images and the values tested on each: of halves, or of one pair."""
        everything = np.arange(len(self._source.label))
        if self._source.manifest.is_single(variant_id):
            flips = self._variants.flips(variant_id)
            # No run varies: the finding holds for these two models and other images.
            return everything, flips.to_wrong, flips.to_right, Jackknife(())
        held_out = self._doubt.held_out.excess(variant_id)
        if held_out is not None:
            return held_out.sample, held_out.half, held_out.floor, held_out.jackknife
        half, noise = self._variants.half_frequency(variant_id), self._variants.floor
        if half is None or noise is None:
            return everything, None, None, None
        return noise.sample, half, noise.frequency, self._inference.jackknife(variant_id)

    def _row(self, variant_id: str, one: Found) -> dict[str, object]:
        partition = next(p for p in self._partitions if p.key == one.partition.key)
        members = partition.code == one.group
        risk, low, high, p, q = one.risk
        single = self._source.manifest.is_single(variant_id)
        return {
            schema.VARIANT_ID: variant_id,
            "slice": f"{partition.key}/{one.group}",
            "name": partition.names[one.group],
            "n": int(members.sum()),
            "risk_difference": risk,
            "low": low,
            "high": high,
            "q": q,
            "split": SPLIT,
            "p": p,
            "contrast": one.contrast[0],
            "contrast_low": one.contrast[1],
            "contrast_high": one.contrast[2],
            "contrast_q": one.contrast[4],
            "measure": "net forgotten" if single else "PIE excess",
            "description": self._description(members),
            "typical_images": " ".join(map(str, self._typical(members))),
            "n_tested": one.n_tested,
        }

    def _typical(self, members: BoolArray) -> npt.NDArray[np.intp]:
        """Images nearest to the centre of a slice; without features its first ones."""
        (ids,) = np.nonzero(members)
        if self._features is None:
            return ids[:_TYPICAL]
        values = self._features[ids]
        away = ((values - values.mean(axis=0)) ** 2).sum(axis=1)
        return np.asarray(ids[np.argsort(away, kind="stable")[:_TYPICAL]])

    def _description(self, members: BoolArray) -> str:
        """Describe the classes and attributes that are frequent in a slice."""
        names, label = self._source.class_names, self._source.label
        counts = np.bincount(label[members], minlength=len(names))
        top = int(counts.argmax())
        share = counts[top] / counts.sum()
        parts = [f"{100 * share:.0f} % class {names[top]}"] if share >= _COMMON else []
        for one in self._metadata.attributes.values():
            if one.code is None or not one.values or one.is_id:
                continue
            known = one.code >= 0
            inside = np.bincount(one.code[known & members], minlength=len(one.values))
            outside = np.bincount(one.code[known], minlength=len(one.values))
            if not inside.sum():
                continue
            here, everywhere = inside / inside.sum(), outside / outside.sum()
            for value in np.flatnonzero((here >= _COMMON) & (here >= _OFTEN * everywhere)):
                times = here[value] / everywhere[value]
                parts.append(f"{one.name} {one.values[value]} {times:.1f} times as often")
        return "; ".join(parts)


def _together(key: str, one: Partition, other: Partition) -> Partition:
    """Intersect the groups of two partitions, keeping the combinations that occur."""
    size = len(other.names)
    known = (one.code >= 0) & (other.code >= 0)
    cell = np.where(known, one.code.astype(np.int64) * size + other.code, -1)
    cells, inverse = np.unique(cell, return_inverse=True)
    n_none = int(len(cells) > 0 and cells[0] < 0)
    names = [f"{one.names[c // size]}, {other.names[c % size]}" for c in cells[n_none:].tolist()]
    return Partition(key, _small(inverse - n_none), names)


def _small(code: IntArray) -> IntArray:
    """Store codes in as few bytes as hold them: there may be hundreds of columns.

    One code more must fit, since images in no group are a group of their own when tested.
    """
    most = int(code.max(initial=0)) + 2
    return code.astype(np.min_scalar_type(-most))
