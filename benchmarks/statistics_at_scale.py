"""Statistics at ImageNet's size: the summary of 30 seeds x 12 variants, from Parquet on disk.

Each figure is measured in its own process, without its imports. For comparison: reading the columns
alone, DuckDB's ``mode()`` over the same files (modal labels only), and the method of the code
released with Hooker et al. 2019 (a pandas frame, filtered once an image), measured on a few images
and extrapolated.
"""

import argparse
import resource
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np

from analysis import schema
from analysis.config import DENSE_ID
from analysis.results import SweepResults
from analysis.store import Cache, SweepFolder
from analysis.store.features import FEATURES, read_features, write_features
from benchmarks._caches import make_cache

_NAME = "large"
_REFERENCE_IMAGES = 200
_SMALL, _LARGE = 50_000, 1_281_167


def main() -> None:
    """Print times, memory and ratios for each size."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.statistics_at_scale")
    parser.add_argument("--images", type=int, nargs="*", default=[_SMALL, _LARGE])
    parser.add_argument("--folder", type=Path, help="keep the caches here for later runs")
    parser.add_argument("--only", nargs="*", choices=_WORDS, help="measure only these figures")
    parser.add_argument("--measure", nargs=2, metavar="X", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.measure:
        what, cache = options.measure
        _measure(what, Cache(cache).existing(_NAME))
        return
    with tempfile.TemporaryDirectory() as temporary:
        for n_images in options.images:
            root = (options.folder or Path(temporary)) / str(n_images)
            if not Cache(root).sweep(_NAME).exists:
                make_cache(root, n_images=n_images, name=_NAME)
            _report(n_images, root, options.only)


def _report(n_images: int, root: Path, only: list[str] | None) -> None:
    manifest = Cache(root).existing(_NAME).manifest()
    print(
        f"{n_images:,} images x {len(manifest.seeds)} seeds x {len(manifest.variants)} variants, "
        f"{len(manifest.class_names):,} classes: {n_images * manifest.n_runs / 1e6:.0f} million "
        "predictions",
        flush=True,
    )
    targets = _TARGETS.get(n_images, {})
    small = n_images <= _SMALL
    defaults = ["summary", "classes", "inference", "reasons", "cascade", "reading", "duckdb"]
    for what in only or [*defaults, "reference", *["stability"] * small]:
        # Derived tables of one measurement must not serve the next.
        shutil.rmtree(root / _NAME / "derived", ignore_errors=True)
        command = [sys.executable, "-m", "benchmarks.statistics_at_scale", "--measure", what]
        done = subprocess.run([*command, str(root)], check=True, capture_output=True, text=True)
        seconds, gigabytes = map(float, done.stdout.split())
        target = targets.get(what)
        note = f" (target {target})" if target else ""
        print(f"  {_WORDS[what]}: {seconds:.2f} s, peak {gigabytes:.2f} GB{note}", flush=True)


_TARGETS = {
    _SMALL: {
        "summary": "6 s, 1 GB",
        "classes": "4 s, 1 GB",
        "inference": "90 s, 1 GB",
        "reasons": "60 s",
    },
    _LARGE: {
        "summary": "120 s, 4 GB",
        "classes": "120 s, 4 GB",
        "inference": "120 s, 4 GB",
        "cascade": "30 s",
    },
}
_WORDS = {
    "summary": "summary without inference over seeds",
    "classes": "classes of all variants, over runs and images",
    "inference": "jackknife and 1,999 exchanges of all variants",
    "reasons": "slices and scores of all variants, by features of 64 columns",
    "cascade": "cascade of all variants",
    "reading": "reading the columns alone",
    "duckdb": "DuckDB mode(), modal labels only",
    "reference": "the paper's method, modal labels only, extrapolated",
    "stability": "stability of all variants, 200 resamples",
}


def _measure(what: str, folder: SweepFolder) -> None:
    """Print seconds, and this process's peak memory in GB."""
    work: Callable[[], float | None] = {
        "summary": lambda: _none(SweepResults(folder).summary(wait=False)),
        "inference": lambda: SweepResults(folder).inference.keep(lambda *_: None),
        "classes": lambda: _none(SweepResults(folder).classes()),
        "reasons": lambda: _reasons(folder),
        "cascade": lambda: _none(SweepResults(folder).cascade()),
        "reading": lambda: _read(folder),
        "duckdb": lambda: _duckdb(folder),
        "reference": lambda: _reference(folder),
        "stability": lambda: _none(SweepResults(folder).stability()),
    }[what]
    started = time.perf_counter()
    extrapolated = work()
    seconds = time.perf_counter() - started if extrapolated is None else extrapolated
    print(seconds, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e6)


def _reasons(folder: SweepFolder) -> None:
    """Compute slices and scores, with features clustered by class."""
    if read_features(folder) is None:
        label = folder.read_images([schema.LABEL])[schema.LABEL].to_numpy()
        generator = np.random.default_rng(0)
        centres = generator.normal(0, 1, (int(label.max()) + 1, 64))
        values = centres[label] + generator.normal(0, 1, (len(label), 64))
        with folder.locked():
            record = write_features(folder, values.astype(np.float32))
            manifest = folder.manifest()
            manifest.files[FEATURES] = record
            folder.write_manifest(manifest)
    results = SweepResults(folder)
    started = time.perf_counter()
    for variant_id in results.compressed_ids:
        results.slices(variant_id)
        results.scores(variant_id)
    print(f"{time.perf_counter() - started:.1f} s without the features", file=sys.stderr)


def _none(_: object) -> None:
    return None


def _read(folder: SweepFolder) -> None:
    manifest = folder.manifest()
    n_images = folder.read_images([schema.LABEL]).num_rows
    columns = (schema.PREDICTION, schema.CONFIDENCE, schema.TRUE_RANK)
    for variant in manifest.variants:
        folder.read_population(variant.variant_id, columns, manifest.seeds, n_images)


def _duckdb(folder: SweepFolder) -> None:
    import duckdb

    for variant in folder.manifest().variants:
        files = str(folder.path / "predictions" / variant.variant_id / "*.parquet")
        duckdb.execute(
            "select image_id, mode(prediction) from read_parquet($files) group by image_id",
            {"files": files},
        ).fetchnumpy()


def _reference(folder: SweepFolder) -> float:
    """Return the seconds to filter a frame of all predictions once an image, for all variants."""
    import pandas as pd

    manifest = folder.manifest()
    frame = pd.concat(
        [
            pd.read_parquet(
                folder.path / "predictions" / DENSE_ID / f"seed-{seed}.parquet",
                columns=[schema.IMAGE_ID, schema.PREDICTION],
            )
            for seed in manifest.seeds
        ]
    )
    started = time.perf_counter()
    for image in range(_REFERENCE_IMAGES):
        frame[frame[schema.IMAGE_ID] == image][schema.PREDICTION].mode().max()
    each = (time.perf_counter() - started) / _REFERENCE_IMAGES
    return each * (len(frame) / len(manifest.seeds)) * len(manifest.variants)


if __name__ == "__main__":
    main()
