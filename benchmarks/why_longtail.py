"""Slices of ``digits-longtail``, found without its planted difficulty, judged by other seeds.

A sweep of many seeds is run. The first half of the seeds finds slices, of features and of the pairs
of classes that dense runs confuse: neither ``meta_planted`` nor the classes alone are candidates.
The other half of the seeds is the truth: a group of images (a planted difficulty or a class) has
excess if the intervals, over runs and images, of its risk difference and of its contrast with all
other images lie above 0; a listed slice is right by the same rule. A group is recalled if most
images of a listed slice belong to it.

``--large`` takes 70 % of the digits for test instead of 40 %, and plants every difficulty on 10 %
of them instead of 5 %, by the same generator. ``--made FOLDER`` judges an existing sweep.
"""

import argparse
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from unittest.mock import patch

import numpy as np
import numpy.typing as npt
import pandas as pd

from analysis import schema
from analysis.config import DENSE_ID, Sweep, Training, parse_variants
from analysis.datasets import digits
from analysis.datasets.base import Indices, stratified_split
from analysis.datasets.registry import open_dataset
from analysis.results import SweepResults
from analysis.stats.excess import group_excess
from analysis.stats.jackknife import DenseHalves, Jackknife, jackknife
from analysis.stats.seed_noise import half_population_frequency, noise_floor
from analysis.stats.slices import (
    MIN_IMAGES,
    TESTED,
    Partition,
    borders,
    class_parts,
    clusters,
    find_slices,
)
from analysis.stats.votes import BoolArray, FloatArray, IntArray
from analysis.store import Cache, SweepFolder
from analysis.sweep.run import run_sweep

VARIANTS = ("magnitude=0.95,0.97,0.98,0.99",)
_TEST_SHARE, _PLANTED_SHARE = 0.7, 0.1

Excess = tuple[FloatArray, FloatArray, Jackknife | None]


def write_large(root: Path) -> str:
    """Write the larger dataset as a folder of images; return its SPEC."""

    def split(labels: npt.NDArray[np.int64], *, test_share: float) -> tuple[Indices, Indices]:
        assert test_share < _TEST_SHARE
        return stratified_split(labels, test_share=_TEST_SHARE)

    with (
        patch.object(digits, "PLANTED_SHARE", _PLANTED_SHARE),
        patch.object(digits, "stratified_split", split),
    ):
        drawn = open_dataset("digits-longtail")
    rows = []
    for name, part in (("train", drawn.train), ("test", drawn.test)):
        for i, label in enumerate(part.labels):
            path = f"{name}/{label}/{i:05d}.png"
            (root / path).parent.mkdir(parents=True, exist_ok=True)
            part.images[i].save(root / path)
            if part.metadata is not None:
                rows.append((path, part.metadata["meta_planted"].iloc[i]))
    pd.DataFrame(rows, columns=["path", "planted"]).to_csv(root / "metadata.csv", index=False)
    return f"folder:{root}"


