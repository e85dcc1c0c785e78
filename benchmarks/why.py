"""Slices and scores: false findings in A/A sweeps, and findings of planted groups.

``--sweeps N`` draws N sweeps in which "compressed" runs are dense ones (A/A), and a fifth as many
in which compression raises the error rate of two known groups of images. With ``--sweep NAME
--cache DIR`` it also prints the slices of a sweep of ``digits-longtail`` whose planted difficulty
is withheld.
"""

import argparse
import time

import numpy as np

from analysis.results import SweepResults
from analysis.stats.excess import group_excess
from analysis.stats.image_scores import atypicality
from analysis.stats.jackknife import DenseHalves, Jackknife, jackknife
from analysis.stats.multiple import benjamini_hochberg
from analysis.stats.score_tests import auc, auc_test
from analysis.stats.seed_noise import half_population_frequency, noise_floor
from analysis.stats.slices import Partition, borders, class_parts, clusters, find_slices
from analysis.stats.votes import FloatArray, IntArray
from analysis.store import Cache

_CLASSES, _RUNS, _HELD = 5, 10, 3
_NAMES = [f"class {i}" for i in range(_CLASSES)]
_PLANTED = 0.12  # images of a planted group


class World:
    """A simulated sweep: predictions of dense and compressed runs, features, metadata."""

    def __init__(self, n: int, seed: int, added: float) -> None:
        generator = np.random.default_rng(seed)
        self.label = generator.integers(0, _CLASSES, n)
        difficulty = generator.beta(0.4, 2.5, n)
        self.group = np.where(generator.random(n) < 2 * _PLANTED, generator.integers(0, 2, n), 2)
        centres = generator.normal(0, 3, (_CLASSES, 16))
        toward = generator.normal(0, 4, (3, 16))
        toward[2] = 0
        self.features = (
            centres[self.label] + toward[self.group] + generator.normal(0, 1, (n, 16))
        ) * (1 + difficulty[:, None])
        self.other = (self.label + generator.integers(1, _CLASSES, n)) % _CLASSES
        harder = np.clip(difficulty + added * (self.group < 2), 0, 0.95)
        self.dense = self._runs(difficulty, generator)
        self.variant = self._runs(harder, generator)
        self.noise = generator.integers(0, 4, n)

    def _runs(
        self, wrong: FloatArray, generator: np.random.Generator
    ) -> tuple[IntArray, FloatArray]:
        is_wrong = generator.random((_RUNS, len(wrong))) < wrong
        prediction = np.where(is_wrong, self.other, self.label).astype(np.int16)
        confidence = np.clip(1 - wrong + generator.normal(0, 0.1, is_wrong.shape), 0.2, 1)
        return prediction, confidence.astype(np.float32)

    def partitions(self) -> list[Partition]:
        """Return the candidate partitions, without the planted groups."""
        found = [Partition("class", self.label, _NAMES)]
        found += clusters(self.features) + class_parts(self.features, self.label, _NAMES)
        found.append(Partition("meta", self.noise, [f"noise = {i}" for i in range(4)]))
        disputed = borders(self.dense[0][:_HELD], _NAMES)
        return [*found, *([disputed] if disputed else [])]

    def excess(self) -> tuple[FloatArray, FloatArray, Jackknife | None]:
        """Return halves, floor and jackknife of the runs that are not used for candidates."""
        prediction, confidence = self.dense[0][_HELD:], self.dense[1][_HELD:]
        floor = noise_floor(prediction, confidence, self.label)
        seeds = tuple(range(_HELD, _RUNS))
        every = tuple(range(_RUNS))
        assert floor is not None
        half = half_population_frequency(
            floor, *self.variant, dense_seeds=seeds, variant_seeds=every, paired=False
        )
        assert half is not None
        halves = DenseHalves((prediction, confidence), floor.sample)
        found = jackknife(
            halves, self.variant, dense_seeds=seeds, variant_seeds=every, paired=False,
            with_floors=True,
        )  # fmt: skip
        return half, floor.frequency, found


