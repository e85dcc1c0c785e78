"""Statistics of a sweep of the demo's shape: all tables, against reading the files alone."""

import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from statistics import median

from analysis import schema
from analysis.results import CONTRACT_TABLES, SweepResults
from analysis.store import SweepFolder
from tests.synthetic import make_sweep

_REPEATS = 7
_VARIANTS = ("magnitude=0.3,0.5,0.7,0.9,0.95", "int8-static", "int8-dynamic")


def main() -> None:
    """Print the time of all tables, and its ratio to reading their columns."""
    with tempfile.TemporaryDirectory() as folder:
        sweep = make_sweep(
            Path(folder), n_images=719, class_names=[str(i) for i in range(10)], seeds=10,
            variants=_VARIANTS,
        )  # fmt: skip
        reading = _median_seconds(lambda: _read(sweep))
        computing = _median_seconds(lambda: _compute(sweep))
    print("719 images x 10 seeds x 8 variants, all six tables, from files")
    print(f"statistics: {computing:.2f} s (target 1 s)")
    print(f"reading alone: {reading:.2f} s; statistics take {computing / reading:.1f} times that")


def _read(sweep: SweepFolder) -> None:
    manifest = sweep.manifest()
    columns = (schema.PREDICTION, schema.CONFIDENCE, schema.TRUE_RANK)
    for variant in manifest.variants:
        sweep.read_population(variant.variant_id, columns, manifest.seeds, 719)


def _compute(sweep: SweepFolder) -> None:
    results = SweepResults(sweep)
    for table in CONTRACT_TABLES:
        results.table(table)


def _median_seconds(work: Callable[[], None]) -> float:
    times = []
    for _ in range(_REPEATS):
        started = time.perf_counter()
        work()
        times.append(time.perf_counter() - started)
    return median(times)


if __name__ == "__main__":
    main()