class Judged:
    """A sweep with its seeds in halves: one finds slices, the other judges them."""

    def __init__(self, folder: SweepFolder) -> None:
        self.results = SweepResults(folder)
        self.folder, self.label = folder, self.results.label
        seeds = self.results.population(DENSE_ID).seeds
        self.finding, self.true = seeds[: len(seeds) // 2], seeds[len(seeds) // 2 :]
        self.held = self.finding[: len(self.finding) // 3]

    def _runs(self, variant_id: str, seeds: Sequence[int]) -> tuple[IntArray, FloatArray]:
        columns = [schema.PREDICTION, schema.CONFIDENCE]
        found = self.folder.read_population(variant_id, columns, list(seeds), len(self.label))
        return found.prediction, found[schema.CONFIDENCE]

    def _excess(
        self, variant_id: str, dense_seeds: Sequence[int], variant_seeds: Sequence[int]
    ) -> Excess:
        dense, variant = self._runs(DENSE_ID, dense_seeds), self._runs(variant_id, variant_seeds)
        floor = noise_floor(*dense, self.label)
        assert floor is not None
        first, second = tuple(dense_seeds), tuple(variant_seeds)
        half = half_population_frequency(
            floor, *variant, dense_seeds=first, variant_seeds=second, paired=False
        )
        assert half is not None
        found = jackknife(
            DenseHalves(dense, floor.sample), variant, dense_seeds=first, variant_seeds=second,
            paired=False, with_floors=True,
        )  # fmt: skip
        return half, floor.frequency, found

    def candidates(self) -> list[Partition]:
        """Return the candidate partitions, without classes and planted difficulties."""
        features, names = self.results.features(), self.results.class_names
        assert features is not None
        found = clusters(features) + class_parts(features, self.label, names)
        disputed = borders(self._runs(DENSE_ID, self.held)[0], names)
        return [*found, *([disputed] if disputed else [])]

    def groups(self) -> dict[str, BoolArray]:
        """Return the images of every planted difficulty and class."""
        planted = self.results.metadata()["meta_planted"].to_numpy()
        found = {str(one): planted == one for one in np.unique(planted) if one != "none"}
        return found | {
            f"class {name}": self.label == i for i, name in enumerate(self.results.class_names)
        }

    def judge(self, variant_id: str) -> tuple[int, int, int, int]:
        """Print a variant's findings; count slices right and listed, groups found and true."""
        truth = self._excess(variant_id, self.true, self.true)
        groups, candidates = self.groups(), self.candidates()
        true = [name for name, members in groups.items() if _has_excess(truth, members)]
        excess = self._excess(variant_id, self.finding[len(self.held) :], self.finding)
        listed = find_slices(candidates, *excess)[:TESTED]
        found, right = set(), 0
        for found_slice in listed:
            members = found_slice.partition.code == found_slice.group
            right += _has_excess(truth, members)
            found |= {name for name in true if groups[name][members].mean() > 0.5}
        by_chance = [
            _has_excess(truth, one.code == group)
            for one in candidates
            for group in range(len(one.names))
            if (one.code == group).sum() >= 2 * MIN_IMAGES
        ]
        print(
            f"{variant_id}: {len(true)} groups with excess ({', '.join(true) or 'none'}); "
            f"found {', '.join(sorted(found)) or 'none'}; {right} of {len(listed)} slices right, "
            f"{np.mean(by_chance):.0%} of all {len(by_chance)} candidates are",
            flush=True,
        )
        return right, len(listed), len(found), len(true)


def _has_excess(truth: Excess, members: BoolArray) -> bool:
    found = group_excess(*truth, (~members).astype(np.int64), 2)
    return bool(found.risk.low[0] > 0 and found.contrast.low[0] > 0)


def _make(place: Path, seeds: int, workers: int, *, large: bool) -> SweepFolder:
    spec = write_large(place / "images") if large else "digits-longtail"
    sweep = Sweep(
        "longtail", spec, "tiny_cnn", parse_variants(VARIANTS), seeds=seeds,
        image_size=8, training=Training(epochs=50),
    )  # fmt: skip
    run_sweep(sweep, Cache(place), n_workers=workers, device="cpu")
    return Cache(place).existing("longtail")


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the sweep; print precision at 10 and recall of each variant and of all."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seeds", type=int, default=48)
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--large", action="store_true", help="70 % test, 10 % a difficulty")
    parser.add_argument("--made", type=Path, metavar="FOLDER", help="judge this sweep instead")
    options = parser.parse_args(arguments)
    with tempfile.TemporaryDirectory(prefix="lethe-bench-") as place:
        if options.made:
            folder = Cache(options.made.parent).existing(options.made.name)
        else:
            folder = _make(Path(place), options.seeds, options.workers, large=options.large)
        judged = Judged(folder)
        counts = [judged.judge(variant_id) for variant_id in judged.results.compressed_ids]
    right, listed, found, true = np.array(counts).sum(axis=0)
    print(
        f"{len(judged.label)} images, {len(judged.finding)} seeds find, {len(judged.true)} judge; "
        f"precision at {TESTED}: {right} of {listed}; recall of groups: {found} of {true}"
    )
    return 0


if __name__ == "__main__":
    sys.exit(main())
