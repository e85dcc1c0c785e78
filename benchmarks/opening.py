"""Cost of checking files by the manifest: the summary of a large sweep, with and without.

Each figure is the median over processes that open the sweep once, the two kinds alternating.
"""

import argparse
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from analysis.filesystem import Location
from analysis.results import SweepResults
from analysis.store import Cache, checking, parquet, publishing
from benchmarks._caches import make_cache

_NAME = "large"


def main() -> None:
    """Print both times and their ratio."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.opening")
    parser.add_argument("--images", type=int, default=50_000)
    parser.add_argument("--times", type=int, default=5, help="processes of each kind")
    parser.add_argument("--folder", type=Path, help="keep the cache here for later runs")
    parser.add_argument("--measure", nargs=2, metavar="X", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.measure:
        print(_seconds(*options.measure))
        return
    with tempfile.TemporaryDirectory() as temporary:
        root = options.folder or Path(temporary)
        if not Cache(root).sweep(_NAME).exists:
            make_cache(root, n_images=options.images, name=_NAME)
        taken: dict[str, list[float]] = {"without": [], "with": []}
        for _ in range(options.times):
            for kind, seconds in taken.items():
                command = [sys.executable, "-m", "benchmarks.opening", "--measure", kind, str(root)]
                done = subprocess.run(command, check=True, capture_output=True, text=True)
                seconds.append(float(done.stdout))
    without, checked = (statistics.median(seconds) for seconds in taken.values())
    print(f"summary of {options.images:,} images: {without:.2f} s without checks of hashes and")
    print(f"image_id, {checked:.2f} s with: {checked / without:.3f} times (target 1.15)")


def _seconds(kind: str, root: str) -> float:
    if kind == "without":
        checking.Guard._check = _unchecked  # type: ignore[method-assign, assignment]
        parquet.read_in_order = parquet.read_table
    folder = Cache(root).existing(_NAME)
    started = time.perf_counter()
    # Read-only, so that no table is kept for the next process.
    folder.is_read_only = True
    SweepResults(folder).summary(wait=False)
    return time.perf_counter() - started


def _unchecked(guard: checking.Guard, path: Location) -> Location:
    return publishing.current(guard._sweep, path)


if __name__ == "__main__":
    main()
