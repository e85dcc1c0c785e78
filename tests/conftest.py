"""What every test needs: no network, one thread, and a small real sweep made once."""

import os
from pathlib import Path

import pytest

os.environ.setdefault("HF_HUB_OFFLINE", "1")
os.environ.setdefault("OMP_NUM_THREADS", "1")

from analysis.config import Sweep, Training, parse_variants
from analysis.store import Cache, SweepFolder


def small_sweep(name: str = "small", **changes: object) -> Sweep:
    """A sweep of a few seconds: real digits, one pruned and two quantized variants."""
    options: dict[str, object] = {
        "name": name,
        "dataset": "digits",
        "model": "tiny_cnn",
        "variants": parse_variants(["magnitude=0.9", "int8-static", "int8-dynamic"]),
        "seeds": 2,
        "training": Training(epochs=3, prune_every=4),
        "train_limit": 600,
        "test_limit": 200,
    }
    return Sweep(**(options | changes))  # type: ignore[arg-type]


@pytest.fixture(scope="session")
def swept(tmp_path_factory: pytest.TempPathFactory) -> SweepFolder:
    """The small sweep, finished by two workers. Do not change it."""
    from analysis.sweep.run import run_sweep

    cache = Cache(tmp_path_factory.mktemp("swept"))
    run_sweep(small_sweep(), cache, n_workers=2, device="cpu")
    return cache.sweep("small")


def prediction_bytes(folder: SweepFolder) -> dict[str, bytes]:
    """Bytes of every prediction file by its name."""
    files: list[Path] = sorted((folder.path / "predictions").rglob("*.parquet"))
    return {folder.relative(path): path.read_bytes() for path in files}