def simulate(n_sweeps: int, n: int, added: float) -> None:
    """Print how often slices and scores are significant, and how many slices are planted."""
    n_listed, n_significant, precisions, recalls = 0, 0, [], []
    started = time.perf_counter()
    for seed in range(n_sweeps):
        world = World(n, seed, added)
        half, floor, found = world.excess()
        slices = find_slices(world.partitions(), half, floor, found)
        n_listed += bool(slices)
        scores = [
            1 - world.dense[1][:_HELD].mean(axis=0),
            atypicality(world.features, world.label),
        ]
        p = [float(auc_test(x, half, floor, found).difference.p[0]) for x in scores]
        n_significant += bool((benjamini_hochberg(np.array(p)) <= 0.05).any())
        # A slice is right if most of its images belong to one planted group.
        right: list[bool] = []
        seen: set[int] = set()
        for one in slices[:10]:
            members = one.partition.code == one.group
            counts = np.bincount(world.group[members], minlength=3)[:2]
            right.append(bool(counts.max() > members.sum() / 2))
            if right[-1]:
                seen.add(int(counts.argmax()))
        if slices:
            precisions.append(np.mean(right))
        recalls.append(len(seen) / 2)
    what = f"compression adds {added:.0%} to two groups" if added else "A/A"
    print(f"{what}: {n_sweeps} sweeps of {n} images, {_RUNS} runs", flush=True)
    print(f"  any slice listed: {n_listed} ({n_listed / n_sweeps:.1%})")
    print(f"  any score significant: {n_significant} ({n_significant / n_sweeps:.1%})")
    if added:
        mean = f"{np.mean(precisions):.2f}" if precisions else "none listed"
        print(f"  precision at 10: {mean}; recall of the groups: {np.mean(recalls):.2f}")
    print(f"  {time.perf_counter() - started:.0f} s", flush=True)


def of_sweep(name: str, cache: str) -> None:
    """Print the withheld planted difficulty of the images in a real sweep's slices."""
    results = SweepResults(Cache(cache).existing(name))
    planted = results.metadata()["meta_planted"].to_numpy()
    features = results.features()
    if features is not None:
        score = atypicality(features, results.label)
        for kind in ("blur", "noise", "occlusion", "inverted", "label_noise"):
            here = np.isin(planted, [kind, "none"])
            value = auc(score[here], (planted[here] == kind).astype(np.float64))
            print(f"atypicality, AUC of {kind} against none: {value:.3f}")
    names, code = np.unique(planted, return_inverse=True)
    tables = results._slices
    for variant_id in results.compressed_ids:
        sample, half, floor, found = tables._excess(variant_id)
        if half is None or floor is None:
            continue
        partitions = [
            Partition(p.key, p.code[sample], p.names)
            for p in tables._partitions
            if "planted" not in p.key and "clean_label" not in p.key
        ]
        risk = group_excess(half, floor, found, code[sample], len(names)).risk
        true = [str(x) for x, low in zip(names, risk.low, strict=True) if low > 0 and x != "none"]
        slices = find_slices(partitions, half, floor, found)
        print(f"{variant_id}: groups with excess: {', '.join(true) or 'none'}")
        for one in slices[:10]:
            members = one.partition.code == one.group
            counts = {str(x): int((members & (planted[sample] == x)).sum()) for x in names}
            print(f"  {one.partition.names[one.group]}, {int(members.sum())} images: {counts}")
        if not slices:
            print("  no slice stands out")


def main() -> None:
    """Print the simulations, and the slices of a real sweep if named."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--sweeps", type=int, default=200)
    parser.add_argument("--images", type=int, default=1000)
    parser.add_argument("--added", type=float, default=0.25)
    parser.add_argument("--sweep", help="a sweep of digits-longtail")
    parser.add_argument("--cache", default="cache")
    options = parser.parse_args()
    simulate(options.sweeps, options.images, 0.0)
    simulate(max(1, options.sweeps // 5), options.images, options.added)
    if options.sweep:
        of_sweep(options.sweep, options.cache)


if __name__ == "__main__":
    main()
