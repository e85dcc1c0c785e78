"""Slices by metadata like ImageNet-X's: 16 binary factors of an image, and its top factor.

Random sweeps are written through the real store, without features. In some, compression raises the
error rate of one factor, and of another factor within one class; the others have no effect (A/A). A
listed slice is right if most of its images belong to one of the two groups; a group is recalled if
most images of a slice belong to it.
"""

import argparse
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from analysis.results import SweepResults
from analysis.stats.slices import TESTED
from analysis.stats.votes import BoolArray
from benchmarks._caches import make_cache

# Shares like ImageNet-X's: a few factors are common, most are rare.
FACTORS = {
    "pose": 0.45, "background": 0.35, "pattern": 0.3, "color": 0.25, "smaller": 0.12,
    "shape": 0.1, "partial_view": 0.1, "subcategory": 0.08, "texture": 0.06, "larger": 0.06,
    "darker": 0.05, "object_blocking": 0.05, "person_blocking": 0.04, "style": 0.03,
    "brighter": 0.03, "multiple_objects": 0.03,
}  # fmt: skip
_CLASSES, _RUNS = 20, 10


def factors(n: int, generator: np.random.Generator) -> dict[str, npt.NDArray[Any]]:
    """Draw the columns: a flag for each factor, and an image's rarest factor as its top one."""
    flags = {name: generator.random(n) < share for name, share in FACTORS.items()}
    top = np.full(n, "none", object)
    for name, flag in flags.items():
        top[flag] = name
    return {**flags, "top_factor": top}


def planted(
    columns: Mapping[str, npt.NDArray[Any]], label: npt.NDArray[np.int32], seed: int
) -> tuple[BoolArray, BoolArray]:
    """Choose the images of one of the rarer factors, and of a common one within one class."""
    names = list(FACTORS)
    generator = np.random.default_rng([2, seed])
    one = columns[names[int(generator.integers(4, len(names)))]]
    other = columns[names[int(generator.integers(0, 4))]]
    return one, other & (label == generator.integers(0, _CLASSES))


def listed(
    root: Path, n: int, seed: int, added: float
) -> tuple[list[BoolArray], tuple[BoolArray, BoolArray]]:
    """Draw a sweep; return the images of its listed slices, and those of the planted groups."""
    generator = np.random.default_rng([3, seed])
    columns = factors(n, generator)
    # The first draw of the sweep from its random seed.
    label = np.random.default_rng(seed).integers(0, _CLASSES, n).astype(np.int32)
    groups = planted(columns, label, seed)
    harm = (added * (groups[0] | groups[1])).astype(np.float32)
    folder = make_cache(
        root, n_images=n, n_classes=_CLASSES, seeds=_RUNS, variants=("magnitude=0.9",),
        name=f"drawn-{seed}-{added:g}", metadata=columns, added=harm, random_seed=seed,
    )  # fmt: skip
    results = SweepResults(folder)
    assert (results.label == label).all()
    found = []
    for key in results.slices("magnitude-0.90")["slice"].head(TESTED):
        found.append(np.isin(np.arange(n), results.slice_images(key)))
    return found, groups


def main() -> None:
    """Draw the sweeps and print the findings."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--sweeps", type=int, default=40, help="A/A, and as many planted")
    parser.add_argument("--images", type=int, default=6000)
    parser.add_argument("--added", type=float, default=0.25)
    options = parser.parse_args()
    for added in (0.0, options.added):
        n_listed, right, slices, found = 0, 0, 0, np.zeros(2, np.int64)
        for seed in range(options.sweeps):
            with tempfile.TemporaryDirectory(prefix="lethe-bench-") as root:
                members, groups = listed(Path(root), options.images, seed, added)
            shares = [[float(group[one].mean()) for group in groups] for one in members]
            n_listed += bool(members)
            slices += len(members)
            right += sum(max(share) > 0.5 for share in shares)
            for i in range(2):
                found[i] += any(share[i] > 0.5 for share in shares)
        what = f"compression adds {added:.0%} to a factor and to a factor x class"
        print(f"{what if added else 'A/A'}: {options.sweeps} sweeps of {options.images} images")
        print(f"  any slice listed: {n_listed} of {options.sweeps}", flush=True)
        if added:
            n = options.sweeps
            print(f"  precision at {TESTED}: {right} of {slices} = {right / max(slices, 1):.2f}")
            print(f"  recall: the factor {found[0]} of {n}, the factor x class {found[1]} of {n}")


if __name__ == "__main__":
    main()
