"""Time and memory of ``lethe.audit``: 50,000 images x 1,000 classes, float32, two models.

Timed from the call to the written sweep; its peak memory is measured above that of the arrays.
"""

import argparse
import resource
import tempfile
import time

import numpy as np

from analysis.notebook.audit import audit

_TARGET_SECONDS, _TARGET_MEMORY = 10, 2


def main() -> None:
    """Print seconds, and peak memory as a multiple of the arrays' size."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.audit_arrays")
    parser.add_argument("--images", type=int, default=50_000)
    parser.add_argument("--classes", type=int, default=1_000)
    options = parser.parse_args()
    generator = np.random.default_rng(0)
    shape = (options.images, options.classes)
    labels = generator.integers(0, options.classes, options.images)
    dense = generator.standard_normal(shape, np.float32)
    dense[np.arange(options.images), labels] += 4
    noise = generator.standard_normal(shape, np.float32)
    noise *= 0.1
    noise += dense
    with tempfile.TemporaryDirectory() as folder:
        before, started = _peak(), time.perf_counter()
        loaded = audit({"dense": dense, "int8": noise}, labels=labels, cache=folder)
        seconds, more = time.perf_counter() - started, _peak() - before
        table = loaded.summary()
    size = dense.nbytes + noise.nbytes
    print(f"top-1: {table.top1_mean.round(4).tolist()}")
    print(
        f"{options.images:,} x {options.classes:,} float32, two models: {seconds:.1f} s (target "
        f"{_TARGET_SECONDS}); memory {1 + more / size:.2f} times the arrays' {size / 1e6:.0f} MB "
        f"(target {_TARGET_MEMORY})"
    )


def _peak() -> int:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024


if __name__ == "__main__":
    main()
