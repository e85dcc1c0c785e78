"""What every test needs: no network, one thread, and a small real sweep made once."""

import functools
import gc
import hashlib
import os
import sys
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

import pytest
from filelock import FileLock
from hypothesis import settings

os.environ.setdefault("HF_HUB_OFFLINE", "1")
os.environ.setdefault("OMP_NUM_THREADS", "1")

from analysis.config import Sweep, Training, parse_variants
from analysis.execution import dask, local
from analysis.store import Cache, SweepFolder
from tests import workers
from tests.gate import Gate

# A busy machine may take any time for a test.
settings.register_profile("untimed", deadline=None)
settings.load_profile("untimed")

# Files that take longest, so that no process is left with one of them at the end.
_LONGEST = (
    "dashboard/test_accessibility", "test_shifts", "dashboard/test_browser", "test_sweep",
    "security/test_browser", "security/test_uploads", "remote/test_cache", "test_packaging",
    "test_engines", "report/test_report", "test_schedules", "dashboard/test_states",
    "dashboard/test_annotate_browser", "dashboard/test_import_browser", "dashboard/test_sweeps",
    "dashboard/test_sweeps_browser", "dashboard/test_browser_selection",
    "dashboard/test_browser_many_classes", "dashboard/test_given_browser", "given/test_sweeps",
)  # fmt: skip


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Begin with the files that take longest."""
    root = Path(__file__).parent
    ranks = {root / f"{name}.py": rank for rank, name in enumerate(_LONGEST)}
    items.sort(key=lambda item: ranks.get(item.path, len(ranks)))


def pytest_collection_finish() -> None:
    """Leave what was imported out of later collections: Streamlit asks for one after every run."""
    gc.collect()
    gc.freeze()


@pytest.fixture(scope="session", autouse=True)
def _quick_workers() -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        if workers.IS_POSSIBLE:
            patch.setattr(local, "ProcessPoolExecutor", workers.forked_pool)
            patch.setattr(dask, "_local_cluster", workers.forked_cluster)
        yield


@pytest.fixture(scope="session", autouse=True)
def _packages_read_once() -> Iterator[None]:
    """AppTest looks through all installed packages for components before each first run."""
    with pytest.MonkeyPatch.context() as patch:
        if "streamlit.testing.v1" in sys.modules:
            from streamlit.components.v2 import manifest_scanner

            scan = functools.cache(manifest_scanner.scan_component_manifests)
            patch.setattr(manifest_scanner, "scan_component_manifests", scan)
        yield


@pytest.fixture(autouse=True)
def _spawned(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    if request.node.get_closest_marker("spawned") is not None:
        monkeypatch.setattr(local, "ProcessPoolExecutor", ProcessPoolExecutor)
        monkeypatch.setattr(dask, "_local_cluster", workers.spawned_cluster)


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


def made_once(
    tmp_path_factory: pytest.TempPathFactory, name: str, make: Callable[[Path], object]
) -> Path:
    """A folder that the first process of a test run to want it makes, and all of them share."""
    run = tmp_path_factory.getbasetemp()
    if os.environ.get("PYTEST_XDIST_WORKER"):
        run = run.parent
    folder = run / f"shared-{name}"
    with FileLock(run / f"shared-{name}.lock"):
        if not folder.exists():
            under_way = run / f"making-{name}-{os.getpid()}"
            under_way.mkdir()
            make(under_way)
            under_way.rename(folder)
    return folder


@pytest.fixture(scope="session")
def swept(tmp_path_factory: pytest.TempPathFactory) -> SweepFolder:
    """The small sweep, finished by two workers that were spawned. Do not change it."""
    from analysis.sweep.run import run_sweep

    def make(root: Path) -> None:
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(local, "ProcessPoolExecutor", ProcessPoolExecutor)
            run_sweep(small_sweep(), Cache(root), n_workers=2, device="cpu")

    return Cache(made_once(tmp_path_factory, "swept", make)).sweep("small")


@pytest.fixture
def gate(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> Gate:
    """What sweeps that the test starts as commands stop at half-way, until it is opened."""
    return Gate(tmp_path_factory.mktemp("gate"), monkeypatch)


def digest(content: bytes) -> str:
    """SHA-256 of a file's bytes: what differs fits a line of the assertion that finds it."""
    return hashlib.sha256(content).hexdigest()


def prediction_digests(folder: SweepFolder) -> dict[str, str]:
    """SHA-256 of every prediction file by its name."""
    files: list[Path] = sorted((folder.path / "predictions").rglob("*.parquet"))
    return {folder.relative(path): digest(path.read_bytes()) for path in files}
