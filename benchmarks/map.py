"""Time to make a map of images, and speed of its page in a real browser.

``python -m benchmarks.map [--images 50000] [--columns 128] [--cache DIR]`` makes a sweep of random
predictions and clustered features, runs ``lethe map`` as the page does, starts the app on a free
port of this machine, opens the page in Chromium, and times the first paint, a lasso to its images
counted, and the step to their gallery.
"""

import statistics
import subprocess
import sys
import time
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.gallery import (
    ROOT,
    SWEEP,
    Browsing,
    app,
    base_parser,
    find_chromium,
    free_port,
    memory,
    prepared_cache,
)  # fmt: skip

_PAINTED = "() => document.querySelector('.lethe-map')?.dataset.painted !== undefined"
_N_CHOSEN = 5_000
# Draws a lasso around the nearest neighbours of a point, in the map's coordinates.
_LASSO = """n => {
  const map = document.querySelector('.lethe-map').lethe;
  const far = [...map.xs].map((x, i) => Math.hypot(x - map.xs[0], map.ys[i] - map.ys[0]));
  const r = [...far].sort((a, b) => a - b)[Math.min(n, map.n - 1)];
  const turns = [...Array(64).keys()].map((i) => (i / 32) * Math.PI);
  map.select(turns.map((t) => [map.xs[0] + r * Math.cos(t), map.ys[0] + r * Math.sin(t)]));
}"""


def make_features(n: int, columns: int) -> np.ndarray[Any, Any]:
    """Draw random features in clusters, like those of classes."""
    generator = np.random.default_rng(0)
    centres = 2 * generator.normal(size=(100, columns))
    drawn = centres[generator.integers(0, 100, n)] + generator.normal(size=(n, columns))
    return drawn.astype(np.float32)


def _make_sweep(root: Path, n: int, columns: int) -> None:
    from analysis.outputs.features import Features, publish_features
    from benchmarks._caches import make_cache, thumbnails

    folder = make_cache(
        root, n_images=n, n_classes=100, seeds=4, thumbnail=thumbnails(), name=SWEEP,
        variants=("magnitude=0.5,0.9",),
    )  # fmt: skip
    values = make_features(n, columns).astype(np.float16)
    publish_features(folder, folder.manifest(), Features(values, "drawn"))


def _map(cache: Path) -> float:
    start = time.perf_counter()
    words = ["map", SWEEP, "--cache", str(cache)]
    subprocess.run([sys.executable, "-m", "analysis", *words], cwd=ROOT, check=True, timeout=3600)
    return time.perf_counter() - start


def _paint(browsing: Browsing, address: str) -> float:
    start = time.perf_counter()
    browsing.page.goto(address)
    browsing.page.wait_for_function(_PAINTED, timeout=120_000)
    return time.perf_counter() - start


def _run(cache: Path, chromium: str, rounds: int) -> None:
    port, browsing = free_port(), Browsing(chromium)
    paints, lassos, galleries = [], [], []
    try:
        with app(cache, port) as server:
            address = f"http://127.0.0.1:{port}/map?sweep={SWEEP}"
            for _ in range(rounds + 1):
                paints.append(_paint(browsing, address))
            page = browsing.page
            for _ in range(rounds):
                page.wait_for_timeout(1000)
                start = time.perf_counter()
                page.evaluate(_LASSO, _N_CHOSEN)
                page.wait_for_selector(".st-key-map-gallery button:enabled", timeout=60_000)
                lassos.append(time.perf_counter() - start)
                page.wait_for_timeout(1000)
                start = time.perf_counter()
                page.locator(".st-key-map-gallery button").click()
                page.wait_for_function(
                    "() => { const all = [...document.querySelectorAll('[data-testid=gallery-tile] "
                    "img')]; return all.length > 0 && all.every(i => i.naturalWidth > 0); }",
                    timeout=60_000,
                )
                galleries.append(time.perf_counter() - start)
                _paint(browsing, address)
            print(
                f"first paint: first {paints[0]:.2f} s, then {statistics.median(paints[1:]):.2f} s"
            )
            print(f"lasso to {_N_CHOSEN:,} images counted: {statistics.median(lassos):.2f} s")
            print(f"selection to gallery painted: {statistics.median(galleries):.2f} s")
            print(f"sent to the browser in all: {browsing.n_bytes / 1e6:.1f} MB")
            print(f"server memory at most: {memory(server.pid, 'VmHWM'):.2f} GB")
    finally:
        browsing.close()


def main() -> int:
    """Measure and print."""
    parser = base_parser("map")
    parser.add_argument("--columns", type=int, default=128)
    parser.add_argument("--rounds", type=int, default=5)
    options = parser.parse_args()
    chromium = find_chromium()
    make = partial(_make_sweep, n=options.images, columns=options.columns)
    with prepared_cache(options.cache, make) as cache:
        print(f"map of {options.images:,} images: {_map(cache):.0f} s")
        _run(cache, chromium, options.rounds)
    return 0


if __name__ == "__main__":
    sys.exit(main())
