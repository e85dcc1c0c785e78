"""Import of tables of millions of rows: time and peak memory, as Parquet and as CSV.

Rows are sorted by image, with runs in random order, unlike in the cache.
"""

import argparse
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
import pandas as pd

_CLASSES = 1_000
_IMAGES = 50_000
_BLOCK = 250_000


def main() -> None:
    """Write the tables, then import each in its own process."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.import_rows")
    parser.add_argument("--rows", type=int, default=5_000_000)
    parser.add_argument("--folder", type=Path, help="keep the tables here for later runs")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(dir=options.folder) as temporary:
        for kind in ("parquet", "csv"):
            path = (options.folder or Path(temporary)) / f"rows-{options.rows}.{kind}"
            if not path.exists():
                _write(path, options.rows)
            seconds, gigabytes = _import_table(path, Path(temporary) / kind)
            print(
                f"{options.rows:,} rows as {kind} ({path.stat().st_size / 1e9:.2f} GB): "
                f"{seconds:.0f} s, peak {gigabytes:.2f} GB (target 2 GB)",
                flush=True,
            )


def _import_table(path: Path, cache: Path) -> tuple[float, float]:
    """Import a table; return the seconds, derived tables included, and the peak memory in GB."""
    words = [sys.executable, "-m", "analysis", "import", str(path), "--name", "rows"]
    started = time.perf_counter()
    process = subprocess.Popen([*words, "--cache", str(cache)], stdout=subprocess.DEVNULL)
    _, status, used = os.wait4(process.pid, 0)
    if os.waitstatus_to_exitcode(status):
        raise SystemExit(f"{path} was not imported")
    return time.perf_counter() - started, used.ru_maxrss * 1024 / 1e9


def _write(path: Path, n_rows: int) -> None:
    """Write random predictions of 50,000 images, image by image, with runs in random order."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    n_runs = max(2, 2 * (n_rows // _IMAGES // 2))
    generator = np.random.default_rng(0)
    label = generator.integers(0, _CLASSES, _IMAGES)
    label[:_CLASSES] = np.arange(_CLASSES)
    variants = np.array(["dense", "magnitude-0.90"])
    per_block = max(1, _BLOCK // n_runs)
    writer = None
    with path.open("wb") as file:
        for start in range(0, _IMAGES, per_block):
            images = np.arange(start, min(start + per_block, _IMAGES))
            image = np.repeat(images, n_runs)
            run = np.concatenate([generator.permutation(n_runs) for _ in images])
            wrong = generator.random(len(run)) < 0.25
            prediction = np.where(wrong, generator.integers(0, _CLASSES, len(run)), label[image])
            right = prediction == label[image]
            sure = generator.random(len(run)).round(5)
            frame = pd.DataFrame(
                {
                    "image_id": image,
                    "label": label[image],
                    "seed": run // 2,
                    "variant_id": variants[run % 2],
                    "prediction": prediction,
                    "confidence": sure,
                    "true_confidence": np.where(right, sure, sure / 2),
                    "true_rank": np.where(right, 0, 1),
                }
            )
            if path.suffix == ".csv":
                file.write(frame.to_csv(index=False, header=start == 0).encode())
                continue
            table = pa.Table.from_pandas(frame, preserve_index=False)
            writer = writer or pq.ParquetWriter(file, table.schema)
            writer.write_table(table)
        if writer is not None:
            writer.close()


if __name__ == "__main__":
    main()
