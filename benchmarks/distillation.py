"""Flips of pruned runs with and without ``--distill``: mean change a seed, with interval.

The same sweep runs twice with the same seeds; flips are counted between every pruned run and the
dense run of its seed, which both share. ``--made PLAIN DISTILLED`` compares two existing sweeps.
The interval is Student's, over seeds.
"""

import argparse
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt
from scipy.stats import t

from analysis import schema
from analysis.config import DENSE_ID, Sweep, Training, parse_variants
from analysis.store import Cache, SweepFolder
from analysis.sweep.run import run_sweep

Flips = npt.NDArray[np.int64]
VARIANTS = ("magnitude=0.9", "magnitude=0.95")


def make(
    cache: Cache, name: str, weight: float, seeds: int, workers: int, schedule: str
) -> SweepFolder:
    """Run one of the sweeps."""
    sweep = Sweep(
        name, "digits-longtail", "tiny_cnn", parse_variants(VARIANTS), seeds=seeds,
        training=Training(epochs=50, distill=weight, schedule=schedule),
    )  # fmt: skip
    run_sweep(sweep, cache, n_workers=workers, device="cpu")
    return cache.sweep(name)


def flips(folder: SweepFolder, variant_id: str, seeds: int) -> Flips:
    """Count right to wrong, wrong to right and changed answers, a row a seed, (K, 3)."""
    label = folder.read_images([schema.LABEL])[schema.LABEL].to_numpy()
    counts = []
    for seed in range(seeds):
        dense, pruned = (
            folder.read_population(variant, [schema.PREDICTION], [seed], len(label)).prediction[0]
            for variant in (DENSE_ID, variant_id)
        )
        before, after = dense == label, pruned == label
        counts.append([(before & ~after).sum(), (~before & after).sum(), (dense != pruned).sum()])
    return np.array(counts)


def interval(values: npt.NDArray[np.float64]) -> str:
    """Format a mean with its 95 % interval over seeds."""
    n = len(values)
    margin = t.ppf(0.975, n - 1) * values.std(ddof=1) / np.sqrt(n) if n > 1 else np.nan
    return f"{values.mean():.1f} [{values.mean() - margin:.1f}, {values.mean() + margin:.1f}]"


def main(arguments: Sequence[str] | None = None) -> int:
    """Run both sweeps and print the flips of each and the difference."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seeds", type=int, default=10)
    parser.add_argument("--weight", type=float, default=0.9)
    parser.add_argument("--schedule", choices=("gradual", "finetune"), default="gradual")
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument(
        "--made", nargs=2, type=Path, metavar="FOLDER", help="compare two existing sweeps instead"
    )
    options = parser.parse_args(arguments)
    with tempfile.TemporaryDirectory(prefix="lethe-bench-") as folder:
        folders = [Cache(one.parent).existing(one.name) for one in options.made or ()] or [
            make(Cache(folder), name, weight, options.seeds, options.workers, options.schedule)
            for name, weight in (("plain", 0.0), ("distilled", options.weight))
        ]
        for variant in parse_variants(VARIANTS)[1:]:
            plain, distilled = (flips(one, variant.variant_id, options.seeds) for one in folders)
            for place, what in enumerate(("right to wrong", "wrong to right", "another answer")):
                left, right = plain[:, place].astype(float), distilled[:, place].astype(float)
                print(
                    f"{variant.variant_id}, {what}: {interval(left)} images a seed plain, "
                    f"{interval(right)} with --distill {options.weight:g}, "
                    f"change {interval(right - left)}, "
                    f"ratio {left.mean() / right.mean() if right.mean() else np.nan:.2f}",
                    flush=True,
                )
    return 0


if __name__ == "__main__":
    sys.exit(main())
